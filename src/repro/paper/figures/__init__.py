"""One module for each kind of figure, drawn on a `sheet.Sheet`."""
