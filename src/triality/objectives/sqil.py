"""SQIL: least squares on a soft Bellman equation whose reward is 1 on demonstrations and 0 on everything else (Reddy et al. 2020, eq. 6).

    L = 1/2 E_data[(Q - (1 + after))^2] + 1/2 E_drawn[(Q - (0 + after))^2]

Each side counts half, however many samples it has. The targets are held fixed. The reward says who acted and not what the task is: there is
no cost to carry away, only the policy. The loss's value is no sign of progress: where both sides are alike it stays at 1/4, the variance of
a coin. Watch the return, or ``reward_data - reward_drawn``, which falls from 1 to 0 as they become alike.

Reference: Reddy, Dragan, Levine 2020, arXiv:1905.11108.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.numerics import weighted_mean
from triality.objectives.soft_q import SoftQ, SoftQMetrics


class SqilLoss(eqx.Module):
    """Squared soft Bellman error with rewards 1 and 0.

    Example:
        >>> side = SoftQ(q=jnp.array([3.0]), value=jnp.zeros(1), after=jnp.array([1.0]), log_weight=jnp.zeros(1))
        >>> loss, metrics = SqilLoss()(side, side, jnp.array(0.0))
        >>> float(loss), float(metrics.reward_data)  # 1/2 (2 - 1)^2 + 1/2 (2 - 0)^2
        (2.5, 2.0)
    """

    @property
    def looks_ahead_slowly(self) -> bool:
        """A regression on targets, which have to stand still."""
        return True

    def __call__(self, data: SoftQ, drawn: SoftQ, start_value: Float[Array, ""]) -> tuple[Float[Array, ""], SoftQMetrics]:
        """The loss, nats squared; where a trajectory starts does not matter to it."""
        del start_value
        data, drawn = (side._replace(after=jax.lax.stop_gradient(side.after)) for side in (data, drawn))
        on_data = weighted_mean(jnp.square(data.reward - 1.0), data.log_weight)
        on_drawn = weighted_mean(jnp.square(drawn.reward), drawn.log_weight)
        rewards = (weighted_mean(side.reward, side.log_weight) for side in (data, drawn))
        return 0.5 * (on_data + on_drawn), SoftQMetrics(*rewards)
