"""Tables of every format give the same rows; broken ones are refused in one sentence that says what to do."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from triality.data import table_file, table_images, table_npz, table_parquet
from triality.data.table_file import read_table
from triality.errors import ConfigError, DataError

ROWS = np.array([[1.5, -2.0, 3.0], [0.25, 1e-3, -7.0], [4.0, 5.0, 6.5]])
SHARED = Path(os.environ.get("TRIALITY_DATA", Path(__file__).parents[3] / "shared" / "data"))
TEXT = "\n".join(",".join(str(value) for value in row) for row in ROWS)


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(path, columns):
    pyarrow = pytest.importorskip("pyarrow", reason="the extra 'tables' is not installed")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_all_formats_hold_the_same_rows(tmp_path):
    np.savez(tmp_path / "a.npz", x=ROWS)
    np.save(tmp_path / "a.npy", ROWS)
    files = [tmp_path / "a.npz", tmp_path / "a.npy", parquet(tmp_path / "a.parquet", {n: ROWS[:, i] for i, n in enumerate("abc")})]
    files += [written(tmp_path, "plain.csv", TEXT), written(tmp_path, "named.csv", "a, b ,c\r\n" + TEXT.replace("\n", "\r\n"))]
    files += [written(tmp_path, "t.tsv", "a\tb\tc\n" + TEXT.replace(",", "\t")), written(tmp_path, "s.txt", TEXT.replace(",", "  "))]
    files += [written(tmp_path, "bom.csv", "\ufeffa;b;c\n" + TEXT.replace(",", ";"))]
    for file in files:
        np.testing.assert_array_equal(read_table(file).rows, ROWS, err_msg=file.name)
    assert read_table(files[4]).names == ("a", "b", "c")
    assert read_table(files[7]).names == ("a", "b", "c")
    assert read_table(files[0]).names == ()


def test_the_name_of_a_file_decides_nothing(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    path = written(tmp_path, "rows.csv", (tmp_path / "rows.npy").read_bytes())
    np.testing.assert_array_equal(read_table(path).rows, ROWS)


def test_columns_are_chosen_by_name_and_text_in_the_others_does_not_matter(tmp_path):
    path = written(tmp_path, "mixed.csv", "name,b,a\nanna,1,2\nbo,3,4\n")
    table = read_table(path, ("a", "b"))
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(table.rows, [[2, 1], [4, 3]])
    path = parquet(tmp_path / "mixed.parquet", {"name": ["anna", "bo"], "a": [2, 4]})
    np.testing.assert_array_equal(read_table(path, ("a",)).rows, [[2], [4]])


def test_parts_and_images(tmp_path):
    parts = {"train": np.eye(4, dtype=np.uint8), "valid": np.ones((2, 4), np.uint8), "test": np.zeros((3, 4), np.uint8)}
    np.savez(tmp_path / "parts.npz", **parts)
    table = read_table(tmp_path / "parts.npz")
    assert (table.kind, list(table.parts), table.shape) == ("binary", ["train", "valid", "test"], (4,))
    np.save(tmp_path / "images.npy", np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    table = read_table(tmp_path / "images.npy")
    assert (table.kind, table.num_levels, table.shape, table.rows.shape) == ("integer", 24, (3, 4), (2, 12))
    assert table.rows[1, 5] == 17  # laid out row by row


def test_a_folder_of_images(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    for index in range(3):
        image.fromarray(np.full((5, 6), 40 * index, np.uint8)).save(tmp_path / f"{index}.png")
    table = read_table(tmp_path)
    assert table.shape == (5, 6)
    assert table.rows[:, 0].tolist() == [0, 40, 80]
    image.fromarray(np.zeros((5, 7), np.uint8)).save(tmp_path / "odd.png")
    with pytest.raises(DataError, match=r"odd\.png: expected images of one size \(6 x 5\), got 7 x 5"):
        read_table(tmp_path)


def test_images_of_bits_colors_and_too_many_bits(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    bits = np.array([[0, 1, 1], [1, 0, 0]], bool)
    image.fromarray(bits).save(tmp_path / "0.png")
    (tmp_path / "._0.png").write_bytes(b"what some systems leave beside a file")
    table = read_table(tmp_path)
    assert (table.kind, table.shape, table.rows.tolist()) == ("binary", (2, 3), [bits.reshape(-1).tolist()])
    image.fromarray(np.full((2, 3, 3), 7, np.uint8)).save(tmp_path / "1.png")
    assert read_table(tmp_path).rows[:, :2].tolist() == [[0, 255], [7, 7]]  # black and white beside colors
    image.fromarray(np.full((2, 3), 40000, np.uint16)).save(tmp_path / "2.png")
    (tmp_path / "3.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="2 problems") as caught:
        read_table(tmp_path)
    assert "2.png: expected at most 8 bits a pixel" in str(caught.value)
    assert "3.png: expected an image, got UnidentifiedImageError" in str(caught.value)


def test_one_image_is_no_table(tmp_path):
    with pytest.raises(DataError, match="one image; give the folder"):
        read_table(written(tmp_path, "a.png", b"\x89PNG\r\n\x1a\n"))


def test_parquet_of_other_things_than_numbers(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="the extra 'tables' is not installed")
    gaps = read_table(parquet(tmp_path / "flags", {"a": [True, None, False], "b": [1, 2, None]}))
    np.testing.assert_array_equal(gaps.rows, [[1, 1], [np.nan, 2], [0, np.nan]])
    with pytest.raises(DataError, match=r"numbers, got others: a .string., c .list.*encode them"):
        read_table(parquet(tmp_path / "texts", {"a": ["x"], "b": [1], "c": [[1]]}))
    with pytest.raises(DataError, match=r"code: .*int64 beyond 2.53"):
        read_table(parquet(tmp_path / "codes", {"code": [2**60 + 1]}))
    with pytest.raises(DataError, match="got an empty table"):
        read_table(parquet(tmp_path / "empty", {"a": pyarrow.array([], pyarrow.float64())}))
    from pyarrow import parquet as files

    files.write_table(pyarrow.table([[1], [2]], ["a", "a"]), tmp_path / "twice")
    with pytest.raises(DataError, match="'a' more than once"):
        read_table(tmp_path / "twice")


def test_no_more_is_read_than_memory_holds(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", ROWS)
    files = [tmp_path / "a.npz", parquet(tmp_path / "a.parquet", {name: ROWS[:, 0] for name in "abc"})]
    for module in (table_npz, table_parquet, table_images):
        monkeypatch.setattr(module, "MOST_CELLS", 8)
    for file in files:
        with pytest.raises(DataError, match=r"at most (8 cells|64 bytes)"):
            read_table(file)
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    (tmp_path / "images").mkdir()
    image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "images" / "0.png")
    with pytest.raises(DataError, match="at most 8 pixels in all images, got 1 of 3 x 3"):
        read_table(tmp_path / "images")
    monkeypatch.setattr(table_file, "MOST_BYTES", 4)
    with pytest.raises(DataError, match="take a sample of it"):
        read_table(files[0])


def test_missing_cells_become_nan_for_the_checks_to_name(tmp_path):
    table = read_table(written(tmp_path, "gaps.csv", "a,b\n1,\nNA,4\n5,6\n"))
    assert np.isnan(table.rows).tolist() == [[False, True], [True, False], [False, False]]
    assert np.isnan(read_table(parquet(tmp_path / "gaps.parquet", {"a": [1.0, None]})).rows).sum() == 1


BROKEN = {
    "empty": ("", "expected a table of 1 byte"),
    "only names": ("a,b\n", "expected rows below the names"),
    "short line": ("a,b\n1,2\n3\n", "expected 2 cells in every line, got 1 in line 3"),
    "text": ("a,b\n1,2\n3,red\n", "got text in b \\('red' in line 3, 1 in all\\)"),
    "same name": ("a,a\n1,2\n", "'a' more than once"),
    "bytes": (b"\xff\xfe\x00\x01\x02", "bytes of another format"),
    "pickle": (b"\x80\x04\x95\x10", "a pickle, which is never loaded"),
    "gzip": (gzip.compress(b"1,2\n"), "a gzip file; unpack it"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "cut zip": (b"PK\x03\x04\x14\x00", "zip"),
    "cut parquet": (b"PAR1\x00\x00", "readable parquet file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused(tmp_path, name):
    content, message = BROKEN[name]
    if name == "cut parquet":
        pytest.importorskip("pyarrow", reason="the extra 'tables' is not installed")
    with pytest.raises(DataError, match=message):
        read_table(written(tmp_path, "file", content))


ARRAYS = {
    "several names": ({"a": ROWS, "b": ROWS}, "x, X or data.*got a, b; save"),
    "two that could be it": ({"x": ROWS, "data": ROWS}, "got data, x"),
    "texts": ({"x": np.array([["a"]])}, "x|all: expected numbers of shape"),
    "objects": ({"x": np.array([{}], dtype=object)}, "pickled"),
    "colors": ({"x": np.zeros((2, 3, 3, 3), np.uint8)}, r"\(n, height, width\) for images, got uint8 of shape \(2, 3, 3, 3\)"),
    "no rows": ({"x": np.zeros((0, 3))}, r"got float64 of shape \(0, 3\)"),
    "codes": ({"x": np.array([2**60 + 1, 2])}, "int64 beyond 2.53"),
    "two shapes": ({"train": ROWS, "test": ROWS[:, :2]}, r"one shape in all parts, got \(3,\) in train, \(2,\) in test"),
    "sequences": ({"train": ROWS, "train_lengths": np.array([3]), "test": ROWS}, "sequences cut by train_lengths"),
    "several problems": ({"train": np.array(["a"]), "test": np.array(["b"])}, "2 problems"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_are_no_table_are_refused(tmp_path, name):
    arrays, message = ARRAYS[name]
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "file.npz")


def test_damage_is_refused_or_harmless(tmp_path):
    """Cut files and changed bytes: a table or one sentence, never another error."""
    named = "\n".join(["a,b,c", *[TEXT] * 10]).encode()
    np.savez_compressed(tmp_path / "a.npz", train=np.tile(ROWS, (20, 1)), test=ROWS)
    np.save(tmp_path / "a.npy", ROWS)
    contents = [named, *((tmp_path / name).read_bytes() for name in ("a.npz", "a.npy"))]
    contents.append(parquet(tmp_path / "a.parquet", {"a": ROWS[:, 0], "b": [1, None, 3]}).read_bytes())
    rng, messages = np.random.default_rng(0), []
    for content in contents:
        for number in range(60):
            broken = bytearray(content)
            if number % 2:
                broken = broken[: rng.integers(len(broken))]
            else:
                broken[rng.integers(len(broken))] ^= rng.integers(1, 256)
            try:
                read_table(written(tmp_path, "broken", bytes(broken)))
            except DataError as error:
                messages.append(str(error))
    assert len(messages) > 150
    assert all(message.startswith(str(tmp_path / "broken")) for message in messages)


def test_readers_and_checks_load_nothing_heavy():
    heavy = ("jax", "pyarrow", "PIL", "matplotlib")
    code = f"import sys, triality.data.table_file, triality.data.table_checks; print([n for n in {heavy} if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout.strip() == "[]"


def test_labels_beside_the_rows_are_left_alone(tmp_path):
    np.savez(tmp_path / "file.npz", X=ROWS, y=np.array(["a", "b", "c"]))
    np.testing.assert_array_equal(read_table(tmp_path / "file.npz").rows, ROWS)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="no file there"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="folder of images"):
        read_table(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="a device or a pipe"):
        read_table(tmp_path / "pipe")


@pytest.mark.parametrize(("package", "module", "suffix"), [("pyarrow", "pyarrow", "parquet"), ("pillow", "PIL", "png")])
def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch, package, module, suffix):
    (tmp_path / f"a.{suffix}").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=f"{package}.*do pip install"):
        read_table(tmp_path / "a.parquet" if suffix == "parquet" else tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data")
def test_real_binary_tables():
    sizes = {"nltcs": (16181, 2157, 3236, 16), "plants": (17412, 2321, 3482, 69), "dna": (1600, 400, 1186, 180)}
    for name, size in sizes.items():
        table = read_table(SHARED / f"{name}.npz")
        assert (table.kind, table.num_levels, table.names) == ("binary", 2, ())
        assert tuple(len(rows) for rows in table.parts.values()) + table.shape == size
    with pytest.raises(DataError, match="sequences cut by"):
        read_table(SHARED / "jsb_chorales.npz")


def test_wrong_columns_are_refused(tmp_path):
    path = written(tmp_path, "named.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match="among a, b, got no c"):
        read_table(path, ("a", "c"))
    with pytest.raises(DataError, match="more than once"):
        read_table(path, ("a", "a"))
    np.save(tmp_path / "a.npy", ROWS)
    with pytest.raises(DataError, match="column names to choose from"):
        read_table(tmp_path / "a.npy", ("a",))
