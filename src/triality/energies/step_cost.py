"""Costs of one step, c(x, u), as parts that plug into a trajectory energy or a step energy."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.energies.mlp import MLP
from triality.envs.environment import AbstractEnvironment
from triality.policies.scaling import AnyScaling
from triality.specs import EnvironmentSpec


class BoxCost(eqx.Module):
    """c(x, u) for continuous actions: a perceptron of the scaled observation and the action in units of its half-box.

    No output bias: over a fixed horizon a constant cost is log Z's own degree of freedom (D5).
    """

    net: MLP
    scaling: AnyScaling
    half_width: Float[Array, " act"]

    def __call__(self, observation: Float[Array, " obs"], action: Float[Array, " act"]) -> Float[Array, ""]:
        return self.net(jnp.concatenate([self.scaling(observation), action / jax.lax.stop_gradient(self.half_width)]))[0]


class DiscreteCost(eqx.Module):
    """c(x, u) for discrete actions: one output of the perceptron for each action."""

    net: MLP
    scaling: AnyScaling

    def __call__(self, observation: Float[Array, " obs"], action: Int[Array, ""]) -> Float[Array, ""]:
        return self.net(self.scaling(observation))[action]


class StateCost(eqx.Module):
    """c(x): blind to the action, the class in which a cost can be recovered and carried to other dynamics (D10)."""

    net: MLP
    scaling: AnyScaling

    def __call__(self, observation: Float[Array, " obs"], action: Array) -> Float[Array, ""]:
        del action
        return self.net(self.scaling(observation))[0]


class ConstantCost(eqx.Module):
    """c = 0: the control that every table of results needs. What a policy reaches under it, a method has not shown."""

    def __init__(self, key: Key[Array, ""] | None = None, spec: EnvironmentSpec | None = None, scaling: AnyScaling | None = None):
        """Takes what every cost is made from, and needs none of it."""
        del key, spec, scaling

    def __call__(self, observation: Float[Array, " obs"], action: Array) -> Float[Array, ""]:
        del action
        return jnp.zeros((), observation.dtype)


class EnvironmentCost(eqx.Module):
    """c(x, u) = minus the environment's own reward of that step: what an expert minimizes.

    Needs an environment whose observation determines its state, and a reward that does not depend on chance.
    """

    env: AbstractEnvironment

    def __call__(self, observation: Float[Array, " obs"], action: Array) -> Float[Array, ""]:
        state = self.env.state_from_observation(observation)
        return -self.env.transition(jax.random.key(0), state, action).reward


def mlp_cost(
    key: Key[Array, ""], spec: EnvironmentSpec, scaling: AnyScaling, hidden: Sequence[int] = (64, 64), output_scale: float = 0.01
) -> BoxCost | DiscreteCost:
    """A perceptron cost that fits the environment's action space; nearly zero at first, so that q starts as its own optimum."""
    if spec.is_discrete:
        net = MLP(key, (spec.observation_size, *hidden, spec.num_actions), output_scale, output_bias=False)
        return DiscreteCost(net, scaling)
    net = MLP(key, (spec.observation_size + spec.action_size, *hidden, 1), output_scale, output_bias=False)
    return BoxCost(net, scaling, (jnp.asarray(spec.action_high) - jnp.asarray(spec.action_low)) / 2.0)


def state_cost(
    key: Key[Array, ""], spec: EnvironmentSpec, scaling: AnyScaling, hidden: Sequence[int] = (64, 64), output_scale: float = 0.01
) -> StateCost:
    """A perceptron cost of the observation alone; nearly zero at first."""
    return StateCost(MLP(key, (spec.observation_size, *hidden, 1), output_scale, output_bias=False), scaling)
