"""triality: energies learned from samples, with generators whose density can be evaluated."""

__version__ = "0.1.0"
