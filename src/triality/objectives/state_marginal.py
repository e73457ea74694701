"""State-marginal matching with an analytic gradient for a reward of the state (f-IRL, Ni et al. 2020, theorem 4.1).

    p_theta(tau) ~ P(tau) exp(sum_t r_theta(x_t)/temperature),   rho_theta = its law of states, pooled over t,   u = rho_data/rho_theta

    grad_theta D_f(rho_data || rho_theta) = 1/(temperature T) Cov_{tau ~ p_theta}(sum_t h_f(u(x_t)), sum_t grad r_theta(x_t))
    D_f(p || q) = E_q[f(p/q)],   h_f(u) = f(u) - f'(u) u

| divergence | f(u) | h_f, from s = log u |
|---|---|---|
| forward KL | u log u | -exp(s) |
| reverse KL | -log u | 1 - s |
| Jensen-Shannon | u log u - (1 + u) log((1 + u)/2) | log 2 - softplus(s) |

Here r = -c, so that the covariance enters with a minus: ``covariance_loss`` is a surrogate whose gradient in c is that of the divergence.
Its value is that of nothing. The covariance is over whole trajectories, with the mean of the *same* draws taken out: with another mean it
is off by that mean's error times the gradient of the expected reward. A constant in c drops out where trajectories are equally long.

Reference: Ni, Sikchi, Wang, Gupta, Lee, Eysenbach 2020, arXiv:2011.04709.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

LOG_2 = 0.6931471805599453


@runtime_checkable
class MarginalDivergence(Protocol):
    """h_f from the log density ratio s = log rho_data - log rho_theta of one state; falls with s."""

    def __call__(self, log_ratio: Float[Array, ""]) -> Float[Array, ""]: ...


class ForwardKL(eqx.Module):
    """KL(rho_data || rho_theta): covers what is demonstrated. exp(s) has heavy tails, so s is held below ``most``, nats.

    Example:
        >>> float(ForwardKL()(jnp.array(0.0))), float(ReverseKL()(jnp.array(3.0))), float(JensenShannon()(jnp.array(0.0)))
        (-1.0, -2.0, 0.0)
    """

    most: float = 5.0

    def __call__(self, log_ratio: Float[Array, ""]) -> Float[Array, ""]:
        return -jnp.exp(jnp.minimum(log_ratio, self.most))


class ReverseKL(eqx.Module):
    """KL(rho_theta || rho_data): seeks what is demonstrated, and bounds nothing where it is not."""

    def __call__(self, log_ratio: Float[Array, ""]) -> Float[Array, ""]:
        return 1.0 - log_ratio


class JensenShannon(eqx.Module):
    """Twice the Jensen-Shannon divergence: bounded; it forgets where only the learner goes, since h is flat there."""

    def __call__(self, log_ratio: Float[Array, ""]) -> Float[Array, ""]:
        return LOG_2 - jax.nn.softplus(log_ratio)


def covariance_loss(
    per_step: Float[Array, "n time"],
    costs: Float[Array, "n time"],
    mask: Bool[Array, "n time"],
    log_weight: Float[Array, " n"],
) -> Float[Array, ""]:
    """-Cov(sum_t h_f, sum_t c)/T over trajectories drawn from p_theta: its gradient in c is the divergence's at temperature 1.

    Args:
        per_step: h_f of every state; no gradient goes through it.
        costs: c of the same states, low = likely: what is differentiated.
        mask: real steps.
        log_weight: of trajectories; 0 for draws from p_theta, log p_theta where they are enumerated.

    Example:
        >>> mask, zero = jnp.ones((2, 1), bool), jnp.zeros(2)
        >>> h, c = jnp.array([[-3.0], [-1.0]]), jnp.array([[5.0], [5.0]])
        >>> jax.grad(covariance_loss, argnums=1)(h, c, mask, zero).tolist()  # the first is too rare: its cost falls
        [[0.5], [-0.5]]
    """
    share = jax.lax.stop_gradient(jax.nn.softmax(log_weight))
    sums = jax.lax.stop_gradient(jnp.sum(jnp.where(mask, per_step, 0.0), axis=-1))
    centered = sums - jnp.sum(share * sums)
    length = jnp.sum(share * jnp.sum(mask, axis=-1))
    return -jnp.sum(share * centered * jnp.sum(jnp.where(mask, costs, 0.0), axis=-1)) / length
