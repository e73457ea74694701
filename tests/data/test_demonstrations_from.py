"""Every reader reads what the format's own library wrote, to the arrays that the library was given."""

import subprocess
import sys

import numpy as np
import pytest

from triality.data.demonstrations_from import read_demonstrations_from
from triality.errors import ConfigError, DataError

ALL = ("observations", "actions", "lengths", "rewards", "next_observations", "terminated", "truncated", "log_prob")
FILES = {
    "d4rl.hdf5": ALL,
    "steps.csv": tuple(name for name in ALL if name != "next_observations"),
    "imitation/continuous": tuple(name for name in ALL if name != "log_prob"),
    "imitation/discrete": ("observations", "lengths", "next_observations", "terminated", "truncated"),
    "lerobot": ("observations", "actions", "lengths", "rewards"),
    "minari/toy/discrete-v0": tuple(name for name in ALL if name != "actions"),
}
ORIGINS = {
    "d4rl.hdf5": "D4RL HDF5",
    "steps.csv": "CSV",
    "imitation/continuous": "imitation (Hugging Face datasets)",
    "lerobot": "LeRobot v3",
    "minari/toy/discrete-v0": "Minari HDF5",
}


def assert_holds(demos, expected, names):
    """These arrays and no others, exactly, in the narrower of the two types: some formats hold rewards in float32, text holds digits."""
    assert set(demos.columns()) == set(names)
    for name in names:
        array, wanted = getattr(demos, name), expected[name]
        dtype = min(array.dtype, wanted.dtype, key=lambda each: each.itemsize)
        np.testing.assert_array_equal(array.astype(dtype), wanted.astype(dtype), err_msg=name)


@pytest.mark.parametrize("name", FILES)
def test_reads_what_the_library_wrote(name, unpacked, expected):
    demos = read_demonstrations_from(unpacked / name)
    discrete = "discrete" in name
    wanted = expected | {"actions": expected["choices" if discrete else "actions"]}
    assert_holds(demos, wanted, {*FILES[name], "actions"})
    assert demos.is_discrete == discrete
    if name in ORIGINS:
        assert demos.meta["origin"] == ORIGINS[name]


@pytest.mark.parametrize("name", FILES)
def test_a_reader_that_shifts_time_by_one_step_would_be_seen(name, unpacked, expected):
    """The broken twin: observations one step late."""
    demos = read_demonstrations_from(unpacked / name)
    with pytest.raises(AssertionError, match="observations"):
        np.testing.assert_array_equal(demos.observations, np.roll(expected["observations"], 1, axis=0), err_msg="observations")


@pytest.mark.parametrize("how", ["hdf5", "arrow"])
def test_dictionaries_and_tuples_of_minari(how, unpacked, expected):
    path = unpacked / f"minari/toy/dict-{how}-v0"
    with pytest.raises(DataError, match=r"camera.*pictures"):
        read_demonstrations_from(path)
    demos = read_demonstrations_from(path, keys=("body", "clock"))
    wanted = np.concatenate([expected["position"], expected["velocity"], expected["ticks"][:, None]], axis=1)
    np.testing.assert_array_equal(demos.observations, wanted)
    after = np.concatenate([expected["next_position"], expected["next_velocity"], expected["next_ticks"][:, None]], axis=1)
    np.testing.assert_array_equal(demos.next_observations, after)
    for name in ("actions", "rewards", "log_prob", "terminated", "truncated", "lengths"):
        np.testing.assert_array_equal(getattr(demos, name), expected[name], err_msg=name)
    turned = read_demonstrations_from(path, keys=("velocity", "body/position"))
    np.testing.assert_array_equal(turned.observations, wanted[:, [2, 0, 1]])
    assert demos.meta["environment"] == "Pendulum-v1"
    assert demos.meta["minari"]["minari_version"] == "0.5.4"


def test_minari_by_its_data_folder_and_by_its_file(unpacked, expected):
    for path in ("minari/toy/discrete-v0/data", "minari/toy/discrete-v0/data/main_data.hdf5"):
        np.testing.assert_array_equal(read_demonstrations_from(unpacked / path).observations, expected["observations"])


def test_parts_of_d4rl_and_lerobot(unpacked, expected):
    demos = read_demonstrations_from(unpacked / "d4rl.hdf5", keys=("qvel", "infos/qpos"))
    np.testing.assert_array_equal(demos.observations, expected["observations"][:, [2, 0, 1]])
    assert demos.next_observations is None
    assert demos.meta["unfinished_steps_left_out"] == 2
    for key in ("state", "observation.state"):
        robot = read_demonstrations_from(unpacked / "lerobot", keys=(key,))
        np.testing.assert_array_equal(robot.observations, expected["observations"])
    with pytest.raises(DataError, match=r"observation\.images\.front: .*pictures"):
        read_demonstrations_from(unpacked / "lerobot", keys=("images.front",))


def test_content_decides_and_not_the_name(formats, expected):
    for name in ("d4rl.hdf5", "steps.csv"):
        renamed = formats / f"{name}.npz"
        (formats / name).rename(renamed)
        np.testing.assert_array_equal(read_demonstrations_from(str(renamed)).lengths, expected["lengths"])


def test_npz_comes_through_the_same_entry(tmp_path, expected):
    arrays = {name: expected[name] for name in ("observations", "actions", "lengths")}
    np.savez(tmp_path / "demos", **arrays)
    np.testing.assert_array_equal(read_demonstrations_from(tmp_path / "demos.npz").actions, expected["actions"])
    with pytest.raises(DataError, match="leave --keys out"):
        read_demonstrations_from(tmp_path / "demos.npz", keys=("a",))


@pytest.mark.parametrize(("package", "name"), [("h5py", "d4rl.hdf5"), ("pyarrow", "lerobot"), ("pyarrow", "imitation/discrete")])
def test_a_missing_package_names_the_extra(package, name, unpacked, monkeypatch):
    for module in [each for each in sys.modules if each.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf'expected the package {package}, got none installed; do pip install "triality\[demos\]"'):
        read_demonstrations_from(unpacked / name)


def test_neither_jax_nor_any_format_is_imported(tmp_path):
    (tmp_path / "steps").write_text("episode,obs_0,action\n0,1,1\n")
    code = (
        "import sys; from triality.data.demonstrations_from import read_demonstrations_from as read; "
        f"read({str(tmp_path / 'steps')!r}); "
        "sys.exit(any(name in sys.modules for name in ('jax', 'h5py', 'pyarrow', 'minari', 'datasets')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
