"""What is shown is what happened: states as recorded, returns as earned, ends where they were."""

import gymnasium
import numpy as np
import pytest

from tests.video.drawn import register
from triality.data.demonstrations import Demonstrations
from triality.errors import ConfigError, SimulatorError
from triality.video.episodes import from_seed, from_state, play_demonstration, play_policy, steps_alike
from triality.video.graphics import draw, open_drawing
from triality.video.places import PUTS, put_finder


@pytest.fixture(autouse=True)
def _drawn(monkeypatch):
    register(monkeypatch)


def record(env_id, act, seed=3, num_steps=40):
    """An episode as a demonstration file holds it, in float32."""
    simulator = gymnasium.make(env_id)
    observation, _ = simulator.reset(seed=seed)
    rows = []
    for _ in range(num_steps):
        action = act(observation)
        after, reward, terminated, truncated, _ = simulator.step(action)
        rows.append((observation, action, reward))
        observation = after
        if terminated or truncated:
            break
    seen, actions, rewards = (np.array(column) for column in zip(*rows, strict=True))
    actions = actions if actions.ndim == 1 else actions.astype(np.float32)
    arrays = {"observations": seen.astype(np.float32), "actions": actions, "lengths": np.array([len(rows)])}
    return Demonstrations.from_arrays({**arrays, "rewards": rewards.astype(np.float32)})


def swing(observation):
    return np.array([2.0 if observation[2] > 0 else -2.0], np.float32)


def test_a_policy_earns_what_it_earns_in_a_plain_loop():
    pictures = list(play_policy(open_drawing("Pendulum-v1"), from_seed(3), swing, 40))
    expected = record("Pendulum-v1", swing)
    assert [picture.step for picture in pictures] == list(range(41))
    assert pictures[-1].total == pytest.approx(expected.returns()[0], rel=1e-5)
    assert not pictures[-1].is_over


def test_an_episode_ends():
    pictures = list(play_policy(open_drawing("CartPole-v1"), from_seed(0), lambda observation: 1, 500))
    assert pictures[-1].is_over
    assert pictures[-1].step == pictures[-1].total < 20


@pytest.mark.parametrize("env_id", PUTS)
def test_a_simulator_can_be_put_into_a_recorded_state(env_id):
    """The next observation is the recorded one, although the simulator was somewhere else."""
    simulator, draws = gymnasium.make(env_id), np.random.default_rng(0)
    actions = simulator.action_space
    recorded, _ = simulator.reset(seed=1)
    for _ in range(8):
        action = actions.sample() if hasattr(actions, "n") else draws.uniform(actions.low, actions.high).astype(np.float32)
        after = simulator.step(action)[0]
        other = gymnasium.make(env_id)
        begin = from_state(put_finder(env_id), recorded)
        assert np.array_equal(begin(other), recorded)
        np.testing.assert_allclose(other.step(action)[0], after, atol=1e-5)
        wrong = from_state(put_finder(env_id), recorded + np.where(np.arange(len(recorded)) == len(recorded) - 1, 0.01, 0.0))
        wrong(other)
        assert np.abs(other.step(action)[0] - after).max() > 1e-3, "another state is seen"
        recorded = after


def test_a_demonstration_is_shown_as_recorded():
    episode, simulator = record("Pendulum-v1", swing), open_drawing("Pendulum-v1")
    put = put_finder("Pendulum-v1")
    pictures = list(play_demonstration(simulator, from_state(put, episode.observations[0]), episode, put, 100))
    assert len(pictures) == 41
    assert pictures[-1].is_over
    assert pictures[-1].total == pytest.approx(float(episode.returns()[0]))
    reference = open_drawing("Pendulum-v1")
    reference.reset(seed=3)
    for observation, picture in zip(episode.observations, pictures, strict=False):
        put(reference, observation)
        assert np.abs(draw(reference).astype(int) - picture.image).mean() < 10  # one column of pixels may round the other way


def test_a_replay_that_departs_is_noticed():
    episode, simulator = record("Pendulum-v1", swing), gymnasium.make("Pendulum-v1")
    assert steps_alike(simulator, from_seed(3), episode, None, 100) == 40
    assert steps_alike(simulator, from_seed(4), episode, None, 100) == 0
    assert steps_alike(simulator, from_seed(3), episode, None, 7) == 7
    changed = Demonstrations.from_arrays({**episode.columns(), "actions": np.where(np.arange(40)[:, None] < 10, episode.actions, 0.0)})
    assert steps_alike(simulator, from_seed(3), changed, None, 100) == 11
    assert (
        steps_alike(simulator, from_state(put_finder("Pendulum-v1"), episode.observations[0]), episode, put_finder("Pendulum-v1"), 9) == 9
    )


def test_what_goes_wrong_is_told(monkeypatch):
    simulator = open_drawing("CartPole-v1")
    with pytest.raises(SimulatorError, match="AssertionError"):
        list(play_policy(simulator, from_seed(0), lambda observation: 7, 3))
    simulator.reset(seed=0)
    monkeypatch.setattr(type(simulator.unwrapped), "render", lambda self: np.zeros((3, 3)))
    with pytest.raises(SimulatorError, match="float64"):
        draw(simulator)

    def missing(self):
        raise gymnasium.error.DependencyNotInstalled("no pygame")

    monkeypatch.setattr(type(simulator.unwrapped), "render", missing)
    with pytest.raises(ConfigError, match=r"triality\[video\]"):
        draw(simulator)
    with pytest.raises(ConfigError, match="check the id"):
        open_drawing("NoSuchThing-v0")
