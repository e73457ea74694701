"""What this machine and its installation can do, asked before anything expensive begins. Imports no jax."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from importlib import metadata

from triality.errors import ConfigError

WORKSPACE = 3
"""A compiled step holds its inputs, its outputs, and about as much in between."""


def refuse_old_packages(requires: Sequence[str] | None = None, version_of: Callable[[str], str] = metadata.version) -> None:
    """Raise where a package that is always needed is older than this one was made for: an upgrade of one can drag another back.

    Args:
        requires: as package metadata have it; those of this installation by default.
        version_of: of an installed package.

    Raises:
        ConfigError: names all of them together.

    Example:
        >>> refuse_old_packages(["jax>=0.10.2", "h5py>=3; extra == 'demos'"], lambda name: "0.9.1")
        Traceback (most recent call last):
        triality.errors.ConfigError: expected jax >= 0.10.2, got 0.9.1; do pip install --upgrade triality
    """
    if requires is None:
        try:
            requires = metadata.requires("triality") or ()
        except metadata.PackageNotFoundError:  # run from its sources: whoever does that looks after it
            requires = ()
    problems = []
    for line in requires:
        needed = re.fullmatch(r"([A-Za-z0-9_.-]+)>=([0-9.]+)(?:,<[0-9.]+)?", line.replace(" ", ""))
        if needed is None:
            continue
        name, least = needed.groups()
        try:
            found = version_of(name)
        except metadata.PackageNotFoundError:
            found = "none"
        if _numbers(found) < _numbers(least):
            problems.append(f"{name} >= {least}, got {found}")
    if problems:
        raise ConfigError(f"expected {' and '.join(problems)}; do pip install --upgrade triality")


def refuse_beyond_memory(what: str, num_bytes: int, remedy: str, total: int | None = None) -> None:
    """Raise where ``what`` cannot fit into the memory of this machine, with room to compute.

    Args:
        what: in words.
        num_bytes: that it takes at rest.
        remedy: what to do.
        total: of the machine; asked of the system by default, and nothing is refused where it does not say.

    Raises:
        ConfigError: with both numbers.

    Example:
        >>> refuse_beyond_memory("roll-outs", 10**9, "ask for fewer --num-rollouts", total=2 * 10**9)
        Traceback (most recent call last):
        triality.errors.ConfigError: expected roll-outs that fit into 2.0 GB of memory, got about 3.0 GB; ask for fewer --num-rollouts
    """
    total = _memory() if total is None else total
    if total is not None and WORKSPACE * num_bytes > total:
        raise ConfigError(
            f"expected {what} that fit into {total / 1e9:.1f} GB of memory, got about {WORKSPACE * num_bytes / 1e9:.1f} GB; {remedy}"
        )


def rows_at_once(what: str, num_bytes: int, num_rows: int, remedy: str, asked: int = 0, total: int | None = None) -> int:
    """How many of ``num_rows`` equal rows, of ``num_bytes`` together, are computed side by side: those that fit, or as many as ``asked``.

    All rows are there twice, before a step and after it; what lies in between is there for those that are being computed alone.

    Args:
        what: in words.
        num_bytes: that all rows take at rest.
        num_rows: of them.
        remedy: what to do where not even one can be computed, or not as many as asked for.
        asked: as many are wanted; 0 for as many as fit.
        total: of the machine; asked of the system by default, and where it does not say everything fits.

    Raises:
        ConfigError: with both numbers.

    Example:
        >>> rows_at_once("seeds", 800, 8, "ask for fewer", total=2000), rows_at_once("seeds", 800, 8, "ask for fewer", total=9000)
        (4, 8)
    """
    total = _memory() if total is None else total
    wanted = min(asked, num_rows) or 1
    if total is None or num_bytes == 0:
        return wanted if asked else num_rows
    needed = (WORKSPACE - 1) * num_bytes + wanted * num_bytes / num_rows
    if needed > total:
        raise ConfigError(f"expected {what} that fit into {total / 1e9:.1f} GB of memory, got about {needed / 1e9:.1f} GB; {remedy}")
    fitting = int((total / num_bytes - (WORKSPACE - 1)) * num_rows)
    return wanted if asked else min(fitting, num_rows)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
