"""Guards: what must hold of a report before its paper is believed, asserted by pytest."""
