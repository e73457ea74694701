"""The protocol of an environment that lives inside the compiled run.

Four things: a specification, a start law, an observation, a transition. All are pure functions of their arguments, so a roll-out is a
``scan`` and a batch of them a ``vmap``. To add one: subclass, set ``spec``, write the three methods in ``jax.numpy``, and add a row to the
table of cases in ``tests/envs``.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, NamedTuple, TypeVar

import equinox as eqx
from jaxtyping import Array, Bool, Float, Key, PyTree

from triality.specs import EnvironmentSpec

S = TypeVar("S")  # any pytree of arrays


class Transition(NamedTuple):
    """What one step gives: the next state, the environment's own reward, and whether it ended there (never the time limit)."""

    state: PyTree
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]


class AbstractEnvironment(eqx.Module, Generic[S]):
    """An environment as pure functions. Its time limit stands in ``spec.time_limit`` and is applied by the roll-out.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> class Counter(AbstractEnvironment):
        ...     spec: EnvironmentSpec = eqx.field(static=True, default=EnvironmentSpec("Counter", observation_size=1, num_actions=2))
        ...     def initial_state(self, key):
        ...         return jnp.zeros(())
        ...     def observe(self, state):
        ...         return state[None]
        ...     def transition(self, key, state, action):
        ...         return Transition(state + action, reward=-state, terminated=state + action >= 3)
        >>> key, env = jax.random.key(0), Counter()
        >>> after = env.transition(key, env.initial_state(key), jnp.array(1))
        >>> env.observe(after.state).tolist(), bool(after.terminated)
        ([1.0], False)
    """

    spec: eqx.AbstractVar[EnvironmentSpec]

    @abstractmethod
    def initial_state(self, key: Key[Array, ""]) -> S:
        """A state drawn from the start law."""

    @abstractmethod
    def observe(self, state: S) -> Float[Array, " obs"]:
        """What the policy and the cost see."""

    @abstractmethod
    def transition(self, key: Key[Array, ""], state: S, action: Array) -> Transition:
        """One step. ``key`` serves stochastic dynamics and is ignored by deterministic ones."""

    def state_from_observation(self, observation: Float[Array, " obs"]) -> S:
        """The state behind an observation, where it determines one: roll-outs can then begin at the demonstrations' own starts."""
        raise NotImplementedError(f"expected an environment whose observation determines its state, got {type(self).__name__}")
