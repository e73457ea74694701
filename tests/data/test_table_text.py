"""Tables of text: names and delimiters are found, nothing is guessed where a row could be lost, every problem is named with its place."""

import numpy as np
import pytest

from triality.data import table_text
from triality.data.table_text import read_text
from triality.errors import DataError


def read(tmp_path, content, columns=None):
    path = tmp_path / "table"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_text(path, columns)


ALIKE = {
    "names with spaces": ("petal length (cm),petal width (cm)\n1,2\n3,4\n", ("petal length (cm)", "petal width (cm)")),
    "names with commas": ("age, years;height\n1;2\n3;4\n", ("age, years", "height")),
    "names in quotes": ('"a, first",b\n1,2\n3,4\n', ("a, first", "b")),
    "marked names": ("# a b\n1 2\n3 4\n", ("a", "b")),
    "marked close": ("#a\tb\n1\t2\n3\t4\n", ("a", "b")),
    "blank lines": ("a,b\n\n1,2\n\n\n3,4\n\n", ("a", "b")),
    "old line ends": ("a,b\r1,2\r3,4\r", ("a", "b")),
    "byte order mark": (b"\xef\xbb\xbfa;b\n1;2\n3;4\n", ("a", "b")),
    "spaces around": (" 1   2 \n 3   4 \n", ()),
    "signs and powers": ("+1,2e0\n3.0,.4e1", ()),
}


@pytest.mark.parametrize("name", ALIKE)
def test_the_same_rows_however_they_are_written(tmp_path, name):
    content, names = ALIKE[name]
    table = read(tmp_path, content)
    np.testing.assert_array_equal(table.rows, [[1, 2], [3, 4]])
    assert table.names == names


def test_one_column_needs_no_delimiter(tmp_path):
    table = read(tmp_path, "waiting time\n1\n2\n3\n")
    assert (table.names, table.rows.tolist()) == (("waiting time",), [[1], [2], [3]])


def test_a_table_longer_than_what_is_looked_at_first(tmp_path, monkeypatch):
    monkeypatch.setattr(table_text, "SNIFFED", 64)
    rows = np.arange(600).reshape(200, 3)
    np.testing.assert_array_equal(read(tmp_path, "\n".join(",".join(map(str, row)) for row in rows.tolist())).rows, rows)


REFUSED = {
    "index without a name": (",a,b\n0,1,2\n1,3,4\n", "no(ne|) for column 0 .an index.*without its index"),
    "a typing error, or names?": ("1.5,x,3\n1,2,3\n", "got both .'x' and '1.5'.; name every column"),
    "decimal commas": ("a;b\n1,5;2\n3,5;4\n", "text in a .'1,5' in line 2, 2 in all.; write a decimal point"),
    "codes": ("a,b\n1_000,2\n", "text in a .'1_000' in line 2"),
    "quotes": ('a,b\n"1,2\n3,4\n', "quotes in pairs"),
    "a quote that never ends": ('a,b\n"1,2\n' + "3,4\n" * 40000, "quotes in pairs"),
    "latin": ("gr\xf6\xdfe,b\n1,2\n".encode("latin-1"), "text in UTF-8.*bytes of another format"),
    "blank": ("\n  \n\n", "got an empty file"),
    "lines": ("a,b\n\n1,2\n3\n4,5,6\n", "2 cells in every line, got 1 in line 4, and 2 such lines"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_misread_is_refused(tmp_path, name):
    content, message = REFUSED[name]
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


def test_all_problems_are_listed_together_with_lines_as_an_editor_counts_them(tmp_path):
    with pytest.raises(DataError, match="2 problems") as caught:
        read(tmp_path, "a,b,c\n\n1,red,3\n4,5\n7,blue,x\n")
    assert "got 2 in line 4" in str(caught.value)
    assert "b ('red' in line 3, 2 in all), c ('x' in line 5, 1 in all)" in str(caught.value)


def test_chosen_columns_say_that_the_first_line_holds_names(tmp_path):
    content = ",2019,2020\nanna,1,2\nbo,3,4\n"
    table = read(tmp_path, content, ("2020", "2019"))
    np.testing.assert_array_equal(table.rows, [[2, 1], [4, 3]])
    with pytest.raises(DataError, match="got both"):
        read(tmp_path, "name" + content)
    with pytest.raises(DataError, match="names none"):
        read(tmp_path, "1,2\n", ("a",))


def test_too_many_cells_are_refused_before_they_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(table_text, "MOST_CELLS", 5)
    with pytest.raises(DataError, match="at most 5 cells"):
        read(tmp_path, "1,2\n" * 3)
