"""Effective sample size as a share, seen from either side: of draws of the generator, and of exact samples of the target.

    w(x) = exp(-E(x))/q(x)
    reverse: (E_q w)^2/E_q w^2,     from the generator's draws; blind to a mode that q misses, where it stays near one
    forward: 1/(E_p w E_p 1/w),     from samples of the target; a mode that q misses sends it to zero

Both estimate Z^2/E_q w^2 = 1/(1 + chi^2(p||q)), need no log Z, and lie in [0, 1]. A forward share far below the reverse one means a missed
mode.

Reference: Nicoli et al., Detecting and mitigating mode-collapse for flow-based sampling of lattice field theories, arXiv:2302.14082;
as in Midgley et al., arXiv:2208.01893.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.numerics import effective_sample_size, log_mean_exp


def reverse_share(log_ratio_drawn: Float[Array, " n"]) -> Float[Array, ""]:
    """Share from the generator's draws, between 1/n and 1; 0 if every weight is zero.

    Args:
        log_ratio_drawn: log w = -E(x) - log q(x) at draws of q, in nats, up to a constant.

    Example:
        >>> float(reverse_share(jnp.log(jnp.array([1.0, 3.0]))).round(4))  # (1 + 3)^2/(1 + 9)/2
        0.8
    """
    return effective_sample_size(log_ratio_drawn) / log_ratio_drawn.shape[0]


def forward_share(log_ratio_data: Float[Array, " n"]) -> Float[Array, ""]:
    """Share from exact samples of the target, between 0 and 1; 0 where q gives a sample density zero.

    Args:
        log_ratio_data: log w = -E(x) - log q(x) at samples of p, in nats, up to a constant; +inf where q is zero.

    Example:
        >>> float(forward_share(jnp.log(jnp.array([1.0, 3.0]))).round(4))  # 1/(2 * 2/3)
        0.75
    """
    missed = jnp.any(jnp.isposinf(log_ratio_data))
    safe = jnp.where(jnp.isposinf(log_ratio_data), 0.0, log_ratio_data)
    return jnp.where(missed, 0.0, jnp.exp(-log_mean_exp(safe) - log_mean_exp(-safe)))
