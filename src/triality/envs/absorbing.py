"""A variable horizon made fixed: after its end an episode goes on in an absorbing state until the time limit.

An episode that stops early leaks information: a constant positive cost would already favor ending, a constant negative one staying
alive, without anything having been learned from demonstrations. With an absorbing state every trajectory has the same number of steps,
the cost of "being over" is learned like any other, and a constant cost says nothing (Kostrikov et al. 2019, section 4.1).
``triality.data.absorbing`` pads demonstrations the same way.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PyTree

from triality.envs.environment import AbstractEnvironment, Transition
from triality.specs import EnvironmentSpec, absorbing_spec

S = TypeVar("S")


class AbsorbingState(NamedTuple):
    """The wrapped environment's state, frozen where it ended, and whether it has ended."""

    inner: PyTree
    absorbed: Bool[Array, ""]


class Absorbing(AbstractEnvironment[AbsorbingState], Generic[S]):
    """``env`` with a fixed horizon: it never terminates, and one more observation coordinate says whether it is over.

    Observation: (observation of ``env``, 0) while it runs, zeros and a trailing 1 afterwards. The first absorbing observation stands
    where the terminal one would. In the absorbing state actions do nothing and the reward is 0, so returns are unchanged.

    Example:
        >>> from triality.envs.cartpole import CartPole
        >>> Absorbing(CartPole()).spec.observation_size
        5
    """

    env: AbstractEnvironment[S]
    spec: EnvironmentSpec = eqx.field(static=True)

    def __init__(self, env: AbstractEnvironment[S]):
        self.env = env
        self.spec = absorbing_spec(env.spec)

    def initial_state(self, key: Key[Array, ""]) -> AbsorbingState:
        """A start of ``env``, running."""
        return AbsorbingState(self.env.initial_state(key), jnp.array(False))

    def observe(self, state: AbsorbingState) -> Float[Array, " obs_plus_1"]:
        observation = self.env.observe(state.inner)
        running = jnp.where(state.absorbed, jnp.zeros_like(observation), observation)
        return jnp.append(running, state.absorbed.astype(observation.dtype))

    def transition(self, key: Key[Array, ""], state: AbsorbingState, action: Array) -> Transition:
        """One step of ``env`` while it runs; nothing at all afterwards."""
        after = self.env.transition(key, state.inner, action)
        inner = jax.tree.map(lambda new, old: jnp.where(state.absorbed, old, new), after.state, state.inner)
        reward = jnp.where(state.absorbed, 0.0, after.reward)
        return Transition(AbsorbingState(inner, state.absorbed | after.terminated), reward, jnp.array(False))

    def state_from_observation(self, observation: Float[Array, " obs_plus_1"]) -> AbsorbingState:
        """The running state behind the observation; of an absorbing one, any state that is over (nothing depends on which)."""
        return AbsorbingState(self.env.state_from_observation(observation[:-1]), observation[-1] > 0.5)
