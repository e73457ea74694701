"""Lets a policy see the time: with a finite horizon the best action depends on how much of it is left, and this says so explicitly."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.envs.environment import AbstractEnvironment, Transition
from triality.specs import EnvironmentSpec, timed_spec

S = TypeVar("S")


class TimedState(NamedTuple):
    """The wrapped environment's state and the number of steps taken."""

    inner: PyTree
    step: Int[Array, ""]


class TimeObservation(AbstractEnvironment[TimedState], Generic[S]):
    """``env`` with t / T as one more observation coordinate, t the steps taken and T the time limit: 0 at the start, 1 at the end.

    An explicit choice, since it changes the problem: the optimum over policies that see the time is the finite-horizon one, and a cost
    that sees it can differ from step to step. Wrap before ``Absorbing``, not after, unless the clock is to run on once it is over.

    Example:
        >>> from triality.envs.pendulum import Pendulum
        >>> TimeObservation(Pendulum()).spec.observation_size
        4
    """

    env: AbstractEnvironment[S]
    spec: EnvironmentSpec = eqx.field(static=True)

    def __init__(self, env: AbstractEnvironment[S]):
        self.env = env
        self.spec = timed_spec(env.spec)

    def initial_state(self, key: Key[Array, ""]) -> TimedState:
        """A start of ``env``, at step 0."""
        return TimedState(self.env.initial_state(key), jnp.array(0))

    def observe(self, state: TimedState) -> Float[Array, " obs_plus_1"]:
        observation = self.env.observe(state.inner)
        return jnp.append(observation, state.step.astype(observation.dtype) / self.spec.time_limit)

    def transition(self, key: Key[Array, ""], state: TimedState, action: Array) -> Transition:
        after = self.env.transition(key, state.inner, action)
        return after._replace(state=TimedState(after.state, state.step + 1))

    def state_from_observation(self, observation: Float[Array, " obs_plus_1"]) -> TimedState:
        """The state of ``env`` and the step, rounded to a whole one."""
        step = jnp.round(observation[-1] * self.spec.time_limit).astype(jnp.array(0).dtype)
        return TimedState(self.env.state_from_observation(observation[:-1]), step)
