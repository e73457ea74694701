"""MuJoCo's tasks stepped together against Gymnasium's own classes, side by side."""

import numpy as np
import pytest

from triality.envs.gymnasium_eval import make_gymnasium
from triality.errors import ConfigError
from triality.simulators.mujoco_batch import TASKS, MujocoBatch
from triality.specs import MUJOCO_SPECS

pytest.importorskip("mujoco")


@pytest.mark.parametrize("env_id", TASKS)
def test_a_thousand_steps_are_those_of_gymnasium(env_id):
    """Observations, rewards and ends to 1e-9; after an end both go on from a new start with the next seed."""
    own, rng = make_gymnasium(env_id).unwrapped, np.random.default_rng(0)
    batch = MujocoBatch(env_id, num=3)
    spec, seed, running = batch.spec, 5, np.array([True, True, True])
    seen = batch.reset([1, seed, 2])
    np.testing.assert_allclose(seen[1], own.reset(seed=seed)[0], rtol=0, atol=1e-9)
    low, high = 1.3 * np.array(spec.action_low), 1.3 * np.array(spec.action_high)
    for _ in range(1000):
        actions = rng.uniform(low, high, (3, spec.action_size)).astype(np.float32)
        result = batch.step(actions, running)
        observation, reward, terminated, _, _ = own.step(actions[1])
        np.testing.assert_allclose(result.observation[1], observation, rtol=0, atol=1e-9)
        assert abs(result.reward[1] - reward) < 1e-9
        assert result.terminated[1] == terminated
        if terminated or result.terminated.any():
            seed += 1
            np.testing.assert_allclose(batch.reset([1, seed, 2])[1], own.reset(seed=seed)[0], rtol=0, atol=1e-9)
    batch.close()


@pytest.mark.parametrize("env_id", TASKS)
def test_sizes_and_bounds_are_those_of_gymnasium(env_id):
    own, spec = make_gymnasium(env_id), MUJOCO_SPECS[env_id]
    assert own.observation_space.shape == (spec.observation_size,)
    np.testing.assert_allclose(own.action_space.low, spec.action_low)
    np.testing.assert_allclose(own.action_space.high, spec.action_high)
    assert own.spec.max_episode_steps == spec.time_limit


def test_those_that_do_not_run_stand_still_and_the_others_do_not_care():
    full, part = (MujocoBatch("Hopper-v5", num=3, num_threads=threads) for threads in (1, 2))
    actions = np.random.default_rng(1).uniform(-1, 1, (20, 3, 3))
    start = part.reset([0, 1, 2])
    full.reset([0, 1, 2])
    for action in actions:
        both = full.step(action, np.array([True, True, True]))
        some = part.step(action, np.array([True, False, True]))
        np.testing.assert_array_equal(some.observation[1], start[1])
        assert some.reward[1] == 0.0
        np.testing.assert_array_equal(some.observation[[0, 2]], both.observation[[0, 2]])
        np.testing.assert_array_equal(some.reward[[0, 2]], both.reward[[0, 2]])
    full.close()
    part.close()


def test_other_tasks_are_refused():
    with pytest.raises(ConfigError, match="GymnasiumBatch"):
        MujocoBatch("Pendulum-v1", num=1)
    with pytest.raises(ConfigError, match="at least one"):
        MujocoBatch("Hopper-v5", num=0)
