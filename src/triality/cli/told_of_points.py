"""Who is told how the stages of a sweep go: a line of the log for every point, and where each stage stands, for going on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.progress import Progress as ProgressBar
from rich.progress import TaskID

from triality.algorithms.guarded import GuardedState
from triality.algorithms.stages import Going, no_progress
from triality.cli.failing import EndsThePoint
from triality.cli.stage_clock import StageClock, steps_a_second
from triality.cli.stage_keeper import StageKeeper


class ToldOfPoints:
    """Of one seed of all points.

    Args:
        bar: on the screen.
        stages: where they are kept.
        seed: of all of them.
        names: of the points.
        log_scale: what standardizing adds to a log density, nats.
        ends: what becomes of points that fail.
    """

    def __init__(self, bar: ProgressBar, stages: StageKeeper, seed: int, names: Sequence[str], log_scale: float, ends: EndsThePoint):
        self.bar, self.stages, self.seed, self.names = bar, stages, seed, names
        self.log_scale, self.ends = log_scale, ends
        self.task: TaskID | None = None
        self.clock = StageClock()
        self.steps_per_second: dict[str, float] = {}

    def compiling(self, stage: str) -> None:
        """A stage that has steps begins; its first chunk, which is compiled, says nothing for a while."""
        self.clock.compiling()
        self.task = self.bar.add_task(f"seed {self.seed}, {stage}", total=None, rate="compiling")

    def begun(self, stage: str, first: Going) -> Going:
        going = self.stages.begun(f"seed {self.seed}, {stage}", first)
        self.clock.begun(int(going.done))
        return going

    def failing(self, stage: str, state: GuardedState, before: int, done: int) -> None:
        """Ends the points whose rows failed."""
        self.ends.look(state, f"steps {before + 1}-{done} of the {stage} stage of seed {self.seed}", before, done)

    def looked(self, stage: str, going: Going, total: int, numbers: Sequence[dict[str, float]]) -> None:
        done = int(going.done)
        rate = self.steps_per_second[stage] = self.clock.looked(done)
        for name, of_point in zip(self.names, numbers, strict=True):
            if name not in self.ends.failed:
                self._log(name, done, of_point)
        best = max((each["validation"] for each in numbers if np.isfinite(each["validation"])), default=np.nan)
        words = f"best validation {best - self.log_scale:.4f}" + steps_a_second(rate)
        assert self.task is not None, "a stage has begun"
        self.bar.update(self.task, completed=done, total=total, rate=words)
        self.stages.looked(f"seed {self.seed}, {stage}", going)

    def _log(self, name: str, done: int, numbers: Mapping[str, float]) -> None:
        place = {"point": name, "seed": self.seed, "iteration": self.clock.before + done, "seconds": self.stages.keeper.seconds}
        self.stages.keeper.log(place | {each: value if np.isfinite(value) else None for each, value in numbers.items()})


class ToldOfAll:
    """Of a stage that is the same for all points, and so is learned once: each of their logs has it.

    Args:
        told: of the points.
    """

    def __init__(self, told: ToldOfPoints):
        self.told = told

    def begun(self, stage: str, first: Going) -> Going:
        return self.told.begun(stage, first)

    def looked(self, stage: str, going: Going, total: int, numbers: dict[str, float]) -> None:
        self.told.looked(stage, going, total, [numbers] * len(self.told.names))

    def advanced(self, learning: Any, state: GuardedState, num_steps: int) -> tuple[GuardedState, Any]:
        return no_progress.advanced(learning, state, num_steps)

    def agreed(self, value: float) -> float:
        return value
