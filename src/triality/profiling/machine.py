"""Where something was measured: processor, cores, load, devices, versions, and the commit of the library where it lies in a checkout."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("triality", "jax", "jaxlib", "equinox", "optax", "numpy")


def describe_machine() -> dict[str, Any]:
    """What goes into a record beside its figures. ``load_average`` is that of now; above the number of cores the machine is busy.

    Example:
        >>> sorted(describe_machine())
        ['commit', 'cores', 'devices', 'load_average', 'packages', 'processor', 'python', 'xla_flags']
    """
    import jax

    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "devices": [str(device) for device in jax.devices()],
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := version_of(name)) is not None},
    }


def _commit() -> str | None:
    """``+changes`` where tracked files of the library differ from it; None where it lies in no checkout of its own."""
    source = Path(__file__).resolve().parents[1]
    try:
        if not _git(source, "ls-files", "profiling/machine.py"):
            return None
        changed = _git(source, "status", "--porcelain", "--untracked-files=no", "--", ".")
        return _git(source, "rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def version_of(name: str) -> str | None:
    """Of an installed package; None where it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """Its name, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
