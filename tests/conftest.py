"""Every test runs in float64; a float32 check says so itself."""

import jax

jax.config.update("jax_enable_x64", True)
