"""The policy of least cost, without entropy: what the systems before maximum entropy take for the best response to a cost.

    V(x) = min_u Q(x, u),   Q(x, u) = c(x, u) + gamma E[V(x')]        (costs: low = good)

Policies are deterministic. Ties go to the first action within ``TIE`` of the least, so that the answer does not hang on rounding.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.tabular.mdp import TabularMDP
from triality.tabular.visits import StepPolicies, discounted_visits, policy_visits

TIE = 1e-9
"""Costs closer than this count as equal."""


@eqx.filter_jit
def hard_optimum(mdp: TabularMDP, cost: Float[Array, "states actions"], tolerance: float = 1e-12) -> StepPolicies:
    """log pi(u|x), 0 for the best action and -inf elsewhere: (T, S, A) over a finite horizon, else (S, A).

    Value iteration; where the MDP is discounted until V moves by less than ``tolerance``, or rounding allows no better.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, discount=0.5)
        >>> hard_optimum(mdp, jnp.array([[2.0, 1.0]])).tolist()
        [[-inf, 0.0]]
    """
    probabilities = jnp.exp(mdp.log_probabilities)

    def q_of(value):
        return cost + mdp.discount * jnp.sum(probabilities * value[mdp.successors], axis=-1)

    def policy_of(q_value):
        best = jnp.argmax(q_value <= jnp.min(q_value, axis=-1, keepdims=True) + TIE, axis=-1)
        return jnp.log(jax.nn.one_hot(best, mdp.num_actions, dtype=cost.dtype))

    first = jnp.zeros(mdp.num_states, cost.dtype)
    if mdp.horizon is not None:

        def back(value, _):
            q_value = q_of(value)
            return jnp.min(q_value, axis=-1), policy_of(q_value)

        return jax.lax.scan(back, first, None, length=mdp.horizon, reverse=True)[1]

    def unfinished(carry):
        value, moved = carry
        return moved > jnp.maximum(tolerance, 4.0 * jnp.finfo(value.dtype).eps * jnp.max(jnp.abs(value)))

    def sweep(carry):
        after = jnp.min(q_of(carry[0]), axis=-1)
        return after, jnp.max(jnp.abs(after - carry[0]))

    value, _ = jax.lax.while_loop(unfinished, sweep, (first, jnp.array(jnp.inf, cost.dtype)))
    return policy_of(q_of(value))


def total_visits(mdp: TabularMDP, log_policy: StepPolicies, start: Float[Array, " states"]) -> Float[Array, "states actions"]:
    """Expected visits of a policy from ``start``: over the horizon, or discounted; in the unit of ``Visitation.state_action``."""
    return in_total(visits_by_step(mdp, log_policy, start))


@eqx.filter_jit
def visits_by_step(mdp: TabularMDP, log_policy: StepPolicies, start: Float[Array, " states"]) -> StepPolicies:
    """The same for every step, (T, S, A), over a finite horizon; discounted all together, (S, A)."""
    if mdp.horizon is None:
        return discounted_visits(mdp, log_policy, start, tolerance=1e-12).state_action
    return policy_visits(mdp, log_policy, start).state_action


def in_total(visits: StepPolicies) -> Float[Array, "states actions"]:
    """Visits of all steps together.

    Example:
        >>> in_total(jnp.ones((3, 1, 2))).tolist(), in_total(jnp.ones((1, 2))).tolist()
        ([[3.0, 3.0]], [[1.0, 1.0]])
    """
    return visits if visits.ndim == 2 else jnp.sum(visits, axis=0)


def policy_of_visits(visits: StepPolicies) -> StepPolicies:
    """log pi(u|x) of the one policy with these visits: that of a mixture, say; uniform where there are none.

    Example:
        >>> jnp.exp(policy_of_visits(jnp.array([[1.0, 3.0], [0.0, 0.0]]))).round(6).tolist()
        [[0.25, 0.75], [0.5, 0.5]]
    """
    total = jnp.sum(visits, axis=-1, keepdims=True)
    return jnp.where(total > 0, jnp.log(visits) - jnp.log(total), -jnp.log(visits.shape[-1]))
