"""What the sampler minimizes: the KL form of eq. 2, and the generator losses of a GAN on the log density ratio alone.

    r(x) = log p_theta(x) - log q(x) = -E(x) - log Z - log q(x)      no nu, and b only as a constant (D7)

    sum of the two:   E_q[-r]            = log Z + E_q[E] + E_q[log q]: fact 3, KL(q || p_theta) when log Z is exact
    minimax:         -E_q[softplus(r)]   = E_q[log(1 - D)]
    non-saturating:   E_q[softplus(-r)]  = E_q[-log D]

D is frozen while the generator moves. Differentiating the last two through the log q *inside* D gives a wrong gradient; only the sum is
immune, and only the sum has the reverse-KL optimum.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.numerics import weighted_mean


def sampler_loss(energy: Float[Array, " n"], log_q: Float[Array, " n"], log_weight: Float[Array, " n"] | None = None) -> Float[Array, ""]:
    """E_q[E] + E_q[log q] (eq. 2), in nats; plus log Z it is KL(q || p_theta) >= 0.

    Example:
        >>> import jax.numpy as jnp
        >>> float(sampler_loss(jnp.array([1.0, 3.0]), jnp.array([-1.0, -2.0])))
        0.5
    """
    return _mean(energy + log_q, log_weight)


def sum_loss(log_ratio: Float[Array, " n"], log_weight: Float[Array, " n"] | None = None) -> Float[Array, ""]:
    """E_q[log(1 - D) - log D] = E_q[-r] (section 2.1's sum of both variants; fact 3)."""
    return _mean(-log_ratio, log_weight)


def minimax_loss(log_ratio: Float[Array, " n"], log_weight: Float[Array, " n"] | None = None) -> Float[Array, ""]:
    """E_q[log(1 - D)] = -E_q[softplus(r)]: saturates where samples are told apart."""
    return _mean(-jax.nn.softplus(log_ratio), log_weight)


def non_saturating_loss(log_ratio: Float[Array, " n"], log_weight: Float[Array, " n"] | None = None) -> Float[Array, ""]:
    """E_q[-log D] = E_q[softplus(-r)]."""
    return _mean(jax.nn.softplus(-log_ratio), log_weight)


def score_function_loss(
    signal: Float[Array, " n"], log_q: Float[Array, " n"], baseline: Float[Array, ""] | float = 0.0
) -> Float[Array, ""]:
    """Surrogate whose gradient is E_q[(signal - baseline) d log q]: for samples that cannot be reparameterized.

    ``signal`` is frozen. With signal = E + log q it is the gradient of eq. 2, since E_q[d log q] = 0.
    """
    return jnp.mean(jax.lax.stop_gradient(signal - baseline) * log_q)


def _mean(values: Float[Array, " n"], log_weight: Float[Array, " n"] | None) -> Float[Array, ""]:
    """Under the weights, or a plain mean where every sample counts once."""
    return jnp.mean(values) if log_weight is None else weighted_mean(values, log_weight)
