"""Downloads and local copies of data sets and weights, installed where anomalib and timm look for them."""
