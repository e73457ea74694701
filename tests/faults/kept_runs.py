"""Small runs of every kind, how to kill them, and what of a finished one has to be the same."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from triality.runs.checkpoint_file import read_leaves

ROOT = Path(__file__).parents[2]
DEMOS = ROOT / "examples" / "pendulum_demos.npz"
CLOCK_WORDS = ("second",)
"""Fields with it in their names no two runs have alike."""


class Case(NamedTuple):
    """The words of one command, but for where it writes."""

    name: str
    words: tuple[str, ...]


def _case(name: str, words: str, *paths: Path) -> Case:
    """``words`` with the paths in place of every ``FILE``."""
    files = iter(paths)
    return Case(name, tuple(str(next(files)) if word == "FILE" else word for word in words.split()))


IRL = _case("irl", "irl --env Pendulum-v1 --demos FILE --num-demos 2 --num-rollouts 6 --iterations 20", DEMOS)
HOST = _case(
    "irl on the host",
    "irl --env Pendulum-v1 --host --demos FILE --num-demos 2 --num-rollouts 4 --level step --seeds 2 --policy-epochs 1 "
    "--policy-minibatches 2 --iterations 6",
    DEMOS,
)
EBM = _case(
    "ebm",
    "ebm --target two-moons --num-data 500 --objective gan --generator gaussian --generator-steps 80 --energy-steps 80 --num-drawn 200 "
    "--temperatures 0 --batch-size 16 --seeds 2",
)


def seq_case(text: Path) -> Case:
    """Of a file of text, which the caller makes."""
    return _case(
        "seq",
        "seq --data FILE --objective nce --hidden 8 --length 8 --generator-steps 80 --energy-steps 40 --num-drawn 200 --batch-size 16",
        text,
    )


def some_text(path: Path) -> Path:
    """A few hundred short lines."""
    draw = np.random.default_rng(0)
    lines = ["".join(draw.choice(list("abcde "), size=8)).strip() or "a" for _ in range(400)]
    path.write_text("\n".join(lines) + "\n")
    return path


def started(case: Case, out: Path, *more: str, cpus: tuple[int, ...] = (0,)) -> subprocess.Popen:
    """The command in a process of its own, on one core, all it says in ``out.log``."""
    environment = {**os.environ, "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "NPROC": "1"}
    source = "import sys; from triality.cli.main import main; sys.exit(main())"
    words = [sys.executable, "-c", source, *case.words, "--out", str(out), "--checkpoint-every", "0", *more]
    with open(f"{out}.log", "ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=environment, cwd=ROOT)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, set(cpus) & os.sched_getaffinity(0) or os.sched_getaffinity(0))
    return process


def run_to_end(case: Case, out: Path, *more: str) -> float:
    """Seconds that it took; fails with what it said where it fails."""
    began = time.monotonic()
    code = started(case, out, *more).wait()
    assert code == 0, f"exit code {code}:\n{Path(f'{out}.log').read_text()[-3000:]}"
    return time.monotonic() - began


def killed_after(case: Case, out: Path, seconds: float, number: int = signal.SIGKILL) -> int | None:
    """The exit code after a signal at that moment; None where the run had ended before."""
    process = started(case, out, "--resume")
    try:
        assert process.wait(seconds) == 0, Path(f"{out}.log").read_text()[-3000:]
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        return process.wait(60)
    return None


def content(out: Path) -> dict[str, object]:
    """What has to be the same: every array of the last state bit for bit, the log and the summary without their clocks."""
    stored = read_leaves(out / "state.ckpt")
    return {
        "arrays": {leaf.path: (leaf.array.dtype.str, leaf.array.shape, leaf.array.tobytes()) for leaf in stored.leaves},
        "log": [_timeless(json.loads(line)) for line in (out / "metrics.jsonl").read_text().splitlines()],
        "summary": _timeless(json.loads((out / "summary.json").read_text())),
    }


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        kept = {name: _timeless(each) for name, each in value.items() if not any(word in name for word in CLOCK_WORDS)}
        return {name: each for name, each in kept.items() if name not in ("out", "kept", "overwrite")}
    return [_timeless(each) for each in value] if isinstance(value, list) else value
