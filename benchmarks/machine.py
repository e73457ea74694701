"""Where and with what a figure was measured: goes into every result file beside the figure."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from triality.profiling.machine import processor, version_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("triality", "jax", "jaxlib", "equinox", "optax", "numpy", "gymnasium")


def describe_machine(packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """Processor, cores that this process may use, load average now (1, 5 and 15 minutes), commit and versions."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": list(os.getloadavg()),
        "commit": commit(),
        "python": platform.python_version(),
        "packages": {name: found for name in packages if (found := version_of(name)) is not None},
    }


def commit() -> str | None:
    """The commit of the project, with ``+changes`` where tracked files of the library or the benchmarks differ from it."""
    try:
        revision = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks")
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision + ("+changes" if changed else "")


def one_thread() -> None:
    """Call before jax is imported: XLA's CPU thread pool can deadlock, and one thread a side is the fair comparison."""
    os.environ.setdefault("NPROC", "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
