"""Benchmark of Qdrant's engines on all patches of a study: time, memory and recall."""
