"""Recorded demonstrations replayed in the compiled environments: each step from the recorded observation leads to the next recorded one."""

import os
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.envs.cases import BARE
from triality.data.absorbing import pad_with_absorbing

FOLDER = Path(os.environ.get("TRIALITY_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))


def load(name):
    path = FOLDER / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"needs {path.name} in {FOLDER}; set TRIALITY_DATA to the folder that has it")
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in ("observations", "actions", "rewards", "lengths")}


@pytest.mark.parametrize(("file", "name"), [("demos_pendulum", "pendulum"), ("demos_cartpole", "cartpole")])
def test_every_recorded_step_is_reproduced(file, name):
    demos, env = load(file), BARE[name]
    last = np.cumsum(demos["lengths"]) - 1
    inside = np.setdiff1d(np.arange(len(demos["actions"])), last)
    if name == "pendulum":
        # Recorded in Pendulum-v0, which moved the angle by the speed before limiting it to 8 rad/s; v1 does so after.
        inside = inside[np.abs(demos["observations"][inside + 1, 2]) < 8.0]
        assert len(inside) > 19_700

    def replay(observation, action):
        after = env.transition(jax.random.key(0), env.state_from_observation(observation), action)
        return env.observe(after.state), after.reward, after.terminated

    observation, reward, terminated = jax.jit(jax.vmap(replay))(demos["observations"].astype(np.float64), demos["actions"])
    np.testing.assert_allclose(reward, demos["rewards"].reshape(-1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.asarray(observation)[inside], demos["observations"][inside + 1], rtol=1e-4, atol=1e-4)
    ends_early = demos["lengths"] < env.spec.time_limit
    np.testing.assert_array_equal(np.asarray(terminated)[last][ends_early], True)
    assert not np.asarray(terminated)[inside].any()


def test_real_demonstrations_are_padded_to_the_time_limit():
    demos = load("demos_cartpole")
    padded = pad_with_absorbing(demos["observations"], demos["actions"], demos["lengths"], BARE["cartpole"].spec, seed=0)
    assert padded.observations.shape == (50_000, 5)
    assert padded.padded.sum() == 50_000 - demos["lengths"].sum() == padded.observations[:, -1].sum()
