"""Three gradients of a cost in exact expectation, each given a generator pi that need not be the cost's own optimum pi_c.

    exact, per-decision weights (D9):  n_E(x, u) - n_{pi_c}(x, u)                      guided cost; pi cancels
    single-step weights (D9):          n_E(x, u) - n_pi(x) pi_c(u|x)                   AIRL
    step discriminator:                n_E(x, u) (1 - D) - n_pi(x, u) D,               GAN-GCL on single steps
                                       D = sigmoid(-c(x, u) - log pi(u|x))

All are derivatives of losses, to be descended; positive where the cost should fall. n_E: demonstrated, n_pi: pi's visits. Weights rho_{1:t}
= prod pi_c / pi turn the expected visits of pi into those of pi_c exactly, so in expectation the first needs no pi at all. rho_t alone
corrects the action and leaves the state as pi visits it: biased by (n_{pi_c}(x) - n_pi(x)) pi_c(u|x), which vanishes as pi -> pi_c.
The discriminator's vanishes where -c - log pi = log n_E - log n_pi; with pi = pi_E that is c = -log pi_E, the negative advantage (D10).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.tabular.demonstrations import Visitation
from triality.tabular.in_expectation.dense import exact_visits
from triality.tabular.mdp import TabularMDP

Table = Float[Array, "states actions"]


@runtime_checkable
class CostGradient(Protocol):
    """(mdp, demonstrated, cost, log pi_c, log pi) to the derivative of a loss in c(x, u), in visits a trajectory."""

    def __call__(self, mdp: TabularMDP, demonstrated: Visitation, cost: Table, log_model: Table, log_policy: Table) -> Table: ...


class PerDecisionWeights(eqx.Module):
    """The derivative of the likelihood itself: guided cost learning with an exact normalizer.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], jnp.ones((1, 2, 1)), 0, discount=0.5)
        >>> even, expert = jnp.log(jnp.full((1, 2), 0.5)), Visitation(jnp.array([[0.5, 1.5]]), jnp.ones(1))
        >>> PerDecisionWeights()(mdp, expert, jnp.zeros((1, 2)), even, even).round(6).tolist()
        [[-0.5, 0.5]]
    """

    def __call__(self, mdp: TabularMDP, demonstrated: Visitation, cost: Table, log_model: Table, log_policy: Table) -> Table:
        return demonstrated.state_action - exact_visits(mdp, log_model, demonstrated.start)


class SingleStepWeights(eqx.Module):
    """AIRL's: the state law of pi, the actions of pi_c."""

    def __call__(self, mdp: TabularMDP, demonstrated: Visitation, cost: Table, log_model: Table, log_policy: Table) -> Table:
        state = jnp.sum(exact_visits(mdp, log_policy, demonstrated.start), axis=-1, keepdims=True)
        return demonstrated.state_action - state * jnp.exp(log_model)


class StepDiscriminator(eqx.Module):
    """The density-aware discriminator's, at s = -c - log pi."""

    def __call__(self, mdp: TabularMDP, demonstrated: Visitation, cost: Table, log_model: Table, log_policy: Table) -> Table:
        log_odds = -cost - log_policy
        drawn = exact_visits(mdp, log_policy, demonstrated.start)
        return demonstrated.state_action * jax.nn.sigmoid(-log_odds) - drawn * jax.nn.sigmoid(log_odds)


def single_step_bias(mdp: TabularMDP, demonstrated: Visitation, cost: Table, log_model: Table, log_policy: Table) -> Table:
    """Single-step minus exact gradient (D9): sum over actions of it is the difference of state visits, n_{pi_c}(x) - n_pi(x).

    Args:
        mdp: discounted.
        demonstrated: it cancels but for the start law.
        cost: c(x, u).
        log_model: log pi_c, such as ``soft_policy(mdp, cost)``.
        log_policy: log pi of the generator.
    """
    arguments = (mdp, demonstrated, cost, log_model, log_policy)
    return SingleStepWeights()(*arguments) - PerDecisionWeights()(*arguments)
