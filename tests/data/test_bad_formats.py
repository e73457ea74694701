"""Damaged and misleading files of other formats: one clear error each, that names the file, the array and the place."""

import contextlib
import json
import os
import pickle
import shutil
import sys

import numpy as np
import pytest

from triality.data.demonstrations_from import read_demonstrations_from
from triality.errors import DataError

h5py = pytest.importorskip("h5py")
pyarrow = pytest.importorskip("pyarrow")
ipc = pytest.importorskip("pyarrow.ipc")
parquet = pytest.importorskip("pyarrow.parquet")

DISCRETE = "minari/toy/discrete-v0"
MAIN = f"{DISCRETE}/data/main_data.hdf5"
ARROW = "minari/toy/dict-arrow-v0"
IMITATION = "imitation/continuous"
ROBOT = "lerobot/data/chunk-000/file-000.parquet"


def replaced(path, name, make):
    """One array of an HDF5 file, made anew from the old one; left out where that is None."""
    with h5py.File(path, "a") as file:
        old = file[name][()]
        del file[name]
        new = make(old)
        if new is not None:
            file[name] = new


def with_value(value, *place):
    def change(array):
        array = array.astype(np.float32) if isinstance(value, float) else array
        array[place] = value
        return array

    return change


def json_changed(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def columns_changed(path, change):
    """A Parquet file with its table changed."""
    parquet.write_table(change(parquet.read_table(path)), path)


def stream_changed(path, change):
    """An Arrow stream with its table changed."""
    table = change(ipc.open_stream(path.read_bytes()).read_all())
    with ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def set_column(name, values):
    def change(table):
        return table.set_column(table.column_names.index(name), name, [values])

    return change


def linked(path):
    """A link to another file in place of an array."""
    with h5py.File(path, "a") as file:
        del file["observations"]
        file["observations"] = h5py.ExternalLink("/etc/hostname", "/x")


def declared(path):
    """An array that declares far more than the file holds."""
    with h5py.File(path, "a") as file:
        del file["observations"]
        file.create_dataset("observations", shape=(10**8, 3), dtype="f4", chunks=(1000, 3))


def pickled(path):
    """Bytes of a pickle where numbers should be: as opaque data, the way some tools hide objects in HDF5."""
    with h5py.File(path, "a") as file:
        del file["observations"]
        file["observations"] = np.array([pickle.dumps({"a": 1})] * 15, dtype="S100")


def bombs(path):
    path.write_bytes(pickle.dumps(os.getcwd))


# file or folder that is read, file that is damaged, how, what the message has to say
CASES = {
    "HDF5 cut off": ("d4rl.hdf5", "d4rl.hdf5", lambda p: cut(p, 0.7), ["expected an undamaged HDF5 file"]),
    "HDF5, NaN": (
        "d4rl.hdf5",
        "d4rl.hdf5",
        lambda p: replaced(p, "observations", with_value(np.nan, 4, 1)),
        ["observations", "1 NaN", "(4, 1)"],
    ),
    "HDF5, infinite reward": ("d4rl.hdf5", "d4rl.hdf5", lambda p: replaced(p, "rewards", with_value(np.inf, 7)), ["rewards", "index 7"]),
    "HDF5, mixed lengths": (
        "d4rl.hdf5",
        "d4rl.hdf5",
        lambda p: replaced(p, "actions", lambda a: a[:-3]),
        ["15 of observations", "12 of actions"],
    ),
    "HDF5, no terminals": (
        "d4rl.hdf5",
        "d4rl.hdf5",
        lambda p: replaced(p, "terminals", lambda a: None),
        ["terminals: expected this array"],
    ),
    "HDF5, no ends": (
        "d4rl.hdf5",
        "d4rl.hdf5",
        lambda p: [replaced(p, name, np.zeros_like) for name in ("terminals", "timeouts")],
        ["none set in 15 steps", "set timeouts"],
    ),
    "HDF5, flags that are none": (
        "d4rl.hdf5",
        "d4rl.hdf5",
        lambda p: replaced(p, "timeouts", lambda a: a + 0.5),
        ["timeouts: expected one 0 or 1"],
    ),
    "HDF5, text": ("d4rl.hdf5", "d4rl.hdf5", lambda p: replaced(p, "rewards", lambda a: np.full(15, b"one")), ["/rewards", "got text"]),
    "HDF5, pickles": ("d4rl.hdf5", "d4rl.hdf5", pickled, ["/observations", "expected plain numbers"]),
    "HDF5, a link out of the file": ("d4rl.hdf5", "d4rl.hdf5", linked, ["got actions, infos, metadata"]),
    "HDF5, sizes that cannot be": ("d4rl.hdf5", "d4rl.hdf5", declared, ["/observations", "bytes declared"]),
    "HDF5 of another layout": (
        "d4rl.hdf5",
        "d4rl.hdf5",
        lambda p: replaced(p, "actions", lambda a: None),
        ["D4RL's layout", "got infos, metadata, next_observations"],
    ),
    "D4RL, pictures": (
        "d4rl.hdf5",
        "d4rl.hdf5",
        lambda p: replaced(p, "observations", lambda a: np.zeros((15, 48, 48, 3), np.uint8)),
        ["observations", "pictures, which are not read"],
    ),
    "Minari, a missing episode": (
        DISCRETE,
        f"{DISCRETE}/data/metadata.json",
        lambda p: json_changed(p, total_episodes=4),
        ["expected 4 episodes"],
    ),
    "Minari, damaged metadata": (DISCRETE, f"{DISCRETE}/data/metadata.json", lambda p: cut(p, 0.5), ["metadata.json: expected JSON"]),
    "Minari, no data file": (ARROW, f"{ARROW}/data/1/part-0.arrow", lambda p: p.unlink(), ["1: expected one Arrow or Parquet file, got 0"]),
    "Minari, NaN": (
        DISCRETE,
        MAIN,
        lambda p: replaced(p, "episode_1/observations", with_value(np.nan, 2, 1)),
        ["episode 1: observations", "(2, 1): nan"],
    ),
    "Minari, mixed lengths": (
        DISCRETE,
        MAIN,
        lambda p: replaced(p, "episode_2/rewards", lambda a: a[:-1]),
        ["episode 2: rewards: expected 3 values (one an action), got 2"],
    ),
    "Minari, too few observations": (
        DISCRETE,
        MAIN,
        lambda p: replaced(p, "episode_0/observations", lambda a: a[:-2]),
        ["episode 0: expected 4 observations (one an action) or 5", "got 3"],
    ),
    "Minari, episodes of two environments": (
        DISCRETE,
        MAIN,
        lambda p: replaced(p, "episode_2/observations", lambda a: a[:, :2]),
        ["episode 2: observations: expected rows of shape (3,)", "got (2,)"],
    ),
    "Minari, no actions": (
        DISCRETE,
        MAIN,
        lambda p: replaced(p, "episode_1/actions", lambda a: None),
        ["episode_1/actions: expected this array"],
    ),
    "Minari, an end inside": (
        DISCRETE,
        MAIN,
        lambda p: replaced(p, "episode_1/terminations", with_value(True, 2)),
        ["terminated: expected it only at the last step", "index 6"],
    ),
    "Minari, an Arrow file cut off": (
        ARROW,
        f"{ARROW}/data/2/part-0.arrow",
        lambda p: cut(p, 0.6),
        ["part-0.arrow: expected an undamaged Arrow"],
    ),
    "imitation, a file cut off": (
        IMITATION,
        f"{IMITATION}/data-00000-of-00001.arrow",
        lambda p: cut(p, 0.6),
        ["expected an undamaged Arrow stream, got one without its end"],
    ),
    "imitation, a file missing": (
        IMITATION,
        f"{IMITATION}/data-00000-of-00001.arrow",
        lambda p: p.unlink(),
        ["got none called data-00000"],
    ),
    "imitation, a path in the list of files": (
        IMITATION,
        f"{IMITATION}/state.json",
        lambda p: json_changed(p, _data_files=[{"filename": "../../d4rl.hdf5"}]),
        ["got none called ../../d4rl.hdf5"],
    ),
    "imitation, rows by an index": (
        IMITATION,
        f"{IMITATION}/state.json",
        lambda p: json_changed(p, _indices_data_files=[{"filename": "indices.arrow"}]),
        ["flatten_indices"],
    ),
    "imitation, observations of two sizes": (
        IMITATION,
        f"{IMITATION}/data-00000-of-00001.arrow",
        lambda p: stream_changed(
            p, set_column("obs", pyarrow.array([[[0.0, 1.0]] * 5, [[0.0], [1.0, 2.0]] * 3 + [[0.0]], [[0.0, 1.0]] * 4]))
        ),
        ["trajectory 1: obs: expected rows of one length, got 1 to 2"],
    ),
    "imitation, a trajectory without values": (
        IMITATION,
        f"{IMITATION}/data-00000-of-00001.arrow",
        lambda p: stream_changed(p, set_column("rews", pyarrow.array([[0.0] * 4, None, [0.0] * 3]))),
        ["trajectory 1: rews: expected values, got none"],
    ),
    "imitation, no actions": (
        IMITATION,
        f"{IMITATION}/data-00000-of-00001.arrow",
        lambda p: stream_changed(p, lambda table: table.drop_columns(["acts"])),
        ["acts: expected this column"],
    ),
    "LeRobot, an older version": (
        "lerobot",
        "lerobot/meta/info.json",
        lambda p: json_changed(p, codebase_version="v2.1"),
        ["expected codebase_version v3.0, got v2.1"],
    ),
    "LeRobot, damaged metadata": ("lerobot", "lerobot/meta/info.json", lambda p: cut(p, 0.4), ["info.json: expected LeRobot's metadata"]),
    "LeRobot, a file missing": (
        "lerobot",
        "lerobot/data/chunk-000/file-001.parquet",
        lambda p: p.unlink(),
        ["total_frames: expected 13", "total_episodes: expected 3"],
    ),
    "LeRobot, a file cut off": ("lerobot", ROBOT, lambda p: cut(p, 0.8), ["file-000.parquet: expected an undamaged Parquet file"]),
    "LeRobot, a step missing": (
        "lerobot",
        ROBOT,
        lambda p: columns_changed(p, set_column("frame_index", pyarrow.array([0, 1, 3, 4, 0, 1, 2, 3, 4, 5]))),
        ["episode 0: expected frame_index 0, 1, 2"],
    ),
    "LeRobot, no action": (
        "lerobot",
        ROBOT,
        lambda p: columns_changed(p, lambda table: table.drop_columns(["action"])),
        ["action: expected this column"],
    ),
    "LeRobot, a missing value": (
        "lerobot",
        ROBOT,
        lambda p: columns_changed(p, set_column("next.reward", pyarrow.array([None] + [0.0] * 9))),
        ["next.reward: expected a value in every row, got 1 missing"],
    ),
    "a pickle": ("steps.csv", "steps.csv", bombs, ["a pickle, which is never loaded"]),
    "an empty file": ("steps.csv", "steps.csv", lambda p: p.write_bytes(b""), ["an empty file"]),
    "a gzip file": ("steps.csv", "steps.csv", lambda p: p.write_bytes(b"\x1f\x8b" + bytes(50)), ["a gzip file; unpack it first"]),
    "an array alone": ("steps.csv", "steps.csv", lambda p: p.write_bytes(b"\x93NUMPY" + bytes(50)), ["a single .npy array"]),
    "bytes of nothing known": ("steps.csv", "steps.csv", lambda p: p.write_bytes(b"episode,\xff\xfe\x00"), ["UTF-8"]),
    "one Parquet file": (ROBOT, ROBOT, lambda p: None, ["give the folder of the whole data set"]),
    "no file": ("none.csv", "steps.csv", lambda p: None, ["got no file there"]),
    "a folder of nothing": ("nothing", "steps.csv", lambda p: (p.parent / "nothing").mkdir(), ["got a folder with none of these files"]),
    "a folder of data sets": ("minari", "steps.csv", lambda p: None, ["it holds the data sets toy/dict-arrow-v0"]),
    "splits": (
        "splits",
        "steps.csv",
        lambda p: [(p.parent / "splits").mkdir(), (p.parent / "splits/dataset_dict.json").write_text("{}")],
        ["one folder for each split"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_file_array_and_place(case, formats):
    read, damaged, damage, fragments = CASES[case]
    damage(formats / damaged)
    with pytest.raises(DataError) as caught:
        read_demonstrations_from(formats / read, keys=("position",) if read == ARROW else None)
    message = str(caught.value)
    assert message.startswith(str(formats / read.split("/")[0]))
    for fragment in fragments:
        assert fragment in message, message


@pytest.mark.parametrize("read", ["d4rl.hdf5", MAIN, f"{ARROW}/data/0/part-0.arrow", f"{IMITATION}/data-00000-of-00001.arrow", ROBOT])
def test_cut_anywhere_it_is_refused(read, formats, tmp_path):
    """Never anything but our error, wherever the file ends."""
    path = formats / read
    content = path.read_bytes()
    whole = next(formats / name for name in ("lerobot", ARROW, DISCRETE, IMITATION, "d4rl.hdf5") if read.startswith(name))
    for length in np.linspace(5, len(content) - 1, 25).astype(int):
        path.write_bytes(content[:length])
        with pytest.raises(DataError):
            read_demonstrations_from(whole, keys=("position",) if whole == formats / ARROW else None)


def test_infos_of_imitation_are_never_decoded(formats, tmp_path):
    """A text that jsonpickle would run, in place of an info: it is read over, and nothing happens."""
    canary = tmp_path / "canary"
    trap = json.dumps({"py/reduce": [{"py/function": "os.mkdir"}, {"py/tuple": [str(canary)]}]})
    lengths = (4, 6, 3)
    texts = pyarrow.array([[trap] * length for length in lengths])
    stream_changed(formats / IMITATION / "data-00000-of-00001.arrow", set_column("infos", texts))
    demos = read_demonstrations_from(formats / IMITATION)
    assert demos.lengths.tolist() == list(lengths)
    assert demos.terminated is None  # the time limit is not told any more
    assert not canary.exists()
    assert "jsonpickle" not in sys.modules


def test_a_link_to_a_file_of_the_machine_is_not_followed(formats):
    """Soft links inside HDF5 neither: only arrays that stand in the file itself are read."""
    path = formats / "d4rl.hdf5"
    with h5py.File(path, "a") as file:
        file.move("observations", "infos/hidden")
        file["observations"] = h5py.SoftLink("/infos/hidden")
    with pytest.raises(DataError, match="D4RL's layout"):
        read_demonstrations_from(path)


def test_minari_needs_its_metadata_for_arrow_only(formats):
    shutil.rmtree(formats / ARROW)
    (formats / DISCRETE / "data/metadata.json").unlink()
    assert read_demonstrations_from(formats / DISCRETE).num_trajectories == 3


@pytest.mark.parametrize(
    "read", ["d4rl.hdf5", MAIN, f"{ARROW}/data/0/part-0.arrow", f"{IMITATION}/data-00000-of-00001.arrow", ROBOT, "steps.csv"]
)
def test_flipped_bytes_are_read_or_refused(read, formats):
    """Not every format has checksums, so some flips are read; none ends in anything but demonstrations or our error."""
    path, draw = formats / read, np.random.default_rng(1)
    content = path.read_bytes()
    whole = next(formats / name for name in ("lerobot", ARROW, DISCRETE, IMITATION, "d4rl.hdf5", "steps.csv") if read.startswith(name))
    for _ in range(15):
        damaged = bytearray(content)
        damaged[draw.integers(len(content))] = draw.integers(256)
        path.write_bytes(bytes(damaged))
        with contextlib.suppress(DataError):
            assert read_demonstrations_from(whole, keys=("position",) if whole == formats / ARROW else None).num_trajectories >= 1


def test_a_group_that_holds_itself(formats):
    path = formats / "d4rl.hdf5"
    with h5py.File(path, "a") as file:
        for index in range(10):
            file["infos"][f"again_{index}"] = file["infos"]
            file["metadata"][f"up_{index}"] = file["/"]
    assert read_demonstrations_from(path).num_trajectories == 3
