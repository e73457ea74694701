"""F36: paths that are no text, with spaces, long; a mask that hides new files; other clocks. All is written and read all the same."""

import io
import os
import time
import zipfile

import pytest

from tests.faults.formats import FORMATS, demonstrations
from triality.data.demonstration_file import read_demonstrations, write_demonstrations
from triality.errors import TrialityError
from triality.runs.json_files import read_json, write_json

NAMES = {
    "no text": b"\xff\xfe\x80",
    "spaces": b" a  b ",
    "a new line": b"a\nb",
    "long": b"n" * 255,
    "signs": "ü ☃ %20 #?&'\"\\;$(x)".encode(),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMATS)
def test_f36_every_format_below_such_a_folder(form, name, tmp_path):
    folder = tmp_path / os.fsdecode(NAMES[name])
    folder.mkdir()
    (tmp_path / "plain").mkdir()
    assert FORMATS[form].read(FORMATS[form].make(folder)) == FORMATS[form].read(FORMATS[form].make(tmp_path / "plain"))


@pytest.mark.parametrize("name", NAMES)
def test_f36_errors_name_such_a_path(name, tmp_path):
    """In a form that can be printed anywhere."""
    path = tmp_path / os.fsdecode(NAMES[name])
    for read in (read_demonstrations, read_json, FORMATS["table, csv"].read, FORMATS["checkpoint"].read):
        with pytest.raises(TrialityError) as caught:
            read(path)
        str(caught.value).encode("utf-8", "surrogateescape")


def test_f36_a_deep_path(tmp_path):
    folder = tmp_path.joinpath(*["d" * 200] * 15)
    folder.mkdir(parents=True)
    write_demonstrations(folder / "demos.npz", demonstrations())
    assert read_demonstrations(folder / "demos.npz").num_steps == demonstrations().num_steps
    with pytest.raises(TrialityError):
        read_demonstrations(folder.joinpath(*["d" * 200] * 10) / "demos.npz")  # beyond what the system takes


@pytest.mark.parametrize("mask", [0o077, 0o000, 0o777])
def test_f36_masks(mask, tmp_path):
    """A mask that takes every right of new files still lets this process read back what it holds open, or ends in an error of ours."""
    before = os.umask(mask)
    try:
        write_json(tmp_path / "a.json", {"x": 1})
        assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o666 & ~mask
        if os.geteuid() == 0 or mask != 0o777:
            assert read_json(tmp_path / "a.json") == {"x": 1}
            FORMATS["checkpoint"].read(FORMATS["checkpoint"].make(tmp_path))
        else:
            with pytest.raises(TrialityError, match="Permission denied"):
                read_json(tmp_path / "a.json")
    finally:
        os.umask(before)


@pytest.mark.parametrize("stamp", [0, 2**31 + 5, 5e9])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "nowhere"])
def test_f36_clocks_and_zones_leave_no_trace(stamp, zone, tmp_path, monkeypatch):
    sound = {name: FORMATS[name].make(folder(tmp_path / name)).read_bytes() for name in ("checkpoint", "demonstrations, npz")}
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: float(stamp))
    for name, content in sound.items():
        path = FORMATS[name].make(folder(tmp_path / f"{name} then"))
        os.utime(path, (stamp, stamp))
        assert path.read_bytes() == content
        FORMATS[name].read(path)
    monkeypatch.undo()
    time.tzset()


def folder(path):
    path.mkdir()
    return path


def test_f36_control_a_path_that_is_no_text_and_a_clock_in_a_zip(tmp_path, monkeypatch):
    from pyarrow import parquet

    (tmp_path / "plain").mkdir()
    path = FORMATS["table, Parquet"].make(tmp_path / "plain").rename(tmp_path / os.fsdecode(NAMES["no text"]))
    FORMATS["table, Parquet"].read(path)
    with pytest.raises(UnicodeEncodeError):
        parquet.read_table(path)
    contents = []
    for stamp in (1e9, 1.1e9):
        monkeypatch.setattr(time, "time", lambda stamp=stamp: stamp)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a", b"")
        contents.append(stream.getvalue())
    assert contents[0] != contents[1]
