"""The table of a program's stages as text: the same on the screen and on the page."""

from __future__ import annotations

from collections.abc import Sequence

from triality.profiling.limits import Limits
from triality.profiling.program_profile import ProgramProfile
from triality.profiling.quantities import MISSING, amount_words, share_words, time_words
from triality.profiling.roofline import Roofline, roofline
from triality.profiling.stage import StageRecord

HEAD = ("stage", "when", "time", "share of the limit", "what binds", "middle half", "operations", "bytes", "kernels")
NONE = (MISSING, MISSING)
"""Neither a share nor what binds."""
PER = {"step": "step", "within": "within the update", "chunk": "between chunks", "run": "run"}


def stage_rows(program: ProgramProfile, limits: Limits) -> list[tuple[str, ...]]:
    """One row a stage, in the order of ``HEAD``; then the sum of a step's stages, the step as one program, and the step within a chunk."""
    rows = [_row(stage, limits) for stage in program.stages]
    if program.whole is None:
        return rows
    share = share_words(program.sum / program.whole.median)
    summed = [("stages of a step together", "step", time_words(program.sum), *NONE, f"{share} of the whole", *(MISSING,) * 3)]
    within = []
    if program.chunk is not None:
        seconds = program.chunk.seconds
        half = _half(seconds.low, seconds.high)
        within = [("one step within a chunk", "step", time_words(seconds.median), *NONE, half, *(MISSING,) * 3)]
    return [*rows, *summed, _row(program.whole, limits), *within]


def roofline_of(stage: StageRecord, limits: Limits) -> Roofline | None:
    """Of one time of a stage; None for what is no compiled program."""
    if stage.count is None or stage.working_set is None:
        return None
    return roofline(stage.count, stage.seconds.median, stage.working_set, limits)


def at_most(words: Sequence[str]) -> str:
    """Parts that are there, one after the other.

    Example:
        >>> at_most(["a", "", "b"])
        'a, b'
    """
    return ", ".join(word for word in words if word)


def _row(stage: StageRecord, limits: Limits) -> tuple[str, ...]:
    near, count, times = roofline_of(stage, limits), stage.count, stage.times
    when = at_most([PER[stage.per], f"{times} times" if times > 1 else ""])
    time, half = time_words(stage.median), _half(times * stage.seconds.low, times * stage.seconds.high)
    if count is None or near is None:
        return (stage.name, when, time, *NONE, half, *(MISSING,) * 3)
    least = "at least " if count.unknown_loops else ""
    amounts = (least + amount_words(times * count.operations), amount_words(times * count.bytes, "B"), amount_words(times * count.kernels))
    return (stage.name, when, time, share_words(near.share), near.binds, half, *amounts)


def _half(low: float, high: float) -> str:
    return f"{time_words(low)} to {time_words(high)}"
