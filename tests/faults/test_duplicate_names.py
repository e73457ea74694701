"""F19: a name given twice is refused, whatever gives it; so is one that means nothing. Most libraries take the last, or the first."""

import io
import json
import struct
import warnings
import zipfile

import numpy as np
import pytest

from tests.faults.damage import zip_members, zip_of
from tests.faults.formats import FORMATS, GOLDEN, copied, of_demonstrations, of_sequences, of_table, run_folder
from triality.errors import DataError, StorageError
from triality.export.numpy_policy import NumpyPolicy
from triality.runs.folder import RunFolder
from triality.runs.json_files import parse_json

ZIPS = ("checkpoint", "demonstrations, npz", "table, npz", "tokens, npz", "chords, npz")


@pytest.mark.parametrize("name", ZIPS)
def test_f19_a_member_twice(name, tmp_path):
    form = FORMATS[name]
    path = form.make(tmp_path)
    members = zip_members(path.read_bytes())
    for place in range(len(members)):
        path.write_bytes(zip_of([*members, members[place]]))
        with pytest.raises((DataError, StorageError), match=f"every name once, got {members[place][0]} more than once"):
            form.read(path)
    path.write_bytes(zip_of(members))
    form.read(path)


@pytest.mark.parametrize("name", ZIPS[1:])
def test_f19_an_array_with_and_without_the_suffix(name, tmp_path):
    """``tokens`` and ``tokens.npy`` are two members and one key."""
    form = FORMATS[name]
    path = form.make(tmp_path)
    members = zip_members(path.read_bytes())
    path.write_bytes(zip_of([*members, (members[0][0].removesuffix(".npy"), members[0][1])]))
    with pytest.raises(DataError, match=r"members that end in \.npy"):
        form.read(path)


def test_f19_control_numpy_takes_one_of_two(tmp_path):
    first, second = io.BytesIO(), io.BytesIO()
    np.save(first, np.zeros(3))
    np.save(second, np.ones(3))
    (tmp_path / "twice.npz").write_bytes(zip_of([("x.npy", first.getvalue()), ("x.npy", second.getvalue())]))
    with warnings.catch_warnings(), np.load(tmp_path / "twice.npz") as file:
        warnings.simplefilter("ignore")
        assert file["x"].shape == (3,)
    assert json.loads('{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "a": 2}}]', '{"a": 1, "\\u0061": 2}'])
def test_f19_a_name_twice_in_json(text):
    with pytest.raises(ValueError, match="'a' is given twice"):
        parse_json(text)


def twice(path, name):
    """The first line with that name once more."""
    lines = path.read_text().split("\n")
    place = next(i for i, line in enumerate(lines) if f'"{name}"' in line)
    line = lines[place] if lines[place].endswith(",") else f"{lines[place]},"
    path.write_text("\n".join([*lines[:place], line, *lines[place:]]))


def test_f19_a_name_twice_in_the_files_of_a_run(tmp_path):
    run = RunFolder(run_folder(tmp_path))
    twice(run.config_path, "command")
    twice(run.summary_path, "log_z")
    with pytest.raises(StorageError, match=r"config\.json.*'command' is given twice"):
        run.read_config()
    with pytest.raises(StorageError, match=r"summary\.json.*'log_z' is given twice"):
        run.read_summary()


@pytest.mark.parametrize(
    ("source", "file", "name"),
    [
        ("lerobot", "meta/info.json", "codebase_version"),
        ("imitation/continuous", "state.json", "_fingerprint"),
        ("minari/toy/discrete-v0", "data/metadata.json", "total_episodes"),
    ],
)
def test_f19_a_name_twice_in_metadata(source, file, name, tmp_path):
    path = copied(source, "")(tmp_path)
    content = json.dumps(json.loads((path / file).read_text()), indent=1)
    (path / file).write_text(content)
    of_demonstrations(path)
    twice(path / file, name)
    with pytest.raises(DataError, match=f"'{name}' is given twice"):
        of_demonstrations(path)


def test_f19_a_column_twice_in_text(tmp_path):
    (tmp_path / "a.csv").write_text("episode,obs_0,obs_0,action\n0,1,2,0\n")
    with pytest.raises(DataError, match="every column name once, got 'obs_0'"):
        of_demonstrations(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("a,b,a\n1,2,3\n")
    with pytest.raises(DataError, match="every column name once, got 'a'"):
        of_table(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text('"x,episode,y"\n1\n')  # the delimiter is found in a quoted name
    with pytest.raises(DataError, match="expected a column called episode, got 'x,episode,y'; repair the quotes"):
        of_demonstrations(tmp_path / "c.csv")


@pytest.mark.parametrize("column", ["obs", "acts"])
def test_f19_a_column_twice_in_arrow(column, tmp_path):
    from pyarrow import ipc

    path = copied("imitation/continuous", "")(tmp_path)
    (file,) = path.glob("*.arrow")
    table = ipc.open_stream(file.read_bytes()).read_all()
    table = table.append_column(column, table[column])
    with ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(DataError, match=f"every column name once, got '{column}'"):
        of_demonstrations(path)


@pytest.mark.parametrize("column", ["action", "frame_index"])
def test_f19_a_column_twice_in_parquet(column, tmp_path):
    from pyarrow import parquet

    path = copied("lerobot", "")(tmp_path)
    file = path / "data/chunk-000/file-000.parquet"
    table = parquet.read_table(file)
    parquet.write_table(table.append_column(column, table[column]), file)
    with pytest.raises(DataError, match=f"every column name once, got '{column}'"):
        of_demonstrations(path)


@pytest.mark.parametrize("column", ["obs", "acts", "rews", "infos"])
def test_f19_columns_of_another_kind_under_a_known_name(column, tmp_path):
    """A number where a list is meant."""
    import pyarrow
    from pyarrow import ipc

    path = copied("imitation/continuous", "")(tmp_path)
    (file,) = path.glob("*.arrow")
    table = ipc.open_stream(file.read_bytes()).read_all()
    table = table.set_column(table.column_names.index(column), column, [pyarrow.array([1.0] * table.num_rows)])
    with ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(DataError, match=f"{column}: expected a list a trajectory, got double"):
        of_demonstrations(path)


def test_f19_episodes_of_one_number(tmp_path):
    """``episode_1`` and ``episode_01``, ``1`` and ``01``: the second is no episode of the layout."""
    import shutil

    import h5py

    path = copied("minari/toy/discrete-v0", "")(tmp_path / "a")
    sound = of_demonstrations(path)
    with h5py.File(path / "data/main_data.hdf5", "a") as file:
        file.copy("episode_1", "episode_01")
    assert of_demonstrations(path) == sound
    path = copied("minari/toy/dict-arrow-v0", "")(tmp_path / "b")
    sound = FORMATS["Minari Arrow"].read(path)
    shutil.copytree(path / "data/1", path / "data/01")
    assert FORMATS["Minari Arrow"].read(path) == sound


@pytest.mark.parametrize("name", ["cost", "policy"])
def test_f19_an_array_twice_and_a_field_unknown_in_an_exported_model(name, tmp_path):
    """In files without hashes, so that the names are what is seen."""
    for file in GOLDEN.glob("without_hash/*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    read, tensors = FORMATS[f"exported {name}"].read, tmp_path / f"{name}.safetensors"
    read(tmp_path)
    content = tensors.read_bytes()
    (size,) = struct.unpack_from("<Q", content)
    header = content[8 : 8 + size].decode().rstrip()
    first = header[1 : header.index("}") + 1]
    longer = f"{{{first},{header[1:]}"
    tensors.write_bytes(struct.pack("<Q", len(longer)) + longer.encode() + content[8 + size :])
    with pytest.raises(StorageError, match="is given twice"):
        read(tmp_path)
    tensors.write_bytes(content)
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": 1}))
    with pytest.raises(StorageError, match="expected the fields of format version 1, got colour too"):
        read(tmp_path)


def test_f19_one_hash_of_two_in_an_exported_model(tmp_path):
    form = FORMATS["exported policy"]
    path = form.make(tmp_path) / "policy.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in found.items() if name != "blake2b"}))
    with pytest.raises(StorageError, match="expected both hashes or, in older files, none"):
        NumpyPolicy.load(tmp_path)


def test_f19_names_that_mean_nothing(tmp_path):
    path = FORMATS["demonstrations, npz"].make(tmp_path)
    members = zip_members(path.read_bytes())
    path.write_bytes(zip_of([*members, ("reward.npy", members[0][1])]))
    with pytest.raises(DataError, match=r"reward: expected one of .*; rename it to rewards"):
        of_demonstrations(path)
    run = RunFolder(run_folder(tmp_path))
    run.summary_path.write_text(json.dumps(json.loads(run.summary_path.read_text()) | {"logz": 1}))
    with pytest.raises(StorageError, match="logz: expected no such field, got one"):
        run.read_summary()
    (tmp_path / "words.npz").write_bytes(zip_of([("words.npy", members[0][1])]))
    with pytest.raises(DataError, match=r"expected an array tokens.*got words"):
        of_sequences(tmp_path / "words.npz")


def test_f19_a_zip_within_limits_still_opens_elsewhere(tmp_path):
    """What the library writes is an ordinary zip."""
    with zipfile.ZipFile(FORMATS["demonstrations, npz"].make(tmp_path)) as archive:
        assert archive.testzip() is None
