"""One module a section of the paper: records in, what its template prints out."""
