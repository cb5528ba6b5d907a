"""The two models of the study, built from anomalib with the weights the study names."""
