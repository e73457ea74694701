"""Have chains from different starts forgotten them? Split R-hat, and which mode each chain is in.

    R-hat^2 = (n - 1)/n + (variance between half-chains)/(mean variance within them)

1 where every half-chain has the same law. It sees only what some chain has seen: all chains in one of two modes give 1. Start them wide
apart, from draws of a broad sampler.

References: Gelman and Rubin, Inference from iterative simulation using multiple sequences, Statistical Science 7 (1992); split as in
Gelman et al., Bayesian Data Analysis, third edition, section 11.4.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from triality.errors import ConfigError


def split_r_hat(path: Float[Array, "num_steps num_chains dim"]) -> Float[Array, " dim"]:
    """R-hat of each coordinate over chains cut in halves. Healthy: below 1.01; above 1.1 the chains have not met.

    Args:
        path: of ``run_chains``, warm-up cut off.

    Raises:
        ConfigError: fewer than four steps.

    Example:
        >>> import jax
        >>> apart = jnp.array([-5.0, 5.0])[:, None] + jax.random.normal(jax.random.key(0), (100, 2, 1))
        >>> bool(split_r_hat(apart)[0] > 5.0)
        True
    """
    half = path.shape[0] // 2
    if half < 2:
        raise ConfigError(f"expected at least four steps, got {path.shape[0]}; run the chains for longer")
    halves = jnp.concatenate([path[:half], path[half : 2 * half]], axis=1)
    within = jnp.mean(jnp.var(halves, axis=0, ddof=1), axis=0)
    between = jnp.var(jnp.mean(halves, axis=0), axis=0, ddof=1)
    return jnp.sqrt((half - 1) / half + between / within)


def nearest_mode(x: Float[Array, "*shape dim"], modes: Float[Array, "num_modes dim"]) -> Int[Array, "*shape"]:
    """Index of the mode that each point is nearest to."""
    return jnp.argmin(jnp.sum((x[..., None, :] - modes) ** 2, axis=-1), axis=-1)


def mode_visits(
    path: Float[Array, "num_steps num_chains dim"], modes: Float[Array, "num_modes dim"]
) -> tuple[Float[Array, " num_modes"], Float[Array, ""]]:
    """Share of all steps in each mode, to be held against the law's own; and the share of steps that go from one mode to another.

    Without passages the shares are those of the starts, whatever the law.

    Example:
        >>> path = jnp.array([0.1, 0.9, 1.1, -0.2])[:, None, None]
        >>> shares, passages = mode_visits(path, jnp.array([[0.0], [1.0]]))
        >>> shares.tolist(), round(float(passages), 4)
        ([0.5, 0.5], 0.6667)
    """
    where = nearest_mode(path, modes)
    shares = jnp.mean((where[..., None] == jnp.arange(modes.shape[0])).astype(modes.dtype), axis=(0, 1))
    return shares, jnp.mean((where[1:] != where[:-1]).astype(modes.dtype))
