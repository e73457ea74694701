"""Returns of episodes in a batch of simulators, held against Gymnasium's own program, episode by episode."""

import numpy as np
import pytest

from triality.envs.gymnasium_eval import evaluate_in_gymnasium
from triality.errors import ConfigError, DataError
from triality.simulators.gymnasium_batch import GymnasiumBatch
from triality.simulators.mujoco_batch import MujocoBatch
from triality.simulators.returns import returns_in

SEEDS = [0, 1, 2, 3]


def swinging(size):
    """A policy of the observation alone, different in every coordinate."""
    weights = np.random.default_rng(0).normal(size=(128, size)) * 0.3
    return lambda seen: np.tanh(seen @ weights[: seen.shape[1]]).astype(np.float32)


@pytest.mark.parametrize(("env_id", "size"), [("Hopper-v5", 3), ("Swimmer-v5", 2), ("Ant-v5", 8), ("Reacher-v5", 2)])
def test_the_returns_are_those_of_gymnasiums_own_program(env_id, size):
    simulators = MujocoBatch(env_id, len(SEEDS))
    returns = returns_in(simulators, swinging(size), SEEDS)
    theirs = evaluate_in_gymnasium(env_id, swinging(size), len(SEEDS), SEEDS)
    np.testing.assert_allclose(returns, theirs, rtol=0, atol=1e-6)
    assert not np.allclose(returns, theirs[::-1], rtol=0, atol=1e-6), "the seeds make no difference here: the test could not fail"


def test_an_indicator_is_appended_for_policies_that_know_an_absorbing_state():
    simulators, widths = GymnasiumBatch("CartPole-v1", 2), []

    def act(seen):
        widths.append(seen.shape[1])
        assert np.all(seen[:, -1] == 0)
        return np.ones(len(seen), int)

    assert returns_in(simulators, act, [0, 1], absorbing=True).tolist() == [8.0, 9.0]
    assert set(widths) == {5}


def test_what_cannot_be_judged_is_refused():
    simulators = GymnasiumBatch("CartPole-v1", 2)
    with pytest.raises(ConfigError, match="expected 2 seeds"):
        returns_in(simulators, lambda seen: np.ones(len(seen), int), [0])
    with pytest.raises(DataError, match="expected 2 finite actions"):
        returns_in(simulators, lambda seen: np.full(len(seen), np.nan), [0, 1])
    with pytest.raises(DataError, match="expected 2 finite actions"):
        returns_in(simulators, lambda seen: np.ones(1, int), [0, 1])
