"""Data sets in MVTec AD layout: drawing, reading and checking."""
