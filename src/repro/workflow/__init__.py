"""Runs the stages: the Snakefile and its profiles, and what starts, supervises and interrupts it."""
