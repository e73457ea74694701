"""Inverse soft Q-learning: the maximum-entropy inverse problem in Q alone, the reward eliminated (Garg et al. 2021, eqs. 9 and 10).

    J(Q) = E_data[r] - (1 - gamma) E_start[V(x_0)] - 1/(4 alpha) E[r^2],   r = Q - gamma (1 - terminated) V(x')       maximized; L = -J

V(x) = E_pi[Q - temperature * log pi], where pi is the soft policy of Q. The last mean is over the demonstrations (the chi^2 divergence of
the paper), or over both sides, each half, which keeps r bounded where only the learner goes. Where the soft policy's occupancy is rho_pi,
the gradient is E_data[(1 - r/(2 alpha)) dr] - E_pi[dr] with the first penalty, so that at the optimum rho_pi = rho_data (1 - r/(2 alpha)):
occupancies are matched as alpha grows, and r is a reward of the task and not a verdict on who acted.

The two forms of the term in the middle are equal for exact expectations and differ by their samples:

    ``StartValue``     (1 - gamma) E_start[V(x_0)]                       the paper's v0: starts of demonstrations only
    ``ValueFlow``      E[V(x) - gamma (1 - terminated) V(x')]            the paper's value: it telescopes along any policy's transitions

The loss's value is no sign of progress while V is that of a policy that has not arrived. ``reward_data`` has to lie above
``reward_drawn``; the gap closes.

Reference: Garg, Chakraborty, Cundy, Song, Ermon 2021, arXiv:2106.12142.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.numerics import weighted_mean
from triality.objectives.soft_q import SoftQ, SoftQMetrics


@runtime_checkable
class ValueTerm(Protocol):
    """(1 - gamma) E_start[V(x_0)], or what telescopes to it; nats."""

    def __call__(self, data: SoftQ, drawn: SoftQ, start_value: Float[Array, ""], gamma: Float[Array, ""]) -> Float[Array, ""]: ...


class StartValue(eqx.Module):
    """(1 - gamma) E_start[V(x_0)]: few samples, and exact however the demonstrations are cut."""

    def __call__(self, data: SoftQ, drawn: SoftQ, start_value: Float[Array, ""], gamma: Float[Array, ""]) -> Float[Array, ""]:
        del data, drawn
        return (1.0 - gamma) * start_value


class ValueFlow(eqx.Module):
    """E[V(x) - after], each side half: many samples. Telescopes over discounted occupancies; over pooled steps approximately."""

    def __call__(self, data: SoftQ, drawn: SoftQ, start_value: Float[Array, ""], gamma: Float[Array, ""]) -> Float[Array, ""]:
        del start_value, gamma
        on_data, on_drawn = (weighted_mean(side.value - side.after, side.log_weight) for side in (data, drawn))
        return 0.5 * (on_data + on_drawn)


class IqLearnLoss(eqx.Module):
    """-J(Q), to be minimized in Q. Gradients flow through V(x') as well: the loss is no regression on a target.

    Args:
        gamma: discount, the same as that of ``after``.
        alpha: how far from 0 rewards may go, nats; the larger, the closer occupancies are matched, and the noisier Q.
        value_term: see above.
        drawn_share: share of the penalty that is on the learner's own transitions, from 0 (the divergence's own) to below 1.

    Example:
        >>> side = SoftQ(q=jnp.array([3.0]), value=jnp.array([2.0]), after=jnp.array([1.0]), log_weight=jnp.zeros(1))
        >>> loss, _ = IqLearnLoss(gamma=0.5, alpha=0.5)(side, side, jnp.array(4.0))
        >>> float(loss)  # -2 + (2 - 1) + 2^2 / 2
        1.0
    """

    gamma: Float[Array, ""] = eqx.field(default=0.99, converter=jnp.asarray)
    alpha: Float[Array, ""] = eqx.field(default=0.5, converter=jnp.asarray)
    value_term: ValueTerm = ValueFlow()
    drawn_share: Float[Array, ""] = eqx.field(default=0.5, converter=jnp.asarray)

    @property
    def looks_ahead_slowly(self) -> bool:
        """The gradient of J goes through V(x') as well."""
        return False

    def __call__(self, data: SoftQ, drawn: SoftQ, start_value: Float[Array, ""]) -> tuple[Float[Array, ""], SoftQMetrics]:
        """The loss, nats."""
        reward_data, reward_drawn = (weighted_mean(side.reward, side.log_weight) for side in (data, drawn))
        of_data, of_drawn = (weighted_mean(jnp.square(side.reward), side.log_weight) for side in (data, drawn))
        penalty = ((1.0 - self.drawn_share) * of_data + self.drawn_share * of_drawn) / (4.0 * self.alpha)
        loss = self.value_term(data, drawn, start_value, self.gamma) - reward_data + penalty
        return loss, SoftQMetrics(reward_data, reward_drawn)
