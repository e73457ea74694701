"""F13 and F14: numbers that are none, and arrays of other shapes and types, in every reader: loaded exactly or refused by key."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.formats import demonstrations
from triality.data.demonstration_file import read_demonstrations
from triality.data.demonstrations_from import read_demonstrations_from
from triality.data.sequence_file import Asked, read_sequences
from triality.data.table_checks import check_table
from triality.data.table_file import read_table
from triality.errors import DataError, TrialityError

FOLDER = Path(tempfile.mkdtemp())
"""Hypothesis repeats a test within one ``tmp_path``; the files here are overwritten each time."""


def quick(num_examples):
    return settings(max_examples=num_examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def columns():
    return {name: array.copy() for name, array in demonstrations().columns().items()}


FLOATS = ("observations", "actions", "rewards", "log_prob", "weights")
BAD = {"NaN": np.nan, "infinite": np.inf, "-infinite": -np.inf, "beyond float32": 1e39}


@quick(40)
@given(name=st.sampled_from(FLOATS), kind=st.sampled_from(list(BAD)), places=st.sets(st.integers(0, 2**20), min_size=1, max_size=3))
def test_f13_numbers_that_are_none_are_counted_and_the_first_is_named(name, kind, places):
    arrays = columns()
    array = arrays[name] = arrays[name].astype(np.float64)
    indices = sorted({place % array.size for place in places})
    array.reshape(-1)[indices] = BAD[kind]
    np.savez(FOLDER / "bad.npz", **arrays)
    first = tuple(int(i) for i in np.unravel_index(indices[0], array.shape))
    with pytest.raises(DataError) as caught:
        read_demonstrations(FOLDER / "bad.npz")
    message = str(caught.value)
    place = first[0] if len(first) == 1 else first
    assert f"{name}: expected finite numbers, got {len(indices)} {kind.removeprefix('-')}, the first at index {place}" in message


@quick(15)
@given(
    row=st.integers(0, 4),
    column=st.sampled_from(["obs_0", "action_0", "reward"]),
    cell=st.sampled_from(["nan", "inf", "-Infinity", "1e999"]),
)
def test_f13_in_text_the_line_is_named(row, column, cell):
    names = ["episode", "obs_0", "action_0", "reward"]
    rows = [["0", "0.5", "0.25", "1"] for _ in range(5)]
    rows[row][names.index(column)] = cell
    (FOLDER / "bad.csv").write_text("\n".join(",".join(each) for each in [names, *rows]))
    with pytest.raises(DataError, match=f"{column}: expected a finite number, got '{cell}' in line {row + 2}"):
        read_demonstrations_from(FOLDER / "bad.csv")


@quick(15)
@given(row=st.integers(0, 39), column=st.integers(0, 2), value=st.sampled_from(list(BAD.values())))
def test_f13_in_a_table_the_cell_is_named(row, column, value):
    rows = np.random.default_rng(0).normal(size=(40, 3))
    rows[row, column] = value
    np.save(FOLDER / "rows.npy", rows)
    with pytest.raises(
        DataError, match=rf"expected finite numbers in every cell, got others in column {column} \(.*the first in row {row}\)"
    ):
        check_table(read_table(FOLDER / "rows.npy"))


def test_f13_control_numpy_keeps_what_is_no_number():
    arrays = columns()
    arrays["rewards"][3] = np.nan
    np.savez(FOLDER / "nan.npz", **arrays)
    with np.load(FOLDER / "nan.npz") as file:
        assert np.isnan(file["rewards"][3])


TYPES = ("f2", "f4", "f8", ">f8", "g", "i1", "<i8", ">i4", "u8", "?", "c8", "U3", "S3", "M8[s]", "V4")
ARRAYS = {"dtype": st.sampled_from(TYPES), "shape": st.lists(st.integers(0, 5), max_size=4), "fill": st.sampled_from([0, 1, 2, 100])}


@quick(60)
@given(name=st.sampled_from([*sorted(columns()), "terminated"]), **ARRAYS)
def test_f14_demonstrations_load_exactly_or_are_refused_by_key(name, dtype, shape, fill):
    array = np.full(shape, fill).astype(dtype) if dtype != "V4" else np.zeros(shape, dtype)
    np.savez(FOLDER / "array.npz", **(columns() | {name: array}))
    try:
        demos = read_demonstrations(FOLDER / "array.npz")
    except DataError as error:
        told = str(error)
        assert "expected" in told
        assert "got" in told
        assert name in told or (name == "lengths" and "the sum of lengths" in told)
        return
    found = getattr(demos, name)
    assert found.shape == array.shape
    assert np.array_equal(found, array)


@quick(60)
@given(transposed=st.booleans(), **ARRAYS)
def test_f14_tables_load_exactly_or_are_refused(transposed, dtype, shape, fill):
    array = np.full(shape, fill).astype(dtype) if dtype != "V4" else np.zeros(shape, dtype)
    array = np.asfortranarray(array) if transposed and array.ndim else array
    np.savez(FOLDER / "table.npz", x=array)
    try:
        table = read_table(FOLDER / "table.npz")
    except DataError:
        return
    assert np.array_equal(table.rows, array.reshape(len(array), -1).astype(np.float64))


@quick(80)
@given(
    tokens=st.sampled_from([(40, 3), (40,), (0, 3), (40, 0), (), (2, 2, 2)]),
    lengths=st.one_of(st.none(), st.lists(st.sampled_from([-1, 0, 1, 20, 40, 2**62, 2**63 - 1, -(2**63)]), max_size=4)),
    dtype=st.sampled_from(["i8", "u8", "i2", "f8", "?", "U2"]),
    name=st.sampled_from(["tokens", "voices"]),
)
def test_f14_tokens_load_exactly_or_are_refused(tokens, lengths, dtype, name):
    array = np.ones(tokens).astype(dtype)
    arrays = {"tokens": array} if name == "tokens" else dict.fromkeys(("train", "valid", "test"), array)
    if lengths is not None:
        arrays |= {f"{part}lengths": np.array(lengths, np.int64) for part in ("", "train_", "valid_", "test_")}
    np.savez(FOLDER / "tokens.npz", **arrays)
    try:
        data = read_sequences(FOLDER / "tokens.npz", Asked())
    except TrialityError:
        return
    assert data.train.size + data.valid.size + data.test.size <= 3 * array.size


@pytest.mark.parametrize(("lengths", "passes"), [([20, 20], True), ([2**63 - 1, 2**63 - 1, 42], False), ([60, -20], False), ([20], False)])
def test_f14_lengths_that_wrap_around_do_not_add_up(lengths, passes):
    """The second sum is 40 in numpy's 64 bits."""
    assert np.array(lengths).sum() == (20 if len(lengths) == 1 else 40)
    np.savez(FOLDER / "wrap.npz", tokens=np.tile([1, 2, 3, 4], 10), lengths=np.array(lengths))
    with pytest.raises(DataError, match="at least 20 sequences" if passes else "lengths that add up to 40 tokens"):
        read_sequences(FOLDER / "wrap.npz", Asked())


def test_f14_whole_numbers_of_a_csv_that_no_integer_holds():
    (FOLDER / "large.csv").write_text("episode,obs_0,action\n0,0.5,1e300\n0,0.5,1\n")
    with pytest.raises(DataError, match=r"action: expected whole numbers .* got 1e\+300 in line 2"):
        read_demonstrations_from(FOLDER / "large.csv")


@pytest.mark.parametrize("change", ["text", "complex", "flat", "missing"])
def test_f14_arrays_of_seqgans_oracle(change):
    from triality.data.seqgan_oracle import read_seqgan_oracle

    shapes = {"embedding": (4, 3), "wo": (2, 4), "bo": (4,)}
    for gate in ("i", "f", "c", "og"):
        shapes |= {f"w{gate}": (3, 2), f"u{gate}": (2, 2), f"b{gate}": (2,)}
    arrays = {name: np.zeros(shape) for name, shape in shapes.items()}
    np.savez(FOLDER / "oracle.npz", **arrays)
    read_seqgan_oracle(FOLDER / "oracle.npz")
    arrays["wi"] = {"text": np.full((3, 2), "a"), "complex": np.zeros((3, 2), complex), "flat": np.zeros(6)}.get(change, arrays["wi"])
    if change == "missing":
        del arrays["wi"]
    np.savez(FOLDER / "oracle.npz", **arrays)
    with pytest.raises(DataError, match="wi"):
        read_seqgan_oracle(FOLDER / "oracle.npz")
