"""Qdrant among all patches of a study: time, memory and recall of each engine."""
