"""The conformance check passes what is right, and names what is wrong: each broken twin breaks one rule."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.envs.cases import CASES
from triality.envs.check import check_environment, random_action
from triality.envs.environment import AbstractEnvironment, Transition
from triality.errors import SimulatorError
from triality.specs import EnvironmentSpec

SPEC = EnvironmentSpec(
    "Drift-v0",
    2,
    action_size=1,
    action_low=(-1.0,),
    action_high=(1.0,),
    time_limit=30,
    observation_low=(-9.0, -9.0),
    observation_high=(9.0, 9.0),
)


class Drift(AbstractEnvironment):
    """A right environment with a random step, the base of the broken ones."""

    spec: EnvironmentSpec = eqx.field(static=True, default=SPEC)

    def initial_state(self, key):
        return jax.random.uniform(key, (2,))

    def observe(self, state):
        return state

    def transition(self, key, state, action):
        after = 0.9 * state + 0.1 * action[0] + 0.1 * jax.random.normal(key, (2,))
        return Transition(after, -jnp.sum(after**2), jnp.array(False))

    def state_from_observation(self, observation):
        return observation


class KeyedState(NamedTuple):
    position: jax.Array
    key: jax.Array


class CarriesKey(Drift):
    """Right too: a state may hold a random key."""

    def initial_state(self, key):
        return KeyedState(jax.random.uniform(key, (2,)), key)

    def observe(self, state):
        return state.position

    def transition(self, key, state, action):
        after = super().transition(state.key, state.position, action)
        return after._replace(state=KeyedState(after.state, jax.random.split(state.key)[0]))

    def state_from_observation(self, observation):
        raise NotImplementedError


class WrongObservationShape(Drift):
    def observe(self, state):
        return state[:1]


class IntegerObservation(Drift):
    def observe(self, state):
        return jnp.zeros(2, int)


class NumpyObservation(Drift):
    def observe(self, state):
        return np.zeros(2)


class NotATransition(Drift):
    def transition(self, key, state, action):
        return tuple(super().transition(key, state, action))


class VectorReward(Drift):
    def transition(self, key, state, action):
        return super().transition(key, state, action)._replace(reward=jnp.zeros(1))


class FloatTermination(Drift):
    def transition(self, key, state, action):
        return super().transition(key, state, action)._replace(terminated=jnp.array(0.0))


class StateChangesShape(Drift):
    def transition(self, key, state, action):
        after = super().transition(key, state, action)
        return after._replace(state=jnp.append(after.state, 0.0))


class StartsFromNumpy(Drift):
    def initial_state(self, key):
        return jnp.asarray(np.random.default_rng().uniform(size=2))


class HiddenClock(Drift):
    clock: list = eqx.field(static=True, default_factory=list)

    def transition(self, key, state, action):
        self.clock.append(0)
        return super().transition(key, state + 0.01 * len(self.clock), action)


class KnowsWhetherItIsCompiled(Drift):
    def transition(self, key, state, action):
        shift = 1.0 if isinstance(state, jax.core.Tracer) else 0.0
        return super().transition(key, state + shift, action)


class BranchesInPython(Drift):
    def transition(self, key, state, action):
        return super().transition(key, -state if state[0] > 0 else state, action)


class TurnsIntoNaN(Drift):
    def transition(self, key, state, action):
        after = super().transition(key, state, action)
        return after._replace(state=jnp.where(after.state > 0.8, jnp.nan, after.state))


class InfiniteReward(Drift):
    def transition(self, key, state, action):
        after = super().transition(key, state, action)
        return after._replace(reward=jnp.where(after.state[0] < 0.0, jnp.inf, after.reward))


class LeavesItsBounds(Drift):
    def transition(self, key, state, action):
        after = super().transition(key, state, action)
        return after._replace(state=after.state + jnp.array([0.0, 2.0]))


class WrongInverse(Drift):
    def state_from_observation(self, observation):
        return observation[::-1]


class InverseOfAnotherKind(Drift):
    def state_from_observation(self, observation):
        return (observation,)


class Raises(Drift):
    def transition(self, key, state, action):
        raise KeyError("wheel")


BROKEN = {
    WrongObservationShape: r"observe of shape \(2,\)",
    IntegerObservation: "type floating",
    NumpyObservation: "observe to be a jax array",
    NotATransition: "to return a Transition",
    VectorReward: "the reward of transition of shape",
    FloatTermination: "terminated of transition",
    StateChangesShape: "keep the state's structure",
    StartsFromNumpy: "two starts from one key",
    HiddenClock: "two results",
    KnowsWhetherItIsCompiled: "the same compiled",
    BranchesInPython: "transition under jit to run",
    TurnsIntoNaN: "finite observation at every step",
    InfiniteReward: "finite reward at every step",
    LeavesItsBounds: "coordinate 1 in",
    WrongInverse: "to invert observe",
    InverseOfAnotherKind: "to return a state like",
    Raises: "KeyError: 'wheel'",
}


@pytest.mark.parametrize("name", ["pendulum", "cartpole", "acrobot", "gridworld", "absorbing-timed-cartpole"])
def test_ours_conform(name):
    check_environment(CASES[name], num_steps=50)


@pytest.mark.parametrize("env", [Drift(), CarriesKey()], ids=["random-steps", "key-in-the-state"])
def test_other_right_ones_conform(env):
    check_environment(env)


@pytest.mark.parametrize(("broken", "reason"), BROKEN.items(), ids=[broken.__name__ for broken in BROKEN])
def test_broken_twins_are_refused_with_the_reason(broken, reason):
    with pytest.raises(SimulatorError, match=reason):
        check_environment(broken())


@pytest.mark.parametrize(
    "spec",
    [
        EnvironmentSpec("x", 2),
        EnvironmentSpec("x", 0, num_actions=2),
        EnvironmentSpec("x", 2, num_actions=2, time_limit=0),
        EnvironmentSpec("x", 2, num_actions=2, action_size=1, action_low=(-1.0,), action_high=(1.0,)),
        EnvironmentSpec("x", 2, action_size=2, action_low=(-1.0,), action_high=(1.0,)),
        EnvironmentSpec("x", 2, action_size=1, action_low=(1.0,), action_high=(-1.0,)),
        EnvironmentSpec("x", 2, num_actions=2, observation_low=(0.0,), observation_high=(1.0,)),
        EnvironmentSpec("x", 1, num_actions=2, observation_low=(float("nan"),), observation_high=(1.0,)),
    ],
)
def test_a_specification_that_contradicts_itself_is_refused(spec):
    with pytest.raises(SimulatorError, match=r"expected .*; do "):
        check_environment(Drift(spec))


def test_random_actions_fill_the_box_and_know_unbounded_coordinates():
    spec = EnvironmentSpec("x", 1, action_size=2, action_low=(1.0, -float("inf")), action_high=(3.0, float("inf")))
    actions = jax.vmap(lambda key: random_action(key, spec))(jax.random.split(jax.random.key(0), 2000))
    assert 1.0 <= actions[:, 0].min() < 1.05
    assert 2.95 < actions[:, 0].max() <= 3.0
    np.testing.assert_allclose(actions.std(axis=0), [2 / np.sqrt(12), 1.0], rtol=0.1)
