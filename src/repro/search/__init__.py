"""Similarity search with Qdrant: features of images, rankings by them, and scores of the rankings."""
