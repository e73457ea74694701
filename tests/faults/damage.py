"""What can befall the bytes of a file, one function a kind: content and generator in, damaged content out."""

import io
import re
import struct
import warnings
import zipfile
import zlib

NUMBERS = (0, 1, 2, 7, 127, 128, 255, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)
DIGITS = re.compile(rb"\d+")
TEXTS = (b"0", b"-1", b"3", b"99999999999", b"1e999", b"9" * 40, b"NaN", b"9" * 5000)


def flip(content, rng):
    """One bit."""
    damaged = bytearray(content)
    at = int(rng.integers(8 * len(content)))
    damaged[at // 8] ^= 1 << (at % 8)
    return bytes(damaged)


def cut(content, rng):
    """Its beginning alone."""
    return content[: rng.integers(len(content))]


def insert(content, rng):
    at = int(rng.integers(len(content) + 1))
    return content[:at] + rng.bytes(int(rng.integers(1, 20))) + content[at:]


def delete(content, rng):
    at = int(rng.integers(len(content)))
    return content[:at] + content[at + int(rng.integers(1, 40)) :]


def splice(content, rng):
    """A piece of it over another place, or between two bytes there."""
    source, at, size = (int(i) for i in rng.integers(len(content), size=3))
    piece = content[source : source + 1 + size % 200]
    return content[:at] + piece + content[at + (len(piece) if rng.integers(2) else 0) :]


def number(content, rng):
    """A number of a header: four or eight bytes anywhere, or digits where there are some."""
    places = list(DIGITS.finditer(content))
    if places and rng.integers(2):
        place = places[rng.integers(len(places))]
        return content[: place.start()] + TEXTS[rng.integers(len(TEXTS))] + content[place.end() :]
    size = int(rng.choice([2, 4, 8]))
    at = int(rng.integers(max(1, len(content) - size)))
    at -= at % size if rng.integers(2) else 0
    value = NUMBERS[rng.integers(len(NUMBERS))] % 256**size
    return content[:at] + value.to_bytes(size, "little") + content[at + size :]


def member_twice(content, rng):
    """A zip with one of its members once more, the second time damaged or not; of other files a line or a piece."""
    members = zip_members(content)
    if not members:
        lines = content.split(b"\n")
        lines.insert(int(rng.integers(len(lines) + 1)), lines[rng.integers(len(lines))])
        return b"\n".join(lines)
    name, payload = members[rng.integers(len(members))]
    return zip_of([*members, (name, flip(payload, rng) if payload and rng.integers(2) else payload)])


def resealed(content, rng):
    """A zip whose members are damaged and whose checksums are right: only what is inside can tell. Other files: a flip."""
    members = zip_members(content)
    if not members:
        return flip(content, rng)
    at = int(rng.integers(len(members)))
    kinds = (flip, cut, insert, delete, number)
    members[at] = (members[at][0], kinds[rng.integers(len(kinds))](members[at][1], rng))
    return zip_of(members)


KINDS = {
    "flip": flip,
    "cut": cut,
    "insert": insert,
    "delete": delete,
    "splice": splice,
    "number": number,
    "member twice": member_twice,
    "resealed": resealed,
}


def zip_members(content):
    """Names and contents, none where it is no zip."""
    if not content.startswith(b"PK"):
        return []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def zip_of(members):
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")  # the zip module's own, on a name given twice
        for name, payload in members:
            archive.writestr(zipfile.ZipInfo(name), payload)
    return stream.getvalue()


def hand_made_zip(entries):
    """A stored zip of (name, content, declared size, attributes) whose directory says what it is told."""
    body, directory = bytearray(), bytearray()
    for name, payload, size, attributes in entries:
        common = struct.pack("<HHHHHLLLHH", 20, 0, 0, 0, 33, zlib.crc32(payload), len(payload), size, len(name), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 3 << 8 | 20) + common + struct.pack("<HHHLL", 0, 0, 0, attributes, len(body)) + name
        body += b"PK\x03\x04" + common + name + payload
    end = struct.pack("<HHHHLLH", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return bytes(body + directory) + b"PK\x05\x06" + end
