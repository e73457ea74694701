"""The checkpoint's file format, in numpy alone: one stored zip, one ``.npy`` a leaf, and ``manifest.json``.

The zip's CRC catches flipped bits, the manifest's hash of every leaf catches members exchanged between files, and its list catches
shapes, types, missing, additional and repeated members. No pickle, no evaluation, no import by name.
"""

from __future__ import annotations

import hashlib
import platform
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from triality import __version__
from triality.errors import StorageError
from triality.runs.archive import ArchiveError, Limits, decode_array, encode_array, read_members, refuse_other_members, write_members
from triality.runs.atomic import replace_file
from triality.runs.json_files import canonical_json, parse_json, to_json_value

FORMAT = "triality-checkpoint"
FORMAT_VERSION = 2
DIGESTS = {1: "blake2b", 2: "sha256"}
"""By the version of the format. Processors have instructions for SHA-256 now: it takes half the time."""
MANIFEST = "manifest.json"
NUMERIC_KINDS = "biufc"
# A stored member is as large as it says, so a checkpoint may be as large as the disk; its directory holds 100,000 leaves.
LIMITS = Limits(total_bytes=2**62, directory_bytes=8 * 2**20, methods=(zipfile.ZIP_STORED,))


@dataclass(frozen=True, eq=False)
class StoredLeaf:
    """One array of the tree.

    Args:
        path: where it stands in the tree, such as ``.policy.layers[0].weight``.
        array: its values; for a random key its raw data.
        key_impl: name of the random number generator if the leaf is a typed key, else ``None``.
    """

    path: str
    array: np.ndarray
    key_impl: str | None = None


@dataclass(frozen=True, eq=False)
class StoredCheckpoint:
    """All that a checkpoint file holds. ``config_hash`` tells two configurations apart without comparing them field by field."""

    step: int
    config: dict[str, Any]
    config_hash: str
    versions: dict[str, str]
    leaves: tuple[StoredLeaf, ...]


def config_hash(config: Any) -> str:
    """blake2b of a configuration's canonical JSON: equal configurations, equal hashes, whatever the order of their fields.

    Example:
        >>> config_hash({"a": 1, "b": 2}) == config_hash({"b": 2, "a": 1})
        True
    """
    return _digest(canonical_json(config).encode())


def write_leaves(path: Path, leaves: Sequence[StoredLeaf], *, step: int, config: Mapping[str, Any]) -> None:
    """Replace ``path`` by a checkpoint of ``leaves``, verified by reading it back before the old file goes.

    Raises:
        StorageError: a leaf of a type that is not stored, two leaves of one path, or a file that cannot be written.
    """
    problems = [f"{leaf.path}: got {leaf.array.dtype}" for leaf in leaves if leaf.array.dtype.kind not in NUMERIC_KINDS]
    if problems:
        raise StorageError(f"expected plain numeric arrays in a checkpoint, {'; '.join(problems)}; convert them first")
    if len({leaf.path for leaf in leaves}) < len(leaves):
        raise StorageError("expected every leaf of the tree to have a path of its own, got two alike; name the fields of its nodes")
    payloads, digest = [encode_array(leaf.array) for leaf in leaves], DIGESTS[FORMAT_VERSION]
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "step": int(step),
        "config": to_json_value(config),
        "config_hash": config_hash(config),
        "versions": library_versions(),
    }
    members = [(_member(index), payload) for index, payload in enumerate(payloads)]
    with ThreadPoolExecutor(1) as hashing:  # beside the writing, which waits for the disk
        entries = hashing.map(lambda index: _entry(index, leaves[index], payloads[index], digest), range(len(leaves)))

        def with_manifest() -> Iterator[tuple[str, bytes]]:
            yield from members
            whole = content | {"leaves": list(entries)}
            members.append((MANIFEST, canonical_json(whole | {_hash_of(digest): _manifest_hash(whole, digest)}).encode()))
            yield members[-1]

        replace_file(path, lambda file: write_members(file, with_manifest()), verify=lambda written: _refuse_other(written, path, members))


def _refuse_other(written: Path, path: Path, members: list[tuple[str, bytes]]) -> None:
    try:
        refuse_other_members(written, members)
    except ArchiveError as error:
        raise StorageError(f"{path}: {error}") from error


def read_leaves(path: Path) -> StoredCheckpoint:
    """A whole checkpoint, every byte of it verified.

    Raises:
        StorageError: anything else than exactly what was written.
    """
    try:
        members = read_members(path, LIMITS)
        content = _parse_manifest(members.pop(MANIFEST, None))
        return _verified(content, members)
    except ArchiveError as error:
        raise StorageError(f"{path}: {error}") from error


def library_versions() -> dict[str, str]:
    """Versions that a checkpoint records, found without importing the libraries."""
    versions = {"python": platform.python_version(), "triality": __version__}
    for name in ("numpy", "jax", "jaxlib", "equinox", "optax"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def _entry(index: int, leaf: StoredLeaf, payload: bytes, digest: str) -> dict[str, Any]:
    return {
        "path": leaf.path,
        "member": _member(index),
        "shape": list(leaf.array.shape),
        "dtype": leaf.array.dtype.newbyteorder("<").str,
        digest: _digest(payload, digest),
        "key_impl": leaf.key_impl,
    }


def _parse_manifest(payload: bytes | None) -> dict[str, Any]:
    if payload is None:
        raise ArchiveError(f"expected a checkpoint, got a zip without {MANIFEST}; give the path of a state.ckpt")
    try:
        content = parse_json(payload)
    except ValueError as error:
        raise ArchiveError(f"expected JSON in {MANIFEST}, got damage ({error}); use another checkpoint") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ArchiveError(f"expected format '{FORMAT}', got another file; give the path of a state.ckpt")
    version = content.get("format_version")
    if type(version) is not int or version not in DIGESTS:
        known = ", ".join(map(str, DIGESTS))
        raise ArchiveError(f"expected format version {known}, got {version!r}; install the triality that wrote it")
    kinds = {"step": int, "config": dict, "config_hash": str, "versions": dict, "leaves": list}
    wrong = [name for name, kind in kinds.items() if not isinstance(content.get(name), kind)]
    if wrong:
        raise ArchiveError(f"expected {MANIFEST} to hold {', '.join(wrong)}, got something else there; use another checkpoint")
    own = _hash_of(DIGESTS[version])
    is_needed = version > 1 or own in content  # files written before there was one have none
    if is_needed and content.get(own) != _manifest_hash(content, DIGESTS[version]):
        raise ArchiveError(f"expected the {MANIFEST} that its '{own}' is the hash of, got another; use another checkpoint")
    if content["config_hash"] != config_hash(content["config"]):
        raise ArchiveError(f"expected the configuration that {MANIFEST} has the hash of, got another; use another checkpoint")
    return content


def _verified(content: dict[str, Any], members: dict[str, bytes]) -> StoredCheckpoint:
    entries = content["leaves"]
    names = {_member(index) for index in range(len(entries))}
    missing, additional = sorted(names - members.keys()), sorted(members.keys() - names)
    if missing or additional:
        raise ArchiveError(f"expected the members of {MANIFEST}, got missing {missing} and additional {additional}; use another checkpoint")
    digest = DIGESTS[content["format_version"]]
    leaves = tuple(_verified_leaf(index, entry, members[_member(index)], digest) for index, entry in enumerate(entries))
    if len({leaf.path for leaf in leaves}) < len(leaves):
        raise ArchiveError("expected every path once, got one repeated; use another checkpoint")
    return StoredCheckpoint(content["step"], content["config"], content["config_hash"], content["versions"], leaves)


def _verified_leaf(index: int, entry: Any, payload: bytes, digest: str) -> StoredLeaf:
    array = decode_array(_member(index), payload)
    path, key_impl = (entry.get("path"), entry.get("key_impl")) if isinstance(entry, dict) else (None, None)
    if not isinstance(path, str) or not isinstance(key_impl, str | None) or array.dtype.kind not in NUMERIC_KINDS:
        raise ArchiveError(f"expected a described numeric leaf in '{_member(index)}', got something else; use another checkpoint")
    if entry != _entry(index, StoredLeaf(path, array, key_impl), payload, digest):
        raise ArchiveError(f"expected '{path}' with the shape, type and hash of {MANIFEST}, got other content; use another checkpoint")
    return StoredLeaf(path, array.astype(array.dtype.newbyteorder("="), copy=False), key_impl)


def _member(index: int) -> str:
    return f"leaves/{index:06d}.npy"


def _hash_of(digest: str) -> str:
    return f"manifest_{digest}"


def _manifest_hash(content: Mapping[str, Any], digest: str) -> str:
    return _digest(canonical_json({name: value for name, value in content.items() if name != _hash_of(digest)}).encode(), digest)


def _digest(payload: bytes, digest: str = "blake2b") -> str:
    return hashlib.sha256(payload).hexdigest() if digest == "sha256" else hashlib.blake2b(payload, digest_size=32).hexdigest()
