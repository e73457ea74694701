"""F11: files that would run something where objects are unpickled, or write outside where archives are unpacked. Nothing ever happens."""

import json
import os
import pickle
import stat

import numpy as np
import pytest

from tests.faults.damage import hand_made_zip, zip_of
from tests.faults.formats import FORMATS, copied, of_checkpoint, of_demonstrations, of_sequences, of_table
from triality.errors import TrialityError
from triality.runs.json_files import read_json

READERS = {
    "demonstrations": of_demonstrations,
    "table": of_table,
    "tokens": of_sequences,
    "checkpoint": of_checkpoint,
    "JSON": read_json,
}


class Canary:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """A path where nothing may appear; and whoever unpickles anything is told at once."""
    folder = tmp_path / "canary"
    yield folder
    assert not folder.exists()


@pytest.fixture(autouse=True)
def _nobody_unpickles(request, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something was unpickled")

    if "control" not in request.node.name:
        monkeypatch.setattr(pickle, "load", refuse)
        monkeypatch.setattr(pickle, "loads", refuse)


def objects_npz(path, canary):
    trap = np.empty(3, object)
    trap[:] = [Canary(canary)] * 3
    np.savez(path, observations=trap, x=trap, tokens=trap)


def objects_npy(path, canary):
    np.save(path.with_suffix(".npy"), np.array([Canary(canary)], object))
    path.with_suffix(".npy").rename(path)


def renamed_pickle(path, canary):
    path.write_bytes(pickle.dumps(Canary(canary)))


def text_pickle(path, canary):
    """The oldest protocol is text."""
    path.write_bytes(pickle.dumps(Canary(canary), protocol=0))


def torch_zip(path, canary):
    """As ``torch.save`` writes: a pickle in a zip, and storages beside it."""
    members = [("archive/data.pkl", pickle.dumps(Canary(canary))), ("archive/version", b"3\n"), ("archive/data/0", bytes(24))]
    path.write_bytes(zip_of(members))


def yaml_object(path, canary):
    path.write_text(f"episode: !!python/object/apply:os.mkdir ['{canary}']\nobs_0: 1\n")


def jsonpickle_object(path, canary):
    path.write_text(json.dumps({"py/reduce": [{"py/function": "os.mkdir"}, {"py/tuple": [str(canary)]}]}))


def formula(path, canary):
    """What a spreadsheet would run."""
    path.write_text(f"episode,obs_0,action\n0,=cmd|'mkdir {canary}'!A1,1\n")


def outside(name):
    def make(path, canary):
        path.write_bytes(zip_of([("x.npy", b""), (name.format(canary), b"!")]))

    return make


def link_member(path, canary):
    path.write_bytes(hand_made_zip([(b"x.npy", str(canary.parent).encode(), 5, (stat.S_IFLNK | 0o777) << 16)]))


TRAPS = {
    "objects in an npz": objects_npz,
    "objects in an npy": objects_npy,
    "a pickle by another name": renamed_pickle,
    "a pickle of text": text_pickle,
    "torch's zip": torch_zip,
    "YAML": yaml_object,
    "jsonpickle": jsonpickle_object,
    "a formula": formula,
    "a member above": outside("../canary"),
    "a member at the root": outside("{}"),
    "a member by a backslash": outside("..\\canary"),
    "a link as a member": link_member,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("trap", TRAPS)
def test_f11_what_could_run_is_refused(trap, reader, tmp_path, canary):
    path = tmp_path / "file.npz"
    TRAPS[trap](path, canary)
    if (trap, reader) == ("jsonpickle", "JSON"):
        assert READERS[reader](path)["py/reduce"][0] == {"py/function": "os.mkdir"}  # plain texts: they stay what they are
        return
    with pytest.raises(TrialityError) as caught:
        READERS[reader](path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("trap", ["objects in an npz", "a pickle by another name", "a pickle of text", "torch's zip"])
def test_f11_control_the_traps_work_where_pickles_are_loaded(trap, tmp_path):
    path, target = tmp_path / "file.npz", tmp_path / "canary"
    TRAPS[trap](path, target)
    if trap == "objects in an npz":
        with np.load(path, allow_pickle=True) as file:
            file["x"]
    elif trap == "torch's zip":
        import zipfile

        with zipfile.ZipFile(path) as archive:
            pickle.loads(archive.read("archive/data.pkl"))
    else:
        pickle.loads(path.read_bytes())
    assert target.is_dir()


def test_f11_control_a_member_above_is_written_above_by_a_careless_unpacker(tmp_path):
    import io
    import zipfile

    TRAPS["a member above"](tmp_path / "file.npz", tmp_path / "canary")
    (tmp_path / "inside").mkdir()
    with zipfile.ZipFile(io.BytesIO((tmp_path / "file.npz").read_bytes())) as archive:
        for name in archive.namelist():
            (tmp_path / "inside" / name).write_bytes(archive.read(name))
    assert (tmp_path / "canary").read_bytes() == b"!"


def test_f11_pickles_in_the_members_of_a_sound_checkpoint(tmp_path, canary):
    from tests.faults.damage import zip_members

    path = FORMATS["checkpoint"].make(tmp_path)
    members = dict(zip_members(path.read_bytes()))
    objects_npz(tmp_path / "trap.npz", canary)
    members["leaves/000000.npy"] = dict(zip_members((tmp_path / "trap.npz").read_bytes()))["x.npy"]
    path.write_bytes(zip_of(members.items()))
    with pytest.raises(TrialityError, match="pickled objects, which are never loaded"):
        of_checkpoint(path)


HDF5 = {
    "opaque bytes": lambda file, trap: file.create_dataset("observations", data=np.array([np.void(trap)] * 15)),
    "texts": lambda file, trap: file.create_dataset("observations", data=np.array([trap.replace(b"\0", b"")] * 15)),
    "bytes of any length": lambda file, trap: _of_any_length(file, trap),
    "an attribute": lambda file, trap: file.attrs.update(observations=np.void(trap)),
    "a file beside it": lambda file, trap: file.create_dataset("observations", (15, 3), "f4", external=[("/etc/hostname", 0, 180)]),
    "a virtual array": lambda file, trap: _virtual(file),
}


def _of_any_length(file, trap):
    import h5py

    file.create_dataset("observations", (15,), h5py.vlen_dtype(np.uint8))[:] = [np.frombuffer(trap, np.uint8)] * 15


def _virtual(file):
    import h5py

    layout = h5py.VirtualLayout((15, 3), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (15, 3))
    file.create_virtual_dataset("observations", layout)


@pytest.mark.parametrize("case", HDF5)
def test_f11_objects_in_hdf5(case, tmp_path, canary):
    import h5py

    path = copied("d4rl.hdf5.gz", "d4rl.hdf5")(tmp_path)
    with h5py.File(path, "a") as file:
        del file["observations"]
        HDF5[case](file, pickle.dumps(Canary(canary)))
    with pytest.raises(TrialityError):
        of_demonstrations(path)


def extension(trap):
    """Storage of numbers under a type whose parameters old versions of pyarrow unpickled (CVE-2023-47248)."""
    return {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": trap}


def test_f11_a_type_of_arrow_that_is_a_pickle(tmp_path, canary):
    """In a stream, and in the schema that a Parquet file carries: the numbers are read, the type is never looked up."""
    import pyarrow
    from pyarrow import ipc, parquet

    trap = pickle.dumps(Canary(canary))
    for source, pattern in (("imitation/continuous", "*.arrow"), ("lerobot", "data/*/*.parquet")):
        path = copied(source, "")(tmp_path / pattern.strip("*/."))
        sound = of_demonstrations(path)
        for file in path.glob(pattern):
            table = ipc.open_stream(file.read_bytes()).read_all() if pattern == "*.arrow" else parquet.read_table(file)
            schema = pyarrow.schema([field.with_metadata(extension(trap)) for field in table.schema])
            if pattern == "*.arrow":
                with ipc.new_stream(file, schema) as writer:
                    writer.write_table(table.cast(schema))
            else:
                parquet.write_table(table.cast(schema), file)
            assert trap in file.read_bytes() or pattern != "*.arrow"
        assert of_demonstrations(path) == sound


def test_f11_bytes_in_arrow_are_no_numbers(tmp_path, canary):
    import pyarrow
    from pyarrow import ipc

    path = copied("imitation/continuous", "")(tmp_path)
    (file,) = path.glob("*.arrow")
    table = ipc.open_stream(file.read_bytes()).read_all()
    table = table.set_column(table.column_names.index("obs"), "obs", [pyarrow.array([[pickle.dumps(Canary(canary))] * 5] * 3)])
    with ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(TrialityError, match="expected numbers, got binary"):
        of_demonstrations(path)
