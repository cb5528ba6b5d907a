"""Read the figures that the study published back into images, masks and anomaly maps."""
