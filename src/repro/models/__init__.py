"""The models of the study, built from anomalib."""
