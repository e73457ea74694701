"""F7 and F8: whatever befalls the bytes of a file, it is read as what it held or refused with an error of the library.

Where the format has a checksum over all that is read, no damage passes. Where it has none, a changed number is a number: what can be asked
is that nothing else comes out than an object or an error of ours, in a second, without much memory. ``python benchmarks/damaged_files.py``
counts what passes, format by format.
"""

import numpy as np
import pytest

from tests.faults.formats import FORMATS
from tests.faults.trials import run_trials
from triality.errors import StorageError
from triality.runs.checkpoint_file import read_leaves

QUICK = {"flip": 40, "cut": 12, "insert": 8, "delete": 8, "splice": 8, "number": 12, "member twice": 6, "resealed": 12}
FULL = {"flip": 5000, "cut": 500, "insert": 500, "delete": 500, "splice": 500, "number": 1000, "member twice": 200, "resealed": 1000}
WITHOUT_HASHES = {"resealed"}
"""Damage with the zip's checksums made anew: of formats with a zip alone, not of those that keep hashes of their own."""
HASHED = ("checkpoint", "exported policy", "exported cost")


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """One process for all formats: each would take longer to start than to try."""
    records = run_trials(FORMATS, QUICK, tmp_path_factory.mktemp("damaged"))
    return {record["format"]: record for record in records}


def silent(record, but=()):
    return {kind: found["silent"] for kind, found in record["kinds"].items() if found["silent"] and kind not in but}


def broken_promises(record):
    """What a format's record shows against the promises made for it."""
    name, promises = record["format"], list(record["violations"])
    if FORMATS[name].is_checked:
        promises += [f"{kind}: {count} silent" for kind, count in silent(record, () if name in HASHED else WITHOUT_HASHES).items()]
    return promises


@pytest.mark.parametrize("name", FORMATS)
def test_f08_damage_is_noticed_or_harmless_or_at_least_no_other_error(name, quick):
    assert broken_promises(quick[name]) == []


def test_f07_a_checkpoint_or_demonstrations_cut_anywhere_are_refused(quick):
    for name in [name for name, form in FORMATS.items() if form.is_checked]:
        found = quick[name]["kinds"]["cut"]
        assert found["noticed"] == QUICK["cut"], name


def test_f07_every_length_of_a_checkpoint(tmp_path):
    path = FORMATS["checkpoint"].make(tmp_path)
    content, target = path.read_bytes(), tmp_path / "cut"
    lengths = [*range(0, 200), *np.random.default_rng(0).integers(200, len(content), 200), *range(len(content) - 200, len(content))]
    for length in lengths:
        target.write_bytes(content[:length])
        with pytest.raises(StorageError):
            read_leaves(target)
    target.write_bytes(content)
    read_leaves(target)


@pytest.mark.faults
@pytest.mark.parametrize("name", FORMATS)
def test_f08_at_length(name, tmp_path):
    (record,) = run_trials([name], FULL, tmp_path, seed=1)
    print(name, {kind: tuple(found.values()) for kind, found in record["kinds"].items()})
    assert broken_promises(record) == []


CONTROLS = {
    "checkpoint": ("without_checksums", "silent"),
    "demonstrations, npz": ("of_numpy", "BadZipFile"),
    "table, npy": ("of_raw_array", "silent"),
    "exported policy": ("of_raw_tensors", "silent"),
    "tokens, text": ("that_believes_sizes", "MiB"),
}
"""A weak reader of a format, and what its record must show."""


def test_f08_control_weak_readers_break_the_promises(tmp_path):
    weak = {name: reader for name, (reader, _) in CONTROLS.items()}
    for record in run_trials(CONTROLS, {"flip": 40, "number": 25, "cut": 10}, tmp_path, weak=weak):
        told = "; ".join([*record["violations"], *(f"{count} silent" for count in silent(record).values())])
        assert CONTROLS[record["format"]][1] in told, record
