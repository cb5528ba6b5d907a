"""Arrays in, numbers out: detection metrics, their intervals, leak-free thresholds, ranking."""
