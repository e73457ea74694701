"""A zip of named arrays, read as if a stranger had made it: nothing is unpickled, evaluated, extracted or trusted by its header.

Both the demonstration file (an ``npz``) and the checkpoint are such a zip. The CRC of every member is checked by reading it whole;
sizes are checked against the directory before anything is decompressed.
"""

from __future__ import annotations

import io
import math
import re
import stat
import struct
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

MEMBER_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
SUFFIX = ".npy"
END_OF_DIRECTORY = b"PK\x05\x06"
LARGE_END, LARGE_LOCATOR = b"PK\x06\x06", b"PK\x06\x07"
"""What stands before the end where a zip has more than 65,535 members or 2 GiB; its sizes are the ones that count."""
COMPARED = 2**20
EPOCH = (1980, 1, 1, 0, 0, 0)


class ArchiveError(Exception):
    """The archive cannot be trusted. Callers turn it into a ``DataError`` or a ``StorageError`` that names the file."""


@dataclass(frozen=True)
class Limits:
    """What an archive may declare before any of it is decompressed.

    Args:
        total_bytes: largest sum of the members' declared sizes.
        ratio: largest ratio of that sum to the file's own size. Legitimate members (a constant reward) compress 600 times, so the
            rule looks at the whole file, and only from ``ratio_from_bytes`` on.
        ratio_from_bytes: declared size from which the ratio counts.
        directory_bytes: largest directory; bounds the number of members before any of them is listed.
        methods: accepted compression methods.
    """

    total_bytes: int = 8 * 2**30
    ratio: float = 200.0
    ratio_from_bytes: int = 32 * 2**20
    directory_bytes: int = 2**20
    methods: tuple[int, ...] = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_members(path: Path, limits: Limits | None = None) -> dict[str, bytes]:
    """Every member of the zip, whole, with its CRC checked.

    Raises:
        ArchiveError: missing or unreadable file, not a zip, damage, a name given twice or leading outside, encryption, an unknown
            compression method, or more declared data than ``limits`` allow.
    """
    limits = Limits() if limits is None else limits
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ArchiveError("expected a file, got a folder or a device; give the path of the file itself")
        with open(path, "rb") as file:
            num_members = _declared_members(file, status.st_size, limits)
            with zipfile.ZipFile(file) as archive:
                infos = archive.infolist()
                if len(infos) != num_members < 0xFFFF:  # one flipped bit can hide a member behind a longer comment
                    raise ArchiveError(f"expected {num_members} members, got {len(infos)}: damage; copy or make it again")
                _check_directory(infos, status.st_size, limits)
                members = {info.filename: archive.read(info) for info in infos}
    except ArchiveError:
        raise
    except FileNotFoundError as error:
        raise ArchiveError("expected an existing file, got none there; check the path") from error
    except PermissionError as error:
        raise ArchiveError("expected a readable file, got 'permission denied'; check its owner and mode") from error
    except Exception as error:  # damaged zips raise a dozen unrelated classes; one of ours replaces them all
        raise ArchiveError(f"expected an undamaged zip of arrays, got {type(error).__name__}: {error}; copy or make it again") from error
    for info in infos:
        if len(members[info.filename]) != info.file_size:
            raise ArchiveError(f"expected {info.file_size} bytes in '{info.filename}', got another number; copy or make it again")
    return members


def read_arrays(path: Path, limits: Limits | None = None) -> dict[str, np.ndarray]:
    """The arrays of an ``npz`` by name. A member without the suffix could be a second array of the same name, so it is refused.

    Raises:
        ArchiveError: as ``read_members`` and ``decode_array``.
    """
    return decode_members(read_members(path, limits))


def decode_members(members: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """The arrays of these members by name, which is the member's without its suffix.

    Raises:
        ArchiveError: a member without the suffix, or as ``decode_array``.
    """
    foreign = sorted(name for name in members if not name.endswith(SUFFIX))
    if foreign:
        raise ArchiveError(f"expected members that end in {SUFFIX}, got {', '.join(foreign[:5])}; save the file again with numpy.savez")
    return {name.removesuffix(SUFFIX): decode_array(name, payload) for name, payload in members.items()}


def _declared_members(file: BinaryIO, size: int, limits: Limits) -> int:
    """Number of members by the zip's last record. A directory of millions is refused before the zip module builds a list of it."""
    file.seek(max(0, size - 22 - 65535))
    tail = file.read()
    file.seek(0)
    start = tail.rfind(END_OF_DIRECTORY)
    if start < 0 or len(tail) < start + 22:
        raise ArchiveError("expected a zip of arrays, got a file without a zip directory: it is cut off, or of another format")
    num_members, directory_bytes = struct.unpack_from("<HL", tail, start + 10)
    if tail[max(0, start - 20) : start].startswith(LARGE_LOCATOR):
        large = start - 20 - 56
        (place,) = struct.unpack_from("<Q", tail, start - 12)
        if large < 0 or tail[large : large + 4] != LARGE_END or place != size - len(tail) + large:
            raise ArchiveError("expected the record of a large zip before its end, got none; copy or make it again")
        directory_bytes = max(directory_bytes, *struct.unpack_from("<Q", tail, large + 40))
    if directory_bytes > limits.directory_bytes:
        raise ArchiveError(f"expected a zip directory of at most {limits.directory_bytes} bytes, got {directory_bytes}; save fewer arrays")
    return num_members


def _check_directory(infos: list[zipfile.ZipInfo], size: int, limits: Limits) -> None:
    repeated = sorted(name for name, count in Counter(info.filename for info in infos).items() if count > 1)
    if repeated:
        raise ArchiveError(f"expected every name once, got {', '.join(repeated)} more than once; save the file again")
    for info in infos:
        mode = info.external_attr >> 16
        if not MEMBER_NAME.fullmatch(info.filename) or (stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
            raise ArchiveError(f"expected plain members, got '{info.filename!a}'; save the file again with numpy.savez")
        if info.flag_bits & 0x1 or info.compress_type not in limits.methods:
            raise ArchiveError(f"expected '{info.filename}' unencrypted and stored or deflated, got another kind of member; save it again")
    total = sum(info.file_size for info in infos)
    if total > limits.total_bytes:
        raise ArchiveError(f"expected at most {limits.total_bytes} bytes, got {total} declared; split the file")
    if total > limits.ratio_from_bytes and total > limits.ratio * size:
        raise ArchiveError(
            f"expected a compression ratio of at most {limits.ratio:g}, got {total / size:.0f} (a zip bomb?); save it uncompressed"
        )


def decode_array(name: str, payload: bytes) -> np.ndarray:
    """The array in one ``.npy`` member: a read-only view of ``payload``, whose size must be what the header declares.

    Raises:
        ArchiveError: pickled (object) or structured data, a damaged header, or a size that does not fit.
    """
    stream = io.BytesIO(payload)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            version = np.lib.format.read_magic(stream)
            readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran_order, dtype = readers[version](stream)
    except Exception as error:  # header fuzzing meets ValueError, TokenError, SyntaxError, TypeError, KeyError ...
        raise ArchiveError(f"expected an array in '{name}', got a damaged header ({type(error).__name__}); save it again") from error
    if dtype.hasobject:
        raise ArchiveError(f"expected plain numbers in '{name}', got pickled objects, which are never loaded; save a numeric array")
    count, available = math.prod(shape), len(payload) - stream.tell()
    if dtype.names or dtype.itemsize == 0 or min(shape, default=0) < 0 or count * dtype.itemsize != available:
        raise ArchiveError(f"expected {available} bytes of '{name}' to fit its header, got {shape} of {dtype}; save it again")
    if dtype.kind == "b" and np.any(np.frombuffer(payload, np.uint8, offset=stream.tell()) > 1):
        raise ArchiveError(f"expected only 0 and 1 in the booleans of '{name}', got other bytes; save it again")
    try:
        flat = np.frombuffer(payload, dtype=dtype, offset=stream.tell(), count=count) if count else np.zeros(0, dtype)
        return flat.reshape(shape, order="F" if fortran_order else "C")
    except ValueError as error:
        raise ArchiveError(f"expected a possible shape for '{name}', got {shape}; save it again") from error


def encode_array(array: np.ndarray) -> bytes:
    """One array as the bytes of a ``.npy`` file, in C order and little-endian, so that equal arrays give equal bytes."""
    array = np.asarray(array, order="C")
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return b"".join((header.getvalue(), array.data.cast("B") if array.size else b""))


def write_members(file: BinaryIO, members: Iterable[tuple[str, bytes]]) -> None:
    """A stored zip whose bytes depend on names and contents alone: no clock, no platform, no compression library."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, payload in members:
            info = zipfile.ZipInfo(name, date_time=EPOCH)
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, payload)


def refuse_other_members(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Raise unless the zip at ``path``, read back, holds just these members, byte for byte: surer than any hash, and faster.

    Raises:
        ArchiveError: it does not.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            places = {info.filename: (info.header_offset, info.file_size, info.CRC) for info in archive.infolist()}
            written = dict(members)
            same = places.keys() == written.keys() and all(_is_there(file, *places[name], payload) for name, payload in written.items())
    except Exception as error:  # damaged zips raise a dozen unrelated classes
        raise ArchiveError(f"expected to read back what was written, got {type(error).__name__}: {error}; check the disk") from error
    if not same:
        raise ArchiveError("expected to read back what was written, got something else; check the disk")


def _is_there(file: io.BufferedReader, offset: int, size: int, crc: int, payload: bytes) -> bool:
    """A stored member: a header of 30 bytes that ends with the lengths of the name and of what follows it, both, then the payload."""
    file.seek(offset)
    header = file.read(30)
    local_crc, name_length, more_length = *struct.unpack_from("<L", header, 14), *struct.unpack_from("<HH", header, 26)
    file.seek(name_length + more_length, io.SEEK_CUR)
    wanted, block = np.frombuffer(payload, np.uint8), np.empty(min(COMPARED, len(payload)), np.uint8)
    if size != len(payload) or local_crc != crc:
        return False
    for start in range(0, size, COMPARED):
        part = block[: min(COMPARED, size - start)]
        if file.readinto(part.data) != len(part) or not _same(part, wanted[start : start + len(part)]):
            return False
    return True


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Of bytes, eight at a time as far as they go: so it costs little beside reading them."""
    whole = len(one) // 8 * 8
    return np.array_equal(one[:whole].view(np.uint64), other[:whole].view(np.uint64)) and np.array_equal(one[whole:], other[whole:])
