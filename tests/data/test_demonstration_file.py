"""The file reader: exact round trips, and one clear error for whatever is wrong."""

import io
import json
import os
import pickle
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from triality.data import demonstration_file
from triality.data.demonstration_file import read_demonstrations, write_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.errors import DataError, StorageError


def quick(num_examples):
    """The same examples in every run, without a clock: a slow machine is no failure."""
    return settings(max_examples=num_examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def small(**changes):
    fields = {
        "observations": np.array([[0.5, -1.0], [2.0, 3.0], [4.0, 5.5]], np.float32),
        "actions": np.array([[0.25], [-0.5], [1.0]], np.float32),
        "lengths": np.array([2, 1]),
        "rewards": np.array([1.0, 2.0, -3.0]),
        "terminated": np.array([False, True, False]),
    }
    meta = changes.pop("meta", {"env": "Toy-v0", "seeds": [1, 2], "note": "ü"})
    return Demonstrations.from_arrays({name: array for name, array in (fields | changes).items() if array is not None}, meta)


def assert_same(left, right):
    assert left.meta == right.meta
    assert left.columns().keys() == right.columns().keys()
    for name, array in left.columns().items():
        assert array.dtype == right.columns()[name].dtype
        np.testing.assert_array_equal(array, right.columns()[name], err_msg=name)


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def plain():
    return {"observations": np.zeros((3, 2)), "actions": np.zeros((3, 1)), "lengths": np.array([2, 1])}


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def zip_of(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, payload in members:
            archive.writestr(name, payload)
    return path


def refusal(path):
    """The message with which the reader refuses ``path``."""
    with pytest.raises(DataError) as caught:
        read_demonstrations(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message


def test_round_trip_and_equal_bytes(tmp_path):
    for name, demos in {
        "all": small(),
        "few": small(rewards=None, terminated=None, meta={}),
        "discrete": small(actions=np.array([0, 2, 1])),
    }.items():
        write_demonstrations(tmp_path / name, demos)
        assert_same(read_demonstrations(tmp_path / name), demos)
    write_demonstrations(tmp_path / "again", read_demonstrations(tmp_path / "all"))
    assert (tmp_path / "again").read_bytes() == (tmp_path / "all").read_bytes()


def test_the_file_is_an_ordinary_npz(tmp_path):
    write_demonstrations(tmp_path / "demos.npz", small())
    with np.load(tmp_path / "demos.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["actions"], small().actions)
        assert json.loads(str(file["meta"])) == small().meta


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_what_numpy_writes(tmp_path, save):
    """Column-major and byte-swapped arrays too; a constant array that compresses 600 times is no zip bomb."""
    arrays = plain() | {"observations": np.asfortranarray(np.arange(6.0).reshape(3, 2)).astype(">f8"), "meta": np.array('{"a": 1}')}
    save(tmp_path / "demos.npz", **arrays)
    demos = read_demonstrations(tmp_path / "demos.npz")
    np.testing.assert_array_equal(demos.observations, np.arange(6.0).reshape(3, 2))
    assert demos.meta == {"a": 1}
    steps = 100_000
    save(tmp_path / "long.npz", observations=np.random.default_rng(0).normal(size=(steps, 1)), actions=np.zeros(steps, int),
         lengths=np.array([steps]), rewards=np.ones(steps))  # fmt: skip
    assert read_demonstrations(tmp_path / "long.npz").returns() == steps


def test_missing_and_unreadable_files(tmp_path):
    assert "expected an existing file, got none there; check the path" in refusal(tmp_path / "none.npz")
    assert "got a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "got a folder or a device" in refusal(tmp_path / "pipe")
    assert "expected" in refusal(Path("name\0with a zero"))
    if os.geteuid() != 0:
        secret = npz(tmp_path / "secret.npz", **plain())
        secret.chmod(0)
        assert "permission denied" in refusal(secret)


def test_other_formats_are_named(tmp_path):
    cases = {
        "empty": (b"", "without a zip directory"),
        "text": (b"observations,actions\n1,2\n" * 40, "without a zip directory"),
        "npy": (npy(np.zeros(3)), "a single .npy array; save all arrays together with numpy.savez"),
        "pickle": (pickle.dumps({"observations": [1]}), "a pickle, which is never loaded"),
        "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(600), "an HDF5 file"),
    }
    for name, (content, fragment) in cases.items():
        (tmp_path / name).write_bytes(content)
        assert fragment in refusal(tmp_path / name)


class Canary:
    """Unpickling one of these makes a folder: proof that something was executed."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_pickled_arrays_are_refused_and_never_executed(tmp_path):
    canary = tmp_path / "canary"
    trap = np.empty(3, object)
    trap[:] = [Canary(str(canary))] * 3
    path = tmp_path / "trap.npz"
    np.savez(path, **(plain() | {"rewards": trap}))
    assert "pickled objects, which are never loaded" in refusal(path)
    assert not canary.exists()
    with np.load(path, allow_pickle=True) as file:
        file["rewards"]  # the control: the trap does work where pickles are allowed
    assert canary.exists()


def test_wrong_missing_and_duplicate_keys(tmp_path):
    arrays = plain()
    message = refusal(npz(tmp_path / "a.npz", obs=arrays["observations"], actions=arrays["actions"], lengths=arrays["lengths"]))
    assert "obs: expected one of observations, actions" in message
    assert "rename it to observations" in message
    assert "observations: expected this array, got none" in message
    message = refusal(npz(tmp_path / "b.npz", zzz=np.zeros(1)))
    assert all(f"- {name}: expected this array" in message for name in arrays)
    assert "zzz: expected one of" in message
    members = [(f"{name}.npy", npy(array)) for name, array in arrays.items()]
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zip_of(tmp_path / "c.npz", [*members, ("actions.npy", npy(np.ones((3, 1))))])
    assert "got actions.npy more than once" in refusal(path)
    assert "end in .npy, got actions" in refusal(zip_of(tmp_path / "d.npz", [*members, ("actions", npy(np.ones((3, 1))))]))


def test_members_that_lead_outside(tmp_path):
    members = [(f"{name}.npy", npy(array)) for name, array in plain().items()]
    for index, name in enumerate(["../rewards.npy", "/rewards.npy", "a\\rewards.npy", "a/../b.npy", "folder/"]):
        assert "expected plain members" in refusal(zip_of(tmp_path / f"{index}.npz", [*members, (name, b"")]))
    link = zipfile.ZipInfo("rewards.npy")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert "expected plain members" in refusal(zip_of(tmp_path / "link.npz", [*members, (link, b"/etc/hostname")]))


META = {
    "numbers": (np.zeros(3), "expected one JSON text, got float64 of shape (3,)"),
    "no JSON": (np.array("{'a': 1}"), "expected JSON, got other text"),
    "a list": (np.array("[1]"), "expected a JSON object, got a list"),
    "a name twice": (np.array('{"a": 1, "a": 2}'), "'a' is given twice"),
    "NaN": (np.array('{"a": NaN}'), "NaN is no JSON number"),
    "too deep": (np.array('{"a":' + "[" * 100_000), "nested too deeply"),
    "bytes that are no text": (np.array(b"\xff\xfe{"), "expected JSON, got other text"),
}


@pytest.mark.parametrize("case", META)
def test_bad_meta(tmp_path, case):
    meta, fragment = META[case]
    assert fragment in refusal(npz(tmp_path / "demos.npz", **plain(), meta=meta))


def test_problems_of_keys_and_of_values_come_together(tmp_path):
    arrays = plain() | {"observations": np.full((3, 2), np.nan), "reward": np.zeros(3), "lengths": np.array([3, 0])}
    message = refusal(npz(tmp_path / "demos.npz", **arrays))
    assert "3 problems" in message
    assert "rename it to rewards" in message
    assert "got 6 NaN, the first at index (0, 0)" in message
    assert "got 0 in trajectory 1" in message


def test_damaged_headers(tmp_path):
    """Headers that declare other shapes or types than the data have, up to sizes that no memory holds."""
    good = npy(np.zeros((3, 2)))
    cases = {
        "larger": good.replace(b"(3, 2)", b"(3, 9)"),
        "huge": good.replace(b"(3, 2), }" + b" " * 20, b"(99999999999, 99999999999), }"[:29].ljust(29)),
        "negative": good.replace(b"(3, 2)", b"(-3,-2)"[:6]),
        "smaller": good.replace(b"(3, 2)", b"(1, 2)"),
        "other type": good.replace(b"<f8", b"<f4"),
        "no type": good.replace(b"<f8", b"<q8"),
        "version": good[:6] + b"\x09" + good[7:],
        "structured": npy(np.zeros(3, [("a", "f8"), ("b", "f8")])),
        "cut": good[:40],
        "empty": b"",
    }
    for name, payload in cases.items():
        assert payload != good, name
        members = [(f"{key}.npy", npy(array)) for key, array in plain().items() if key != "observations"]
        assert "'observations.npy'" in refusal(zip_of(tmp_path / f"{name}.npz", [*members, ("observations.npy", payload)]))


def test_booleans_are_zero_or_one(tmp_path):
    flags = bytearray(npy(np.zeros(3, bool)))
    flags[-1] = 2
    members = [*((f"{key}.npy", npy(array)) for key, array in plain().items()), ("terminated.npy", bytes(flags))]
    assert "booleans of 'terminated.npy'" in refusal(zip_of(tmp_path / "demos.npz", members))


def peak_growth(path):
    """Growth of the peak memory, in bytes, while a process of its own refuses ``path``."""
    script = (
        "import resource, sys; from triality.data.demonstration_file import read_demonstrations; from triality.errors import DataError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_demonstrations(sys.argv[1])\nexcept DataError as error:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, str(error)[-200:])\n"
    )
    output = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True).stdout
    growth, message = output.split(" ", 1)
    return int(growth) * 1024, message


def test_zip_bombs_are_refused_before_they_are_decompressed(tmp_path):
    bomb = zip_of(tmp_path / "bomb.npz", [("observations.npy", bytes(100 * 2**20))], zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 200_000
    growth, message = peak_growth(bomb)
    assert "a zip bomb?" in message
    assert growth < 50 * 2**20
    declared = bytearray(zip_of(tmp_path / "declared.npz", [(f"{i}.npy", b"x") for i in range(3)]).read_bytes())
    position = 0
    while (position := declared.find(b"PK\x01\x02", position + 1)) >= 0:
        struct.pack_into("<L", declared, position + 24, 2**32 - 2)  # the uncompressed size in the directory
    (tmp_path / "declared.npz").write_bytes(declared)
    assert "expected at most 8589934592 bytes, got 12884901882 declared" in refusal(tmp_path / "declared.npz")
    many = zip_of(tmp_path / "many.npz", [(f"{i:060d}.npy", b"") for i in range(11_000)])
    assert "expected a zip directory of at most" in refusal(many)


def test_encryption_and_rare_methods_are_refused(tmp_path):
    path = zip_of(tmp_path / "lzma.npz", [("observations.npy", npy(np.zeros((3, 2))))], zipfile.ZIP_LZMA)
    assert "stored or deflated" in refusal(path)
    content = bytearray(zip_of(tmp_path / "secret.npz", [("observations.npy", npy(np.zeros((3, 2))))]).read_bytes())
    content[content.find(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "secret.npz").write_bytes(content)
    assert "unencrypted" in refusal(tmp_path / "secret.npz")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A small file of every kind of compression, with what it holds."""
    folder = tmp_path_factory.mktemp("written")
    write_demonstrations(folder / "stored", small())
    np.savez_compressed(folder / "deflated.npz", **small().columns(), meta=np.array(json.dumps(dict(small().meta))))
    return folder, [(folder / "stored").read_bytes(), (folder / "deflated.npz").read_bytes()]


def equal_or_refused(path, content):
    """Write ``content`` and read it: True if refused, False if it still gives exactly the demonstrations; anything else fails."""
    path.write_bytes(content)
    try:
        demos = read_demonstrations(path)
    except DataError:
        return True
    assert_same(demos, small())
    return False


def test_every_truncation_is_refused(written):
    folder, contents = written
    assert all(equal_or_refused(folder / "cut", contents[0][:size]) for size in range(len(contents[0])))
    assert all(equal_or_refused(folder / "cut", contents[1][:-size]) for size in range(1, 200))


def test_bit_flips_never_pass_silently(written):
    folder, contents = written
    rng = np.random.default_rng(7)
    refused = 0
    for content in contents:
        for position in rng.integers(0, 8 * len(content), 300):
            flipped = bytearray(content)
            flipped[position // 8] ^= 1 << (position % 8)
            refused += equal_or_refused(folder / "flipped", bytes(flipped))
    assert refused > 400  # the rest touch dates and the like


def test_every_bit_of_the_directory(tmp_path):
    """The directory has no checksum of its own: here every single flip is tried, not a sample."""
    demos = small(terminated=None, meta={})
    write_demonstrations(tmp_path / "sound", demos)
    content = (tmp_path / "sound").read_bytes()
    for position in range(8 * content.find(b"PK\x01\x02"), 8 * len(content)):
        flipped = bytearray(content)
        flipped[position // 8] ^= 1 << (position % 8)
        (tmp_path / "flipped").write_bytes(flipped)
        try:
            found = read_demonstrations(tmp_path / "flipped")
        except DataError:
            continue
        assert_same(found, demos)


def test_a_member_hidden_in_a_comment_is_missed(written):
    """One changed field of the directory makes an optional array vanish; numpy itself then reads the rest without a word."""
    folder, (content, _) = written
    entry, hidden = (content.rfind(b"PK\x01\x02", 0, content.rfind(name)) for name in (b"lengths.npy", b"rewards.npy"))
    after = content.find(b"PK\x01\x02", hidden + 1)
    changed = bytearray(content)
    struct.pack_into("<H", changed, entry + 32, after - hidden)
    (folder / "hidden").write_bytes(changed)
    with np.load(folder / "hidden") as file:
        assert "rewards" not in file.files
        file["observations"]
    assert "expected 6 members, got 5" in refusal(folder / "hidden")


EDITS = st.lists(st.tuples(st.sampled_from(["flip", "insert", "delete", "copy"]), st.integers(0, 2**31), st.integers(0, 2**31),
                           st.binary(min_size=1, max_size=8)), min_size=1, max_size=5)  # fmt: skip


def mutate(content, edits):
    for kind, a, b, piece in edits:
        i, j = a % (len(content) + 1), b % (len(content) + 1)
        if kind == "flip":
            content = content[:i] + piece + content[i + len(piece) :]
        elif kind == "insert":
            content = content[:i] + piece + content[i:]
        elif kind == "delete":
            content = content[: min(i, j)] + content[min(max(i, j), min(i, j) + 40) :]
        else:
            content = content[:i] + content[j : j + 60] + content[i:]
    return content


@quick(250)
@given(which=st.integers(0, 1), edits=EDITS)
def test_mutated_files_are_equal_or_refused(written, which, edits):
    folder, contents = written
    equal_or_refused(folder / "mutant", mutate(contents[which], edits))


@quick(150)
@given(which=st.sampled_from(["observations", "actions", "lengths", "terminated", "meta"]), edits=EDITS)
def test_mutated_members_in_a_sound_zip_load_or_are_refused(written, which, edits):
    """With the checksums right, the header and the values are what protects: no other error than ours may come out."""
    folder, _ = written
    arrays = small().columns() | {"meta": np.array(json.dumps(dict(small().meta)))}
    members = {name: npy(array) for name, array in arrays.items()}
    members[which] = mutate(members[which], edits)
    path = zip_of(folder / "sound", [(f"{name}.npy", payload) for name, payload in members.items()])
    try:
        demos = read_demonstrations(path)
    except DataError:
        return
    assert demos.num_steps == demos.lengths.sum()
    assert all(np.all(np.isfinite(array)) for array in demos.columns().values())


@quick(200)
@given(
    name=st.sampled_from([*sorted(small().columns()), "weights", "log_prob"]),
    dtype=st.sampled_from(["f2", "f4", "f8", ">f8", "g", "i1", "i8", "u8", "?", "c8", "U3", "S3", "O", "M8[s]"]),
    shape=st.lists(st.integers(0, 4), max_size=3),
    fill=st.sampled_from([0, 1, 2, 100]),
)
def test_any_shape_and_type_loads_exactly_or_is_refused(name, dtype, shape, fill):
    array = np.full(shape, fill).astype(dtype)
    try:
        demos = small(**{name: array})
    except DataError:
        return
    np.testing.assert_array_equal(getattr(demos, name), array)


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "demos.npz"
    write_demonstrations(path, small())
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("triality.runs.atomic.os.replace", fail)
    with pytest.raises(StorageError, match=r"No space left on device.*; free space"):
        write_demonstrations(path, small(meta={}))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["demos.npz"]


def test_a_write_that_cannot_be_read_back_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "demos.npz"
    write_demonstrations(path, small())
    before = path.read_bytes()
    monkeypatch.setattr(demonstration_file, "encode_array", lambda array: npy(array)[:-1])
    with pytest.raises(DataError):
        write_demonstrations(path, small(meta={}))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["demos.npz"]


def test_unusual_paths(tmp_path):
    folder = tmp_path / "with spaces and ü" / ("long" * 50)
    folder.mkdir(parents=True)
    write_demonstrations(folder / ("n" * 250), small())
    assert_same(read_demonstrations(str(folder / ("n" * 250))), small())
