"""Tables of every format give the same rows; broken ones are refused in one sentence that says what to do."""

import gzip

import numpy as np
import pytest

from triality.data.table_file import read_table
from triality.errors import DataError

ROWS = np.array([[1.5, -2.0, 3.0], [0.25, 1e-3, -7.0], [4.0, 5.0, 6.5]])
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
    with pytest.raises(DataError, match=r"one size.*odd\.png"):
        read_table(tmp_path)


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


def test_arrays_that_are_no_table_are_refused(tmp_path):
    np.savez(tmp_path / "two.npz", a=ROWS, b=ROWS)
    np.savez(tmp_path / "texts.npz", x=np.array([["a"]]))
    np.savez(tmp_path / "objects.npz", x=np.array([{}], dtype=object))
    np.savez(tmp_path / "parts.npz", train=ROWS, test=ROWS[:, :2])
    for name, message in (("two", "got a, b"), ("texts", "expected numbers"), ("objects", "pickled"), ("parts", "one shape in all parts")):
        with pytest.raises(DataError, match=message):
            read_table(tmp_path / f"{name}.npz")
    with pytest.raises(DataError, match="no file there"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="folder of images"):
        read_table(tmp_path)


def test_wrong_columns_are_refused(tmp_path):
    path = written(tmp_path, "named.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match="among a, b, got no c"):
        read_table(path, ("a", "c"))
    with pytest.raises(DataError, match="more than once"):
        read_table(path, ("a", "a"))
    np.save(tmp_path / "a.npy", ROWS)
    with pytest.raises(DataError, match="column names to choose from"):
        read_table(tmp_path / "a.npy", ("a",))
