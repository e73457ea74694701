"""Path-integral IRL (Kalakrishnan, Pastor, Righetti and Schaal 2013): each demonstration against perturbations of itself.

    L(theta) = - sum_i log [ e^{-theta.f_i} / (e^{-theta.f_i} + sum_k e^{-theta.f_ik}) ] + l1 |theta|_1,     theta >= 0

f_i are the features of demonstration i, f_ik those of its k-th perturbation. A conditional softmax: no Z over all trajectories, no model
and no importance weights, so it needs demonstrations that are *locally* best among what is near them, and says nothing of what is far.
The cost is scaled against the size of the perturbations: halve them, and theta grows. Weights are non-negative, since each feature is
already a cost; a feature that should be sought enters as its negative.

One case is exact: where the dynamics are deterministic and the perturbations forget the demonstration (``change=1``), this is a ranking
against uniform noise (Ma and Collins 2018), consistent for p(tau) = e^{-theta.f(tau)} / Z(x_1), whatever their number.

Reference: M. Kalakrishnan, P. Pastor, L. Righetti and S. Schaal, Learning objective functions for manipulation, ICRA 2013.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError, DataError
from triality.tabular.demonstrations import TabularDemonstrations
from triality.tabular.mdp import TabularMDP
from triality.tabular.systems.proximal import ProximalConfig, minimize_with_l1
from triality.tabular.systems.trajectory_features import check_finite


class PathIntegralResult(NamedTuple):
    """What was learned.

    Fields:
        parameters: theta >= 0 of the cost theta.f; low = likely.
        objective: L(theta). At theta = 0 it is n log(1 + K).
        likelihood: probability of each demonstration among its own perturbations; 1 / (1 + K) is chance.
        residual: how far from the KKT conditions, as in ``ProximalResult``.
        converged: whether the residual is within the tolerance.
    """

    parameters: Float[Array, " features"]
    objective: Float[Array, ""]
    likelihood: Float[Array, " n"]
    residual: Float[Array, ""]
    converged: bool


class PathIntegralLoss(eqx.Module):
    """L(theta) without the penalty.

    Args:
        demonstrated: f_i.
        perturbed: f_ik.

    Example:
        >>> loss = PathIntegralLoss(jnp.zeros((1, 1)), jnp.array([[[1.0]]]))
        >>> round(float(loss(jnp.array([jnp.log(3.0)]))), 4)  # log(1 + 1/3)
        0.2877
    """

    demonstrated: Float[Array, "n features"]
    perturbed: Float[Array, "n k features"]

    def __call__(self, theta: Float[Array, " features"]) -> Float[Array, ""]:
        return -jnp.sum(self.log_likelihood(theta))

    def log_likelihood(self, theta: Float[Array, " features"]) -> Float[Array, " n"]:
        """log of the softmax of minus the costs, at the demonstration, in nats."""
        sets = jnp.concatenate([self.demonstrated[:, None], self.perturbed], axis=1)
        return jax.nn.log_softmax(-(sets @ theta), axis=1)[:, 0]


def path_integral_irl(
    demonstrated: Float[Array, "n features"],
    perturbed: Float[Array, "sets k perturbed_features"],
    l1: float = 0.01,
    config: ProximalConfig | None = None,
) -> PathIntegralResult:
    """theta >= 0 from features of demonstrations and of perturbations around each; see ``trajectory_features`` and ``perturbations``.

    Args:
        demonstrated: features of each demonstration.
        perturbed: features of K perturbations of each.
        l1: weight of the sum of theta. At 0 there is no optimum where some theta >= 0 prefers every demonstration.
        config: when to stop.

    Raises:
        DataError: something is empty or not finite, or shapes do not fit.
        ConfigError: l1 < 0.

    Example:
        >>> learned = path_integral_irl(jnp.zeros((1, 1)), jnp.array([[[1.0]]]), l1=0.25)
        >>> round(float(learned.parameters[0]), 4), learned.converged  # the perturbation's probability is l1: log 3
        (1.0986, True)
    """
    config = config or ProximalConfig()
    for name, values in (("demonstrated features", demonstrated), ("perturbed features", perturbed)):
        check_finite(name, values)
    if perturbed.shape[::2] != demonstrated.shape:
        raise DataError(
            f"expected perturbations (n, K, features) of demonstrations (n, features), got {perturbed.shape} and {demonstrated.shape}; "
            "give each demonstration its own set"
        )
    if not l1 >= 0:
        raise ConfigError(f"expected l1 >= 0, got {l1}; it is the weight of a penalty")
    loss, size = PathIntegralLoss(demonstrated, perturbed), demonstrated.shape[1]
    weight, first = jnp.full(size, l1, demonstrated.dtype), jnp.zeros(size, demonstrated.dtype)
    found = minimize_with_l1(loss, first, weight, 0.0, config.tolerance, config.max_num_steps)
    likelihood = jnp.exp(loss.log_likelihood(found.parameters))
    return PathIntegralResult(found.parameters, found.objective, likelihood, found.residual, bool(found.residual <= config.tolerance))


@eqx.filter_jit
def perturbations(
    key: Key[Array, ""], mdp: TabularMDP, demonstrations: TabularDemonstrations, num_perturbations: int, change: float = 0.2
) -> TabularDemonstrations:
    """K copies of each demonstration in which every action is, with probability ``change``, a uniform one; states follow the dynamics.

    Args:
        key: randomness.
        mdp: the dynamics. Where they are random, a perturbation departs by luck as well.
        demonstrations: N trajectories.
        num_perturbations: K.
        change: how local: 0 repeats the actions, 1 forgets them.

    Returns:
        N x K trajectories, those of one demonstration together: ``trajectory_features(...).reshape(N, K, -1)``.
    """

    def one(key, states, actions):
        def step(state, inputs):
            action, key = inputs
            key_change, key_action, key_dynamics = jax.random.split(key, 3)
            other = jax.random.randint(key_action, (), 0, mdp.num_actions, action.dtype)
            action = jnp.where(jax.random.bernoulli(key_change, change), other, action)
            branch = jax.random.categorical(key_dynamics, mdp.log_probabilities[state, action])
            return mdp.successors[state, action, branch], (state, action)

        last, (visited, acted) = jax.lax.scan(
            step, states[0].astype(mdp.successors.dtype), (actions, jax.random.split(key, actions.shape[0]))
        )
        return jnp.append(visited, last), acted

    again = jax.tree.map(lambda leaf: jnp.repeat(leaf, num_perturbations, axis=0), demonstrations)
    states, actions = jax.vmap(one)(jax.random.split(key, again.states.shape[0]), again.states, again.actions)
    return TabularDemonstrations(states, actions, again.lengths)
