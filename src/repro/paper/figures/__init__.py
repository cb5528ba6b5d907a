"""One module a kind of figure, drawn on `sheet`."""
