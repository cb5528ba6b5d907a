"""Detection metrics, their intervals, leak-free thresholds and ranking metrics, computed on arrays."""
