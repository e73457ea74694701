"""The clock and the curve that both sides of ``irl_vs_imitation_mujoco.py`` keep. Standard library alone: it runs in either environment.

Every second of a process belongs to one phase: *imports* (the interpreter's start too), *setup*, *compile*, *learn* or *evaluate*. One JSON
line is written for the start, for each evaluation and for the end, as soon as it is known: a process that is killed leaves its curve.
"""

import json
import time

PHASES = ("imports", "setup", "compile", "learn", "evaluate")
BEFORE = ("imports", "setup", "compile")


class Clock:
    """Seconds by phase; begins in *setup*. ``launched`` is when the process was asked for, in seconds of ``time.time``."""

    def __init__(self, launched):
        self._seconds = dict.fromkeys(PHASES, 0.0) | {"imports": time.time() - launched}
        self._phase, self._since = "setup", time.perf_counter()

    def enter(self, phase):
        """What comes from here on belongs to ``phase``."""
        now = time.perf_counter()
        self._seconds[self._phase] += now - self._since
        self._phase, self._since = phase, now

    def seconds(self):
        """By phase, until now."""
        self.enter(self._phase)
        return dict(self._seconds)


class LearningCurve:
    """Evaluates when it is time to, outside the clock of learning, and says when a run is over.

    A run is over at ``limit`` seconds of learning, or when it has made ``enough`` of its progress and one evaluation was ``good``. Progress
    is counted in environment steps, or in gradient steps where no environment is run.
    """

    def __init__(self, path, task, clock, evaluate):
        self.clock, self.evaluate, self._path = clock, evaluate, path
        self._every, self._limit, self._enough, self._good = (task[name] for name in ("evaluate_every", "limit", "enough", "good"))
        self._next, self._best = self._every, float("-inf")

    def start(self, **about):
        """The first line: settings, sizes, versions."""
        self._write("start", about)

    def go_on(self, progress, env_steps):
        """After each round: whether there is to be another one."""
        spent = self.clock.seconds()["learn"]
        is_late = spent >= self._limit
        if is_late or progress >= self._next:
            self._next = (progress // self._every + 1) * self._every
            self._evaluate(progress, env_steps)
        over = is_late or (progress >= self._enough and self._best >= self._good)
        self.clock.enter("learn")
        return not over

    def end(self, env_steps):
        """The last line: all seconds."""
        self._write("end", {"env_steps": env_steps, "seconds": self.clock.seconds()})

    def _evaluate(self, progress, env_steps):
        self.clock.enter("evaluate")
        returns = [float(each) for each in self.evaluate()]
        mean, seconds = sum(returns) / len(returns), self.clock.seconds()
        self._best = max(self._best, mean)
        before = sum(seconds[name] for name in BEFORE)
        place = {"env_steps": env_steps, "progress": progress, "seconds": seconds["learn"], "seconds_before": before}
        self._write("evaluation", {**place, "seconds_evaluating": seconds["evaluate"], "return": mean, "returns": returns})
        print(f"{progress:>10,} steps, {seconds['learn']:8.1f} s, return {mean:9.1f}", flush=True)

    def _write(self, kind, content):
        with open(self._path, "a") as file:
            file.write(json.dumps({"kind": kind, **content}) + "\n")
