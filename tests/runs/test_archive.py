"""The archive layer by itself; the readers' own tests attack it through their files."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from triality.runs.archive import ArchiveError, Limits, decode_array, encode_array, read_members, refuse_other_members, write_members


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    npst.arrays(
        st.sampled_from(["f2", "f4", "<f8", ">f8", "i1", ">i8", "u4", "?", "c16"]),
        npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_arrays_come_back_bit_for_bit(array):
    found = decode_array("x", encode_array(array))
    assert found.shape == array.shape
    assert found.dtype == array.dtype.newbyteorder("<")
    assert found.tobytes() == array.astype(found.dtype).tobytes()
    assert found.tobytes() == np.load(io.BytesIO(encode_array(array))).tobytes()


def test_column_order_and_views():
    array = np.arange(24.0).reshape(2, 3, 4)
    for view in (array.T, array[:, ::2], np.asfortranarray(array)):
        np.testing.assert_array_equal(decode_array("x", encode_array(view)), view)
        stream = io.BytesIO()
        np.save(stream, view)
        np.testing.assert_array_equal(decode_array("x", stream.getvalue()), view)


def test_what_is_read_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        decode_array("x", encode_array(np.zeros(2)))[0] = 1.0


def test_bytes_depend_on_contents_alone(tmp_path):
    for name in "ab":
        with open(tmp_path / name, "wb") as file:
            write_members(file, [("a.npy", encode_array(np.arange(3))), ("b/c.txt", b"text")])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"\x00\x00\x21\x00" in (tmp_path / "a").read_bytes()  # midnight, 1 January 1980


def test_limits(tmp_path):
    with open(tmp_path / "file", "wb") as file:
        write_members(file, [("a", bytes(1000)), ("b", bytes(1000))])
    assert read_members(tmp_path / "file", Limits(total_bytes=2000)) == {"a": bytes(1000), "b": bytes(1000)}
    with pytest.raises(ArchiveError, match="at most 1999 bytes, got 2000 declared"):
        read_members(tmp_path / "file", Limits(total_bytes=1999))
    with pytest.raises(ArchiveError, match="compression ratio"):
        read_members(tmp_path / "file", Limits(ratio=0.5, ratio_from_bytes=1000))
    with pytest.raises(ArchiveError, match="zip directory of at most 50 bytes"):
        read_members(tmp_path / "file", Limits(directory_bytes=50))


@pytest.mark.parametrize("num_members", [65_534, 65_536])
def test_more_members_than_sixteen_bits_count(tmp_path, num_members):
    """From 65,536 on the zip has a second, larger end; it is believed only where it stands and what it says fits."""
    with open(tmp_path / "file", "wb") as file:
        write_members(file, ((f"{index:x}", b"") for index in range(num_members)))
    limits = Limits(directory_bytes=4 * 2**20)
    assert len(read_members(tmp_path / "file", limits)) == num_members
    content = (tmp_path / "file").read_bytes()
    if num_members > 65_535:
        place = content.rindex(b"PK\x06\x06")
        elsewhere, larger = bytearray(content), bytearray(content)
        elsewhere[place + 3] ^= 1
        larger[place + 40 : place + 48] = b"\xff" * 8
        for damaged in (elsewhere, larger):
            (tmp_path / "file").write_bytes(damaged)
            with pytest.raises(ArchiveError, match=r"the record of a large zip|zip directory of at most"):
                read_members(tmp_path / "file", limits)


def test_what_was_written_is_read_back_byte_for_byte(tmp_path):
    members = [("a", bytes(range(256)) * 5000), ("b/c", b""), ("d", b"x")]
    path = tmp_path / "a.zip"
    with open(path, "wb") as file:
        write_members(file, members)
    refuse_other_members(path, members)
    written = path.read_bytes()
    for change in (written.replace(bytes([7, 8, 9]), bytes([7, 0, 9]), 1), written[:-1], b"", written[: written.rfind(bytes([7, 8, 9]))]):
        path.write_bytes(change)
        with pytest.raises(ArchiveError, match="expected to read back what was written"):
            refuse_other_members(path, members)
    path.write_bytes(written)
    for other in (members[:2], [*members, ("e", b"")], [*members[:2], ("d", b"y")], [*members[:2], ("d", b"xx")]):
        with pytest.raises(ArchiveError, match="expected to read back what was written"):
            refuse_other_members(path, other)
