"""Apprenticeship by projection (Abbeel and Ng 2004): feature matching by best responses and a line search in feature space.

    w     = mean - f_E                                    a cost: what the mixture does more than the expert
    pi    = the policy of least cost w.f
    mean <- the point between mean and f_pi closest to f_E        stops at |mean - f_E|_2 <= tolerance

The answer is a mixture of deterministic policies whose expected features are within the tolerance of the expert's, so that *every* linear
cost of norm one is within it too. It is Frank and Wolfe's method, and as slow: the gap falls as 1 / sqrt(rounds) at worst.

What it cannot tell: the cost. w turns from round to round, and at success it has no direction left.
Reference: P. Abbeel and A. Y. Ng, Apprenticeship learning via inverse reinforcement learning, ICML 2004, section 3.1.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.tabular.demonstrations import Visitation
from triality.tabular.mdp import TabularMDP
from triality.tabular.systems.hard_optimum import hard_optimum, in_total, policy_of_visits, visits_by_step
from triality.tabular.visits import StepPolicies


class ProjectionResult(NamedTuple):
    """What was learned.

    Fields:
        cost: w.f(x, u) of the last round.
        log_policy: the policy with the visits of the mixture, (T, S, A) or discounted (S, A); uniform where nobody goes.
        visits: of the mixture.
        gap: |mean - f_E|_2 before the first round and after each, in feature counts a trajectory.
        converged: whether the last one is within the tolerance.
    """

    cost: Float[Array, "states actions"]
    log_policy: StepPolicies
    visits: Float[Array, "states actions"]
    gap: Float[Array, " evaluations"]
    converged: bool


def projection(
    mdp: TabularMDP,
    demonstrated: Visitation,
    features: Float[Array, "states actions features"],
    tolerance: float = 1e-3,
    max_num_rounds: int = 1000,
) -> ProjectionResult:
    """Matches the expert's expected features.

    Args:
        mdp: finite-horizon or discounted.
        demonstrated: visits of the expert and its starts.
        features: f(x, u).
        tolerance: on the Euclidean gap.
        max_num_rounds: best responses; ``converged`` tells.

    Raises:
        ConfigError: a tolerance or a count that is not positive.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, discount=0.5)
        >>> learned = projection(mdp, Visitation(jnp.array([[0.5, 1.5]]), jnp.ones(1)), jnp.eye(2)[None])
        >>> learned.converged, jnp.exp(learned.log_policy).round(6).tolist()
        (True, [[0.25, 0.75]])
    """
    if not tolerance > 0 or max_num_rounds < 1:
        raise ConfigError(f"expected tolerance > 0 and max_num_rounds >= 1, got {tolerance} and {max_num_rounds}; correct them")
    expert = jnp.tensordot(demonstrated.state_action, features, axes=2)
    by_step = visits_by_step(mdp, jnp.full((mdp.num_states, mdp.num_actions), -jnp.log(mdp.num_actions)), demonstrated.start)
    weights = jnp.tensordot(in_total(by_step), features, axes=2) - expert
    gaps = [float(jnp.linalg.norm(weights))]
    while gaps[-1] > tolerance and len(gaps) <= max_num_rounds:
        by_step = _round(mdp, features, demonstrated.start, by_step, expert)
        weights = jnp.tensordot(in_total(by_step), features, axes=2) - expert
        gaps.append(float(jnp.linalg.norm(weights)))
    return ProjectionResult(features @ weights, policy_of_visits(by_step), in_total(by_step), jnp.asarray(gaps), gaps[-1] <= tolerance)


@eqx.filter_jit
def _round(mdp, features, start, visits, expert):
    mean = jnp.tensordot(in_total(visits), features, axes=2)
    response = visits_by_step(mdp, hard_optimum(mdp, features @ (mean - expert)), start)
    toward = jnp.tensordot(in_total(response), features, axes=2) - mean
    squared = toward @ toward
    share = jnp.where(squared > 0, jnp.clip((expert - mean) @ toward / jnp.where(squared > 0, squared, 1.0), 0.0, 1.0), 0.0)
    return visits + share * (response - visits)
