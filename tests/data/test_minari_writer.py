"""Minari data sets: round trips, and minari itself loads them."""

import dataclasses

import numpy as np
import pytest

from triality.data.demonstrations import Demonstrations
from triality.data.demonstrations_from import read_demonstrations_from
from triality.data.minari_writer import write_minari
from triality.errors import ConfigError, DataError


def full(**changes):
    """Three episodes with everything there is."""
    draw = np.random.default_rng(3)
    lengths = np.array([3, 1, 4])
    whole = [draw.normal(size=(length + 1, 2)).astype(np.float32) for length in lengths]
    flags = np.zeros((2, 8), bool)
    flags[0, [2, 3]], flags[1, 7] = True, True
    fields = {
        "observations": np.concatenate([each[:-1] for each in whole]),
        "actions": draw.normal(size=(8, 3)).astype(np.float32),
        "lengths": lengths,
        "rewards": draw.normal(size=8),
        "next_observations": np.concatenate([each[1:] for each in whole]),
        "terminated": flags[0],
        "truncated": flags[1],
        "log_prob": draw.normal(size=8),
        "weights": np.array([1.0, 0.0, 2.5]),
        "meta": {"environment": "Toy-v0", "seeds": [1, 2], "note": "ü"},
    }
    return Demonstrations(**(fields | changes))


NOT_RECORDED = dict.fromkeys(("rewards", "next_observations", "terminated", "truncated", "log_prob", "weights"))
CASES = {
    "everything": full(),
    "nothing but states and actions": full(**NOT_RECORDED, meta={}),
    "discrete": full(actions=np.array([0, 2, 1, 0, 4, 1, 1, 0])),
    "one flag": full(truncated=None),
    "float64": full(observations=np.random.default_rng(0).normal(size=(8, 2)), next_observations=None),
}


def assert_same(left, right):
    assert left.meta == right.meta
    assert left.columns().keys() == right.columns().keys()
    for name, array in left.columns().items():
        assert array.dtype == right.columns()[name].dtype, name
        np.testing.assert_array_equal(array, right.columns()[name], err_msg=name)


@pytest.mark.parametrize("case", CASES)
def test_round_trip(case, tmp_path):
    write_minari(tmp_path / "toy-v0", CASES[case])
    assert_same(read_demonstrations_from(tmp_path / "toy-v0"), CASES[case])
    assert [entry.name for entry in tmp_path.iterdir()] == ["toy-v0"]


def test_fillings_are_listed_and_would_be_seen_as_data_otherwise(tmp_path):
    """The broken twin: without the list of what was not recorded, NaN rewards are refused instead of dropped."""
    write_minari(tmp_path / "toy-v0", CASES["nothing but states and actions"])
    path = tmp_path / "toy-v0/data/metadata.json"
    path.write_text(path.read_text().replace('"rewards"', '"nothing"'))
    with pytest.raises(DataError, match=r"episode 0: rewards: expected finite numbers"):
        read_demonstrations_from(tmp_path / "toy-v0")


@pytest.mark.parametrize("case", CASES)
def test_minari_loads_it(case, tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    demos = CASES[case]
    assert write_minari(tmp_path / "toy" / "made-v3", demos) == "toy/made-v3"
    dataset = minari.load_dataset("toy/made-v3")
    assert (dataset.total_episodes, dataset.total_steps) == (3, 8)
    episodes = list(dataset.iterate_episodes())
    np.testing.assert_array_equal(np.concatenate([episode.observations[:-1] for episode in episodes]), demos.observations)
    np.testing.assert_array_equal(np.concatenate([episode.actions for episode in episodes]), demos.actions)
    if demos.next_observations is not None:
        np.testing.assert_array_equal(np.concatenate([episode.observations[1:] for episode in episodes]), demos.next_observations)
    if demos.log_prob is not None:
        np.testing.assert_array_equal(np.concatenate([episode.infos["log_prob"][1:] for episode in episodes]), demos.log_prob)
    if demos.rewards is not None:
        np.testing.assert_array_equal(np.concatenate([episode.rewards for episode in episodes]), demos.rewards)
    assert dataset.action_space.contains(demos.actions[0])
    assert dataset.observation_space.contains(demos.observations[0])
    assert "toy/made-v3" in minari.list_local_datasets()


def test_npz_minari_npz_is_the_same_file(tmp_path):
    from triality.data.demonstration_file import write_demonstrations

    write_demonstrations(tmp_path / "first.npz", full())
    write_minari(tmp_path / "toy-v0", read_demonstrations_from(tmp_path / "first.npz"))
    write_demonstrations(tmp_path / "second.npz", read_demonstrations_from(tmp_path / "toy-v0"))
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(ConfigError, match="end it in -v0"):
        write_minari(tmp_path / "toy", full())
    (tmp_path / "old-v0").mkdir()
    with pytest.raises(ConfigError, match="expected a new folder"):
        write_minari(tmp_path / "old-v0", full())
    other = dataclasses.replace(full(), next_observations=np.ones((8, 2)))
    with pytest.raises(DataError, match="trajectory 0 at step 0"):
        write_minari(tmp_path / "toy-v0", other)
    assert [entry.name for entry in tmp_path.iterdir()] == ["old-v0"]
