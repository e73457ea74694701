"""Two soft action values side by side, of which the smaller is believed (Fujimoto et al. 2018), for a box of actions or for discrete ones.

    Q_i(x, u), i = 1, 2      high = good, in nats: what is still to be earned by -cost - temperature * log pi after u
    V(x) = E_{u ~ pi(.|x)} [min_i Q_i(x, u) - temperature * log pi(u|x)]

The expectation is one reparameterized draw in a box, differentiable in pi through the draw; over discrete actions it is the exact sum
(Christodoulou 2019). Both networks count in units of the effective horizon 1/(1 - gamma), so that outputs are of the size of one cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.energies.mlp import MLP
from triality.policies.scaling import Scaling
from triality.sampler import AbstractSampler
from triality.specs import EnvironmentSpec

OUTPUT_SCALE = 0.01
"""Gain of the last layer at first: values begin near zero, not as random numbers of the size of a whole horizon."""


@runtime_checkable
class TwinQ(Protocol):
    """Both values of an action, and the soft value of a law of actions under the smaller one."""

    def __call__(self, observation: Float[Array, " obs"], action: Array) -> Float[Array, " 2"]: ...

    def soft_value(
        self, key: Key[Array, ""], observation: Float[Array, " obs"], law: AbstractSampler[Any], temperature: Float[Array, ""] | float
    ) -> Float[Array, ""]: ...


class BoxTwinQ(eqx.Module):
    """Q_i(x, u) of continuous actions: perceptrons of the scaled observation and the action in units of its half-box."""

    nets: MLP
    scaling: Scaling
    center: Float[Array, " act"]
    half_width: Float[Array, " act"]
    horizon: Float[Array, ""]

    def __call__(self, observation: Float[Array, " obs"], action: Float[Array, " act"]) -> Float[Array, " 2"]:
        center, half_width = jax.lax.stop_gradient((self.center, self.half_width))
        features = jnp.concatenate([self.scaling(observation), (action - center) / half_width])
        return _both(self.nets, features)[:, 0] * jax.lax.stop_gradient(self.horizon)

    def soft_value(
        self, key: Key[Array, ""], observation: Float[Array, " obs"], law: AbstractSampler[Any], temperature: Float[Array, ""] | float
    ) -> Float[Array, ""]:
        """By one draw, which has to be reparameterized where the value is differentiated in the law."""
        action, log_prob = law.sample_and_log_prob(key)
        return jnp.min(self(observation, action)) - temperature * log_prob


class DiscreteTwinQ(eqx.Module):
    """Q_i(x, u) of discrete actions: one output of each perceptron for each action."""

    nets: MLP
    scaling: Scaling
    horizon: Float[Array, ""]

    def __call__(self, observation: Float[Array, " obs"], action: Int[Array, ""]) -> Float[Array, " 2"]:
        return self.values(observation)[:, action]

    def values(self, observation: Float[Array, " obs"]) -> Float[Array, "2 actions"]:
        """Of every action."""
        return _both(self.nets, self.scaling(observation)) * jax.lax.stop_gradient(self.horizon)

    def soft_value(
        self, key: Key[Array, ""], observation: Float[Array, " obs"], law: AbstractSampler[Any], temperature: Float[Array, ""] | float
    ) -> Float[Array, ""]:
        """Exact; an action of probability zero counts nothing."""
        del key
        smaller = jnp.min(self.values(observation), axis=0)
        log_prob = jax.vmap(law.log_prob)(jnp.arange(smaller.shape[0]))
        possible = ~jnp.isneginf(log_prob)
        log_prob = jnp.where(possible, log_prob, 0.0)
        return jnp.sum(jnp.where(possible, jnp.exp(log_prob) * (smaller - temperature * log_prob), 0.0))


def twin_q(
    key: Key[Array, ""], spec: EnvironmentSpec, scaling: Scaling, horizon: Float[Array, ""] | float, hidden: Sequence[int] = (64, 64)
) -> BoxTwinQ | DiscreteTwinQ:
    """Fresh twins for the actions of ``spec``; nearly zero at first.

    Args:
        key: of the initial weights, different for the two.
        spec: of the environment.
        scaling: of observations.
        horizon: the unit of the networks' outputs, in steps: 1/(1 - gamma).
        hidden: hidden sizes; none makes Q linear in the observation, a table where that is one-hot.

    Example:
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.specs import SPECS
        >>> twins = twin_q(jax.random.key(0), SPECS["Pendulum-v1"], identity_scaling(3), 100.0)
        >>> twins(jnp.zeros(3), jnp.zeros(1)).shape
        (2,)
    """
    num_inputs, num_outputs = (0, spec.num_actions) if spec.is_discrete else (spec.action_size, 1)
    sizes = (spec.observation_size + num_inputs, *hidden, num_outputs)
    nets = eqx.filter_vmap(lambda key: MLP(key, sizes, OUTPUT_SCALE))(jax.random.split(key))
    # With its type stated: of a weakly typed number the first update would make another type, and all that holds it compile anew.
    unit = jnp.asarray(horizon, float)
    if spec.is_discrete:
        return DiscreteTwinQ(nets, scaling, unit)
    low, high = jnp.asarray(spec.action_low), jnp.asarray(spec.action_high)
    return BoxTwinQ(nets, scaling, (low + high) / 2.0, (high - low) / 2.0, unit)


def _both(nets: MLP, features: Float[Array, " features"]) -> Float[Array, "2 outputs"]:
    """The two perceptrons are one, stacked along a leading axis of every array."""
    return eqx.filter_vmap(lambda net: net(features))(nets)
