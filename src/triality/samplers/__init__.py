"""Samplers of known density, one a file."""
