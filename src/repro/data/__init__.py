"""Data sets in MVTec AD layout: drawn, read and checked."""
