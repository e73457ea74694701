"""Policies over discrete actions: a perceptron of the observation, or a table."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.energies.mlp import MLP
from triality.policies.scaling import Scaling
from triality.samplers.categorical import Categorical
from triality.specs import EnvironmentSpec


class CategoricalPolicy(eqx.Module):
    """pi(u|x) = softmax of a perceptron's outputs."""

    net: MLP
    scaling: Scaling

    def __call__(self, observation: Float[Array, " obs"]) -> Categorical:
        return Categorical(self.net(self.scaling(observation)))


class TabularPolicy(eqx.Module):
    """pi(u|x) = softmax(logits[x]), x a state's index."""

    logits: Float[Array, "states actions"]

    def __call__(self, state: Int[Array, ""]) -> Categorical:
        return Categorical(self.logits[state])


class OneHotTabularPolicy(eqx.Module):
    """A table for environments that show their state as a one-hot vector: pi(u|x) = softmax of the row that x picks."""

    logits: Float[Array, "states actions"]

    def __call__(self, observation: Float[Array, " states"]) -> Categorical:
        return Categorical(observation @ self.logits)


def one_hot_tabular_policy(key: Key[Array, ""], spec: EnvironmentSpec, scaling: Scaling) -> OneHotTabularPolicy:
    """The uniform policy; takes what every policy is made from."""
    del key, scaling
    return OneHotTabularPolicy(jnp.zeros((spec.observation_size, spec.num_actions)))


def categorical_policy(key: Key[Array, ""], spec: EnvironmentSpec, scaling: Scaling, hidden: Sequence[int] = (64, 64)) -> CategoricalPolicy:
    """A categorical policy for the actions of ``spec``; nearly uniform at first."""
    return CategoricalPolicy(MLP(key, (spec.observation_size, *hidden, spec.num_actions), 0.01), scaling)
