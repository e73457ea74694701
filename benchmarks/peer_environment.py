"""Peers in environments of their own, made on first use, and one task in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import ROOT

Packages = Sequence[Sequence[str]]
"""What is installed, call by call: where one set would pull in another version of the next."""


def peer_python(given: Path | None, name: str, packages: Packages) -> Path:
    """``given``, or the interpreter of the environment ``name``, which is made where it is not there yet."""
    if given is not None:
        return given
    python = ROOT / name / "bin" / "python"
    if not python.exists():
        print(f"making {name}, a few minutes", flush=True)
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        for each in packages:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *each], check=True)
    return python


def result_of(python: Any, script: str, task: dict[str, Any], threads: int = 1) -> dict[str, Any]:
    """What a script of ``benchmarks/peers`` makes of a task: both are JSON files, and it has so many threads."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "task.json", Path(folder) / "result.json"
        given.write_text(json.dumps(task))
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        subprocess.run([python, ROOT / "benchmarks" / "peers" / script, given, found], check=True, env={**os.environ, **limits})
        return json.loads(found.read_text())
