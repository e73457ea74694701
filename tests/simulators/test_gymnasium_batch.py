"""Faults of a user's environment, each with a name; and the specification that is read off it."""

import time

import gymnasium
import numpy as np
import pytest

from triality.errors import ConfigError, SimulatorError
from triality.simulators.gymnasium_batch import GymnasiumBatch
from triality.simulators.gymnasium_spec import spec_of
from triality.specs import SPECS

ALL = np.array([True, True])


def faulty(change):
    """CartPole with ``change`` applied to what a step returns."""

    class Faulty(gymnasium.Wrapper):
        def step(self, action):
            return change(*self.env.step(action))

    return GymnasiumBatch("CartPole-v1", 2, make=lambda: Faulty(gymnasium.make("CartPole-v1")), patience=0.3)


def slow(*result):
    time.sleep(1.0)
    return result


FAULTS = {
    "NaN": (lambda seen, *rest: (seen * np.nan, *rest), "finite observations from step of simulator 0"),
    "shape": (lambda seen, *rest: (seen[:3], *rest), "observe 4 numbers, got float32 of shape"),
    "type": (lambda seen, *rest: (np.array(["a"] * 4), *rest), "observe 4 numbers, got <U1"),
    "reward": (lambda seen, reward, *rest: (seen, np.inf, *rest), "finite reward from simulator 0"),
    "reward of an array": (
        lambda seen, reward, *rest: (seen, np.array([1.0]), *rest),
        "one number as reward from simulator 0, got an array",
    ),
    "no reward": (lambda seen, reward, *rest: (seen, None, *rest), "one number as reward from simulator 0, got NoneType"),
    "flag": (lambda seen, reward, end, cut, info: (seen, reward, np.zeros(2, bool), cut, info), "a truth value as terminated"),
    "old interface": (lambda seen, reward, end, cut, info: (seen, reward, end, info), "got a tuple of 4"),
    "hangs": (slow, "simulator 0 to return within 0.3 s, got nothing"),
    "raises": (lambda *result: 1 / 0, "simulator 0 to go on, got ZeroDivisionError"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_a_name(name):
    change, words = FAULTS[name]
    batch = faulty(change)
    batch.reset([0, 1])
    with pytest.raises(SimulatorError, match=words):
        batch.step(np.array([0, 1]), ALL)
    batch.close()


def test_without_a_fault_a_step_is_a_step():
    batch = faulty(lambda *result: result)
    batch.reset([0, 1])
    assert batch.step(np.array([0, 1]), ALL).reward.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1"])
def test_the_specification_is_the_one_of_the_compiled_environment(env_id):
    read, own = spec_of(gymnasium.make(env_id), env_id), SPECS[env_id]
    assert (read.observation_size, read.action_size, read.num_actions, read.time_limit) == (
        own.observation_size,
        own.action_size,
        own.num_actions,
        own.time_limit,
    )
    np.testing.assert_allclose(read.action_low, own.action_low)
    np.testing.assert_allclose(read.action_high, own.action_high)


class Odd(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (3,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,))


def odd(**spaces):
    env = Odd()
    for name, space in spaces.items():
        setattr(env, name, space)
    return gymnasium.wrappers.TimeLimit(env, 10)


REFUSED = {
    "endless": (Odd, "time limit, got none"),
    "dictionary": (lambda: odd(observation_space=gymnasium.spaces.Dict({"a": Odd.observation_space})), "observe a vector"),
    "unbounded": (lambda: odd(action_space=gymnasium.spaces.Box(-np.inf, np.inf, (2,))), "finite bounds"),
    "shifted": (lambda: odd(action_space=gymnasium.spaces.Discrete(3, start=1)), "a first one of 1"),
    "matrix": (lambda: odd(action_space=gymnasium.spaces.Box(-1, 1, (2, 2))), "a vector or an index"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_the_remedy(name):
    make, words = REFUSED[name]
    with pytest.raises(ConfigError, match=words):
        GymnasiumBatch("Odd-v0", 1, make=make)
