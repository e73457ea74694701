"""Apprenticeship as a game (Syed and Schapire 2008, MWAL): multiplicative weights against the best response to each cost.

    w_i <- w_i exp(eta (f_pi,i - f_E,i) / span),  normalized;     pi <- the policy of least cost w.f;     answer: the mixture of all pi

For features that are costs. The mixture's largest gap is within span * sqrt(2 log k / n) of the best that any policy reaches, for eta =
sqrt(2 log k / n) after n rounds (Freund and Schapire 1999): where the expert can be beaten in every feature at once, it is.
A mixture picks one policy at the start of each trajectory; ``log_policy`` is the one policy with the same visits.

What it cannot tell: which w was the expert's. ``cost`` is the mean of the adversary's, near its equilibrium, not the truth.
Reference: U. Syed and R. Schapire, A game-theoretic approach to apprenticeship learning, NIPS 2007.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.tabular.demonstrations import Visitation
from triality.tabular.mdp import TabularMDP
from triality.tabular.systems.hard_optimum import hard_optimum, in_total, policy_of_visits, visits_by_step
from triality.tabular.visits import StepPolicies


class MwalResult(NamedTuple):
    """What was learned.

    Fields:
        cost: w.f(x, u) of the mean weights.
        log_policy: the policy with the visits of the mixture, (T, S, A) or discounted (S, A); uniform where nobody goes.
        visits: of the mixture.
        weights: mean w of the rounds, on the simplex.
        feature_gap: f_pi - f_E of the mixture, in feature counts a trajectory.
        worst: its largest entry; negative: better than the expert in every feature.
        bound: how far ``worst`` may be from the least possible.
    """

    cost: Float[Array, "states actions"]
    log_policy: StepPolicies
    visits: Float[Array, "states actions"]
    weights: Float[Array, " features"]
    feature_gap: Float[Array, " features"]
    worst: Float[Array, ""]
    bound: Float[Array, ""]


def mwal(mdp: TabularMDP, demonstrated: Visitation, features: Float[Array, "states actions features"], num_rounds: int = 500) -> MwalResult:
    """Multiplicative weights over the features of ``features``, each of which is a cost.

    Args:
        mdp: finite-horizon or discounted.
        demonstrated: visits of the expert and its starts.
        features: f(x, u).
        num_rounds: n; the bound falls as 1 / sqrt(n).

    Raises:
        ConfigError: fewer than one round, or of two features.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, discount=0.5)
        >>> learned = mwal(mdp, Visitation(jnp.array([[1.0, 1.0]]), jnp.ones(1)), jnp.eye(2)[None], num_rounds=100)
        >>> bool(jnp.abs(learned.worst) < learned.bound)
        True
    """
    if num_rounds < 1 or features.shape[-1] < 2:
        raise ConfigError(f"expected num_rounds >= 1 and two features, got {num_rounds} and {features.shape[-1]}; raise them")
    by_step, weights, rate = _play(mdp, demonstrated, features, num_rounds)
    visits = in_total(by_step)
    gap = jnp.tensordot(visits - demonstrated.state_action, features, axes=2)
    bound = rate * _span(demonstrated, features)
    return MwalResult(features @ weights, policy_of_visits(by_step), visits, weights, gap, jnp.max(gap), bound)


@eqx.filter_jit
def _play(mdp: TabularMDP, demonstrated: Visitation, features: Float[Array, "states actions features"], num_rounds: int):
    span, size = _span(demonstrated, features), features.shape[-1]
    rate = jnp.sqrt(2.0 * jnp.log(size) / num_rounds)

    def play(log_weights, _):
        weights = jax.nn.softmax(log_weights)
        visits = visits_by_step(mdp, hard_optimum(mdp, features @ weights), demonstrated.start)
        gap = jnp.tensordot(in_total(visits) - demonstrated.state_action, features, axes=2)
        return log_weights + rate * gap / span, (visits, weights)

    _, (visits, weights) = jax.lax.scan(play, jnp.zeros(size, features.dtype), None, length=num_rounds)
    return jnp.mean(visits, axis=0), jnp.mean(weights, axis=0), rate


def _span(demonstrated: Visitation, features: Float[Array, "states actions features"]) -> Float[Array, ""]:
    """How large a gap can be: the range of one feature times the steps of a trajectory."""
    return jnp.max(jnp.ptp(features, axis=(0, 1))) * jnp.sum(demonstrated.state_action)
