"""How q improves, one a file."""
