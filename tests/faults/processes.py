"""What has become of processes, read off Linux's /proc."""

import os
import time
from pathlib import Path

import pytest

NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked at in Linux's /proc")


def stat(pid: int) -> list[str]:
    """State, parent, group, ...; nothing of a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_running(pid: int) -> bool:
    """A zombie is not: it waits for somebody to ask how it ended."""
    return stat(pid)[:1] not in ([], ["Z"])


def are_gone_within(seconds: float, pids) -> bool:
    until = time.monotonic() + seconds
    while any(map(is_running, pids)):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def everybody() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def zombies() -> list[int]:
    """Children of this process that ended and that nobody asked."""
    return [pid for pid in everybody() if stat(pid)[:2] == ["Z", str(os.getpid())]]


def running_in_group(group: int) -> list[int]:
    return [pid for pid in everybody() if stat(pid)[2:3] == [str(group)] and is_running(pid)]
