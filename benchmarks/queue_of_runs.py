"""A resumable queue of ``triality`` commands: one subprocess a job, each with a time limit; what is done is skipped.

Start it again after whatever ended it: jobs that are done stay done, failed and interrupted ones run again. Every attempt leaves a line in
``OUT/queue.jsonl`` (command, seconds, exit code, load average and commit at its start) and its output in ``OUT/logs/``.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from machine import commit

POLL_SECONDS = 0.1
GRACE_SECONDS = 5.0
TRIALITY = (sys.executable, "-m", "triality.cli.main")


@dataclass(frozen=True)
class Job:
    """One command.

    Args:
        name: unique, fit for a file name.
        arguments: of the program.
        is_done: whether its result is there; asked before it starts, and after it ended.
        headline: a few words on the result, for the log.
        environment: variables added to those of the queue.
        program: what runs the arguments.
        is_ready: whether what it needs is there; asked when its turn comes.
        keep: called once it ended well, before ``headline``.
    """

    name: str
    arguments: tuple[str, ...]
    is_done: Callable[[], bool]
    headline: Callable[[], str] = lambda: ""
    environment: Mapping[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = TRIALITY
    is_ready: Callable[[], bool] = lambda: True
    keep: Callable[[], None] = lambda: None

    @property
    def command(self) -> str:
        """As a person would type it."""
        program = "triality" if self.program == TRIALITY else shlex.join(self.program)
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        return " ".join([*settings, program, shlex.join(self.arguments)])


@dataclass
class Attempt:
    """A job that is running."""

    job: Job
    process: subprocess.Popen
    output: IO[bytes]
    began: float
    record: dict[str, Any]

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def end(self) -> None:
        """Terminate the whole process group; kill it where that does not help."""
        for sign, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
            if self.process.poll() is not None:
                return
            os.killpg(self.process.pid, sign)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                continue


class Queue:
    """Runs jobs in order, ``parallel`` at a time, each for at most ``limit_seconds``."""

    def __init__(self, out: Path, limit_seconds: float, parallel: int = 1):
        self.out, self.limit_seconds, self.parallel = out, limit_seconds, parallel
        self.began = time.monotonic()

    def run(self, jobs: Sequence[Job]) -> list[str]:
        """The names of the jobs that failed. An interrupt (Ctrl-C, SIGTERM) ends the running ones and is passed on."""
        waiting = [job for job in jobs if not job.is_done()]
        total, running, failed = len(waiting), [], []
        self.say(f"{total} of {len(jobs)} jobs to run, {len(jobs) - total} done before")
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            while waiting or running:
                while waiting and len(running) < self.parallel:
                    job = waiting.pop(0)
                    if job.is_ready():
                        running.append(self._start(job, f"{total - len(waiting)}/{total}"))
                    else:
                        failed.append(job.name)
                        self.say(f"{job.name}: left out, what it needs is not there")
                for attempt in [each for each in running if each.process.poll() is not None or each.seconds > self.limit_seconds]:
                    running.remove(attempt)
                    if not self._finish(attempt):
                        failed.append(attempt.job.name)
                time.sleep(POLL_SECONDS)
        finally:
            for attempt in running:
                attempt.end()
                attempt.output.close()
            signal.signal(signal.SIGTERM, before)
        self.say(f"{total - len(failed)} finished, {len(failed)} failed" + "".join(f"\n  {name}" for name in failed))
        return failed

    def say(self, words: str) -> None:
        """A line with the time since the queue began."""
        print(f"[{time.monotonic() - self.began:7.1f} s] {words}", flush=True)

    def _start(self, job: Job, position: str) -> Attempt:
        log = self.out / "logs" / f"{job.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("wb")
        process = subprocess.Popen(
            [*job.program, *job.arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **job.environment},
            start_new_session=True,  # so that the time limit reaches its children too
        )
        self.say(f"{position} {job.name}: started")
        record = {"name": job.name, "command": job.command, "load_average": os.getloadavg()[0], "commit": commit()}
        return Attempt(job, process, output, time.monotonic(), record)

    def _finish(self, attempt: Attempt) -> bool:
        seconds = attempt.seconds
        overdue = attempt.process.poll() is None
        attempt.end()
        attempt.output.close()
        code = attempt.process.returncode
        ok = not overdue and code == 0 and attempt.job.is_done()
        if ok:
            attempt.job.keep()
        why = "" if ok else f"over the limit of {self.limit_seconds:.0f} s" if overdue else self._last_line(attempt.job, code)
        line = {**attempt.record, "seconds": round(seconds, 3), "exit_code": code, "ok": ok, "why": why}
        with (self.out / "queue.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        self.say(f"{attempt.job.name}: {'finished' if ok else 'FAILED'} in {seconds:.0f} s; {attempt.job.headline() if ok else why}")
        return ok

    def _last_line(self, job: Job, code: int) -> str:
        lines = (self.out / "logs" / f"{job.name}.log").read_text(errors="replace").strip().splitlines()
        return f"exit code {code}: {lines[-1].strip() if lines else 'no output'}"


def latest_attempts(out: Path) -> dict[str, dict[str, Any]]:
    """The last line of ``OUT/queue.jsonl`` for each job."""
    path = out / "queue.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return {record["name"]: record for record in map(json.loads, lines)}


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
