"""A generator as its own reference measure: densities relative to q, so that log q is zero everywhere.

    p_theta(x) = q(x) exp(-f(x))/Z:     relative to q the density is exp(-f(x))/Z, and that of q itself is 1

Every objective and every estimator of log Z here sees E and log q through r = -E - log q = -f alone. Where E is a tilt of a frozen q, both
can be had relative to q, and q's density need never be evaluated: for a generator whose density or draw is slow, most of the work.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.sampler import AbstractSampler


class AsReference(AbstractSampler[Any]):
    """Draws of ``base``, whose density relative to ``base`` is one.

    Args:
        base: q.

    Example:
        >>> import jax
        >>> from triality.partition.importance import importance
        >>> from triality.sampler import draw
        >>> from triality.samplers.gaussian import Gaussian
        >>> q = AsReference(Gaussian(jnp.zeros(1), jnp.zeros(1)))
        >>> drawn = draw(q, jax.random.key(0), 20_000)
        >>> estimate = importance(0.5 * drawn.x[:, 0] - drawn.log_q)  # f(x) = -x/2, log Z = 1/8
        >>> bool(jnp.abs(estimate.value - 0.125) < 3 * estimate.stderr)
        True
    """

    base: AbstractSampler[Any]

    def log_prob(self, x: Any) -> Float[Array, ""]:
        """Zero: with respect to ``base``."""
        del x
        return jnp.zeros(())

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Any, Float[Array, ""]]:
        """A draw of ``base``; zero."""
        return self.base.sample(key), jnp.zeros(())
