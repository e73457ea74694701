"""Compiled programs are kept on disk, so that the next run of the same shapes starts at once. Imports no jax.

jax keeps what took a second or more to compile, under a key of the program, the version and the flags: a program that is read back is the
one that was compiled. Whatever is wrong with the folder costs a compilation and never a run. The folder holds machine code: only its owner
may write to it, and machines of another processor have another one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

OFF, FOLDER, SWITCH = "TRIALITY_NO_CACHE", "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"
"""Variables: ours, which switches it off, and jax's, where it is and whether it is on. What the user has set of them stays."""
MOST_BYTES = 2 * 2**30
"""Of our own folder; beyond it a command removes the oldest programs as it begins. A folder that the user named is the user's to empty."""
ENDING = "-cache"
"""Of the files that jax writes."""
ZLIB, ZSTD = b"\x78", b"\x28\xb5\x2f\xfd"
"""How a program begins that is packed by either; the end of the one tells whether all of it is there."""
UNREADABLE = "Error reading persistent compilation cache entry"


class Kept(NamedTuple):
    """What is kept.

    Fields:
        folder: where; None where nothing is kept.
        num_programs, num_bytes: of them.
        reason: why nothing is kept; empty where something may be.
    """

    folder: Path | None
    num_programs: int
    num_bytes: int
    reason: str


def keep_programs(environment: MutableMapping[str, str]) -> None:
    """Choose the folder in the variables that jax reads when it is imported, and make room in it; never fails.

    Example:
        >>> variables = {"TRIALITY_NO_CACHE": "1"}
        >>> keep_programs(variables)
        >>> variables["JAX_ENABLE_COMPILATION_CACHE"]
        'false'
    """
    if environment.get(OFF):
        environment[SWITCH] = "false"
        return
    if environment.get(FOLDER):
        return
    folder = usual_folder(environment)
    if folder is None or refusal(folder):
        return
    environment[FOLDER] = str(folder)
    make_room(folder, MOST_BYTES)


def usual_folder(environment: MutableMapping[str, str]) -> Path | None:
    """Where programs are kept unless the user names another place; None where there is no home."""
    named = environment.get("XDG_CACHE_HOME", "")
    try:
        base = Path(named) if os.path.isabs(named) else Path.home() / ".cache"  # a relative one counts as none
    except RuntimeError:
        return None
    return base / "triality" / "compiled" / processor()


def processor() -> str:
    """A name for what this machine's code runs on: a home may be shared with machines that lack some of its instructions."""
    features = ""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        features = next((line for line in file if line.startswith(("flags", "Features"))), "")
    words = " ".join(sorted(features.partition(":")[2].split()))
    return f"{platform.machine() or 'unknown'}-{hashlib.blake2b(words.encode(), digest_size=4).hexdigest()}"


def refusal(folder: Path) -> str:
    """Why nothing can be written to ``folder``, by trying; empty where it can. Makes the folder."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"{folder} cannot be written: {error.strerror or error}"


def kept_programs(environment: MutableMapping[str, str]) -> Kept:
    """What there is, for ``triality info``."""
    if environment.get(OFF):
        return Kept(None, 0, 0, f"off, by {OFF}")
    if environment.get(SWITCH, "").lower() in ("0", "false", "no", "off"):
        return Kept(None, 0, 0, f"off, by {SWITCH}")
    named = environment.get(FOLDER)
    folder = Path(named) if named else usual_folder(environment)
    if folder is None:
        return Kept(None, 0, 0, "off: there is no home to keep them in")
    if not named and (reason := refusal(folder)):
        return Kept(None, 0, 0, f"off: {reason}")
    sizes = [size for _, size, _ in _programs(folder)]
    return Kept(folder, len(sizes), sum(sizes), "")


def make_room(folder: Path, most_bytes: int) -> int:
    """Remove the oldest programs until all together are no larger than ``most_bytes``; how many were removed."""
    programs = sorted(_programs(folder))
    excess, removed = sum(size for _, size, _ in programs) - most_bytes, 0
    for _, size, path in programs:
        if excess <= 0:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            excess, removed = excess - size, removed + 1
    return removed


def remove_damaged(folder: Path) -> int:
    """Remove programs that are not whole, as a process leaves one that is killed while it writes; how many were removed."""
    removed = 0
    for _, _, path in _programs(folder):
        with contextlib.suppress(OSError):
            if not _is_whole(path.read_bytes()):
                path.unlink()
                removed += 1
    return removed


@contextlib.contextmanager
def mending(environment: MutableMapping[str, str], say: Callable[[str], None]) -> Iterator[None]:
    """Within it a program in our own folder that cannot be read is one sentence instead of jax's warning, and what is damaged is removed.

    jax never writes where a file is already: a damaged one would be in the way, and warned of, for ever.
    """
    folder, show = usual_folder(environment), warnings.showwarning

    def shown(message: Any, *place: Any) -> None:
        if folder is None or environment.get(FOLDER) != str(folder) or not str(message).startswith(UNREADABLE):
            show(message, *place)
        elif removed := remove_damaged(folder):
            say(f"{removed} compiled program(s) in {folder} were damaged and are removed; they are compiled again")

    warnings.showwarning = shown
    try:
        yield
    finally:
        warnings.showwarning = show


def _programs(folder: Path) -> list[tuple[float, int, Path]]:
    """When each was written, its bytes, its path."""
    found = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.name.endswith(ENDING) and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime, status.st_size, Path(entry.path)))
    return found


def _is_whole(packed: bytes) -> bool:
    """Of one that is packed by zstd nothing is said but that it begins as it should."""
    if not packed.startswith(ZLIB):
        return packed.startswith(ZSTD)
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(packed)
    except zlib.error:
        return False
    return unpacking.eof
