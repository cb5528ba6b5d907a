"""Distillation of the teacher that comes with the package from EfficientNet-Lite0; `nox -s distill` repeats it."""
