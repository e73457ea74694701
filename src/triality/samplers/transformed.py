"""A bijection of another sampler's draws: a flow whose base is not one Gaussian.

    x = T(z), z ~ q_0,     log q(x) = log q_0(T^-1(x)) + log |det dT^-1/dx|

A continuous T of one Gaussian joins its modes by threads of density; with a mixture as base there is nothing to join.
Reference: Stimper, Schölkopf, Hernández-Lobato, Resampling base distributions of normalizing flows, arXiv:2110.15828, on why.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Array, Float, Key

from triality.sampler import AbstractSampler


class Transformed(AbstractSampler[Float[Array, " dim"]]):
    """The law of T(z); density with respect to Lebesgue measure. Draws are differentiable where those of the base are.

    Args:
        base: q_0.
        bijection: T, an object with ``transform_and_log_det`` and ``inverse_and_log_det``: that of a flow.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.samplers.flow import masked_autoregressive_flow
        >>> from triality.samplers.gaussian_mixture import GaussianMixture
        >>> base = GaussianMixture(jnp.zeros(2), jnp.array([[-2.0, 0.0], [2.0, 0.0]]), jnp.zeros((2, 2)))
        >>> q = Transformed(base, masked_autoregressive_flow(jax.random.key(0), 2).bijection)
        >>> x, log_q = q.sample_and_log_prob(jax.random.key(1))
        >>> bool(jnp.abs(q.log_prob(x) - log_q) < 1e-9)
        True
    """

    base: AbstractSampler[Any]
    bijection: Any

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        z, log_det = self.bijection.inverse_and_log_det(x)
        return self.base.log_prob(z) + log_det

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        """One pass through T for both."""
        z, log_q = self.base.sample_and_log_prob(key)
        x, log_det = self.bijection.transform_and_log_det(z)
        return x, log_q - log_det
