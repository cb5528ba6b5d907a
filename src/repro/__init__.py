"""A results paper on visual anomaly detection that rebuilds itself from one command."""

__version__ = "0.1.0"
