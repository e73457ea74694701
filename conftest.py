"""What every test and every doctest runs under. Nothing here may import ``triality``: the run-time type checks are installed on import."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import jax

# float64, so that identities can be held to 1e-10; a float32 check says so itself.
jax.config.update("jax_enable_x64", True)
