"""Compiled programs that a process has loaded: each is a dozen places in its memory, and the system grants a process only so many places.

On Linux that is ``vm.max_map_count``, 65,530 unless somebody raised it. A run by the command takes some thousands of them; beyond the
limit XLA's compiler does not report an error but crashes. So whoever begins a run in a process that had others lets go of theirs first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

SHARE = 0.5
"""Of the places that are granted: from here on programs are let go of. The other half is for the run that begins."""
PLACES, GRANTED = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")


def make_room_for_programs(used: Callable[[], int] | None = None, granted: Callable[[], int] | None = None) -> bool:
    """Let jax drop the programs that it holds if they take more than ``SHARE`` of what the system grants; whether it did.

    Those that somebody still holds stay, and what is needed again is compiled again, or read back from disk. Does nothing where jax is not
    imported or the system does not say (elsewhere than on Linux).

    Args:
        used, granted: places in memory; asked of the system by default.

    Example:
        >>> make_room_for_programs(used=lambda: 100, granted=lambda: 65530)
        False
    """
    jax = sys.modules.get("jax")
    if jax is None:
        return False
    try:
        crowded = (used or _used)() > SHARE * (granted or _granted)()
    except (OSError, ValueError):
        return False
    if crowded:
        jax.clear_caches()
    return crowded


def _used() -> int:
    with PLACES.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _granted() -> int:
    return int(GRANTED.read_text())
