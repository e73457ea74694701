"""A run that survives: what a command tells between two chunks of work decides what is saved, what is logged, and whether to stop.

    with kept_run(out, "irl", config, Keeping(resume=True)) as keeper:
        states = keeper.restored("states", like=first) if keeper.resumes else first
        for done in ...:
            states = ...
            keeper.log({"iteration": done, ...})
            keeper.look({"states": states}, done)        # may save; may raise StoppedError
        keeper.closing()

A checkpoint holds the parts that were given last, how far the metrics log had grown then, and the seconds spent. Whatever is killed
between two checkpoints is computed again, from the same keys to the same numbers.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import PyTree

from triality.errors import (
    ConfigError,
    InterruptedRunError,
    NonFiniteError,
    StoppedError,
    StorageError,
    TrialityError,
)
from triality.runs.beginning import PLACE, begun, path_of, place_of
from triality.runs.checkpoint import leaves_of, restored
from triality.runs.checkpoint_file import StoredCheckpoint
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.failure import write_failure
from triality.runs.folder import RunFolder
from triality.runs.keeping import Keeping
from triality.runs.lock import RunLock
from triality.runs.stop_request import StopRequest
from triality.tracking.records import numbers_of

Tree = TypeVar("Tree", bound=PyTree)
LEAST_SHARE = 50
"""Between two checkpoints the run works at least so many times as long as the last one took to write: at most 2 % of its time."""


class Keeper:
    """Made by ``kept_run``.

    Args:
        folder: of the run.
        config: of the run, for its checkpoints.
        keeping: how often, and how many.
        stop: whether somebody has asked for an end.
        say: tells the user a sentence.
        checkpoint: where the run goes on; None where it begins.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: Mapping[str, Any],
        keeping: Keeping,
        stop: StopRequest,
        say: Callable[[str], None],
        checkpoint: StoredCheckpoint | None,
    ):
        self.folder, self._config, self._keeping, self.stop, self._say = folder, config, keeping, stop, say
        self.tracker = keeping.make_tracker(folder.path)
        self._series = CheckpointSeries(folder.path, keeping.keep)
        self._checkpoint = checkpoint
        self._latest: tuple[Mapping[str, PyTree], int, dict[str, Any]] | None = None
        self._saved_step = None if checkpoint is None else checkpoint.step
        self._saved_at, self._took, self._is_first = time.monotonic(), 0.0, True
        self._saving, self._is_finished = threading.Lock(), False
        self._is_touched = checkpoint is None
        before = 0.0 if checkpoint is None else float(place_of(checkpoint)["seconds"])
        self.begin = time.perf_counter() - before

    @property
    def resumes(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self._checkpoint is not None

    @property
    def step(self) -> int:
        """What ``look`` was told when the checkpoint was written that this run goes on from; 0 where it begins."""
        return 0 if self._checkpoint is None else self._checkpoint.step

    @property
    def seconds(self) -> float:
        """Since the run began, without the time between its parts."""
        return time.perf_counter() - self.begin

    def has(self, part: str) -> bool:
        """Whether the checkpoint holds such a part."""
        return self._checkpoint is not None and any(leaf.path.startswith(path_of(part)) for leaf in self._checkpoint.leaves)

    def restored(self, part: str, like: Tree) -> Tree:
        """A part of the checkpoint, in the structure of ``like``.

        Raises:
            StorageError: it is of another structure; every difference is named.
        """
        assert self._checkpoint is not None, "asked only where the run resumes"
        return restored(self._checkpoint, like, str(self._series.folder), path_of(part))

    def refuse_shorter(self, total: int) -> None:
        """Raise where the run has done more steps than ``total``.

        Raises:
            ConfigError: it has.
        """
        if self.step > total:
            raise ConfigError(f"expected at least {self.step} iterations, which the run has done, got {total}; ask for more")

    def log(self, record: Mapping[str, Any]) -> None:
        """One line of ``metrics.jsonl``; what says its ``iteration``, and its ``seed`` where there are several, goes to the tracker too."""
        self._go_on()
        self.folder.metrics.append(record)
        num_seeds = self._config.get("seeds", 1)
        if "iteration" in record:
            self.tracker.log(*numbers_of(record, num_seeds if isinstance(num_seeds, int) else 1))

    def look(self, parts: Mapping[str, PyTree], step: int, final: bool = False) -> None:
        """Between two chunks: everything that the run needs to go on, at ``step``, which grows; saved if it is time, or ``final``.

        Raises:
            StoppedError: a signal asked for an end; a checkpoint of just this state has been written.
            StorageError: the first checkpoint, or the final one, cannot be written. One in between is tried again later, and said.
        """
        self._go_on()
        self._latest = parts, step, self._here()
        stopping = self.stop.signal
        waited = time.monotonic() - self._saved_at
        every = self._keeping.every
        is_due = self._is_first or every == 0 or waited >= max(every, LEAST_SHARE * self._took)
        if is_due or final or stopping is not None:
            self._save_or_say(is_needed=self._is_first or final or stopping is not None)
        if stopping is not None:
            kind = InterruptedRunError if stopping == signal.SIGINT else StoppedError
            raise kind(f"stopped by {stopping.name} after step {step}. {self.left()}")

    def closing(self) -> None:
        """All steps are done: from here on a signal ends the process at once, and a resumed run comes back to this place."""
        self.stop.end_at_once()

    def finished(self, summary: Mapping[str, Any]) -> None:
        """The result is written: one checkpoint stays, from which the run could be made longer."""
        self.tracker.end(summary)
        self._is_finished = True
        for path in self._series.paths()[1:]:
            with contextlib.suppress(OSError):
                path.unlink()

    def broken_off(self) -> None:
        """The block has ended; tells the tracker, if it was not ``finished``."""
        if not self._is_finished:
            self.tracker.end(None)

    def left(self, goes_on: bool = True) -> str:
        """What to tell the user of a run that does not come to its end."""
        words = "; the same command with --resume goes on" if goes_on else ""
        return f"What was learned until then is in {self._series.folder}{words}"

    def record_failure(self, error: NonFiniteError) -> None:
        """``failed.ckpt``: the state whose next step gives NaN again; ``failed.json``: where, in words."""
        write_failure(self.folder.path, error, self.step if self._latest is None else self._latest[1], self._config)

    def save_latest(self) -> bool:
        """Saves what the last look was given, unless that has been done; whether there is anything now."""
        with self._saving:
            if self._latest is None:
                return self._saved_step is not None
            parts, step, place = self._latest
            if step != self._saved_step:
                began = time.monotonic()
                self.folder.metrics.sync()
                self._series.write(leaves_of({**parts, PLACE: place}), step=step, config=self._config)
                self._saved_step, self._saved_at = step, time.monotonic()
                self._took = self._saved_at - began
            return True

    def _go_on(self) -> None:
        """The first deed of a run that goes on: until then nothing in its folder has been touched, and it can still be refused."""
        if self._is_touched or self._checkpoint is None:
            return
        self._is_touched = True
        self.folder.metrics.truncate(int(place_of(self._checkpoint)["log_bytes"]))
        record = self.folder.read_config()
        self.folder.write_config(record["command"], self._config, self._keeping.inputs)
        forgotten = self.folder.forget_result()
        removed = f"; {', '.join(forgotten)} of what it was are removed" if forgotten else ""
        self._say(f"the run goes on after step {self.step}{removed}")

    def _save_or_say(self, is_needed: bool) -> None:
        try:
            self.save_latest()
            if self._is_first:
                self._refuse_small_disk()
        except StorageError as error:
            if is_needed:
                raise
            self._saved_at = time.monotonic()
            self._say(f"no checkpoint could be written, the run goes on and tries again: {error}")
        self._is_first = False

    def _refuse_small_disk(self) -> None:
        newest = self._series.paths()[:1]
        needed = 2 * sum(path.stat().st_size for path in newest)
        free = shutil.disk_usage(self.folder.path).free
        if free < needed:
            raise StorageError(
                f"{self.folder.path}: expected room for two more checkpoints ({needed:,} bytes), got {free:,} free; free space or "
                "choose another folder"
            )

    def _here(self) -> dict[str, Any]:
        return {"seconds": np.float64(self.seconds), "log_bytes": np.int64(self.folder.metrics.size())}


@contextlib.contextmanager
def kept_run(
    path: str | PathLike[str], command: str, config: Mapping[str, Any], keeping: Keeping, say: Callable[[str], None] = print
) -> Iterator[Keeper]:
    """The folder of a run, locked, and either new or as its newest checkpoint left it.

    Where the block ends by an error of the library or by ctrl-C, what the last look was given is saved first.

    Raises:
        RunLockedError: another process writes there.
        ConfigError: as ``RunFolder.create``; with ``resume``, a folder of another command, configuration or input.
        NoValidCheckpointError: there are checkpoints to go on from, and all are damaged.
    """
    RunFolder.check(path, keeping.overwrite, keeping.resume)
    with RunLock(Path(path)):
        folder, checkpoint = begun(Path(path), command, config, keeping, say)
        with StopRequest() as stop:
            keeper = Keeper(folder, config, keeping, stop, say, checkpoint)
            stop.save = lambda: _quietly(keeper)
            keeper.tracker.begin(folder.path.name, config)
            try:
                yield keeper
            except StoppedError:
                raise
            except TrialityError as error:
                if isinstance(error, NonFiniteError):
                    keeper.record_failure(error)
                if not isinstance(error, ConfigError) and keeper.save_latest():
                    goes_on = not isinstance(error, NonFiniteError)  # the same keys would come to the same NaN
                    raise type(error)(f"{error}. {keeper.left(goes_on)}") from error
                raise
            except KeyboardInterrupt:
                if keeper.save_latest():
                    say(keeper.left())
                raise
            finally:
                keeper.broken_off()


def _quietly(keeper: Keeper) -> None:
    with contextlib.suppress(Exception):  # the process ends now, come what may
        keeper.save_latest()
