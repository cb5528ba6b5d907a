"""The teacher that comes with the package, distilled from EfficientNet-Lite0; `nox -s distill` makes it again."""
