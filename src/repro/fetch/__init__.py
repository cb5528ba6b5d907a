"""Data sets and weights from the internet or from a local copy, placed where anomalib and timm look for them."""
