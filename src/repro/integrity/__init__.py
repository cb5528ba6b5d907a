"""Whether files are what was made: verify, repair, compare, recompute, and the guard against metric regression."""
