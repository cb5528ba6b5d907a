"""The published study's result images in, what they show out: test images, masks and the study's own anomaly maps."""
