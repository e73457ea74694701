"""A run of several processes: the first one keeps it, the others follow, and all decide alike.

Only the first process has the folder, its lock, and checkpoints. Whether there is one to go on from, what it holds, and whether a signal
has asked any process for an end: every process learns that in the same place, before it acts.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import PyTree

from triality.devices.machines import Machines, noticing_lost_peers
from triality.errors import (
    AlreadyOverError,
    ConfigError,
    DataError,
    InterruptedRunError,
    RunLockedError,
    StoppedError,
    StorageError,
    TrialityError,
)
from triality.runs.folder import RunFolder
from triality.runs.keeper import Keeper, kept_run
from triality.runs.keeping import Keeping
from triality.runs.stop_request import StopRequest

Tree = TypeVar("Tree", bound=PyTree)
REFUSALS = {each.exit_code: each for each in (AlreadyOverError, ConfigError, DataError, StorageError, RunLockedError)}
BEGINS = -1
GRACE = 25.0
"""Seconds for a chunk of all processes after a signal to one of them: none can stop alone without losing the others."""


class SharedKeeper:
    """Made by ``shared_run``; has what a ``Keeper`` has, and every process calls it in the same order.

    Args:
        keeper: of the first process; the others have none.
        machines: all of them.
        stop: whether somebody has asked this process for an end.
    """

    def __init__(self, keeper: Keeper | None, machines: Machines, stop: StopRequest):
        self._keeper, self._machines, self._stop = keeper, machines, stop
        mine = np.array([0 if keeper is None else keeper.resumes, 0 if keeper is None else keeper.step], np.int64)
        resumes, step = machines.from_first(mine).tolist()
        self.resumes, self.step = bool(resumes), step
        self._begin = time.perf_counter()

    @property
    def folder(self) -> RunFolder:
        """Of the first process, which alone may ask."""
        assert self._keeper is not None, "the first process writes"
        return self._keeper.folder

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.perf_counter() - self._begin if self._keeper is None else self._keeper.seconds

    def has(self, part: str) -> bool:
        """Whether the checkpoint holds such a part."""
        return bool(self._machines.from_first(np.array([self._keeper is not None and self._keeper.has(part)]))[0])

    def restored(self, part: str, like: Tree) -> Tree:
        """A part of the checkpoint, as the first process reads it.

        Raises:
            StorageError: it is of another structure.
        """
        return self._machines.from_first(_filled(like) if self._keeper is None else self._keeper.restored(part, like))

    def refuse_shorter(self, total: int) -> None:
        """Raise where the run has done more steps than ``total``.

        Raises:
            ConfigError: it has.
        """
        if self.step > total:
            raise ConfigError(f"expected at least {self.step} iterations, which the run has done, got {total}; ask for more")

    def log(self, record: Mapping[str, Any]) -> None:
        """One line of the log, by the first process."""
        if self._keeper is not None:
            self._keeper.log(record)

    def look(self, parts: Mapping[str, PyTree], step: int, final: bool = False) -> None:
        """Between two chunks: as ``Keeper.look``; a signal that one process got stops all.

        Raises:
            StoppedError: a signal asked a process for an end.
            StorageError: as ``Keeper.look``, of the first process.
        """
        asked = self._machines.highest(int(self._stop.signal or 0))
        if asked:
            self._stop.signal = signal.Signals(asked)
        if self._keeper is not None:
            self._keeper.look(parts, step, final)
        elif asked:
            kind = InterruptedRunError if asked == signal.SIGINT else StoppedError
            raise kind(f"stopped by {signal.Signals(asked).name} after step {step}; the first process has saved")

    def closing(self) -> None:
        """All steps are done: from here on a signal ends the process at once."""
        self._stop.end_at_once()

    def finished(self, summary: Mapping[str, Any]) -> None:
        """The result is written, by the first process."""
        assert self._keeper is not None, "the first process writes"
        self._keeper.finished(summary)


AnyKeeper = Keeper | SharedKeeper


@contextlib.contextmanager
def shared_run(
    machines: Machines,
    path: str | PathLike[str],
    command: str,
    config: Mapping[str, Any],
    keeping: Keeping,
    say: Callable[[str], None] = print,
) -> Iterator[SharedKeeper]:
    """``kept_run`` of all processes together.

    Raises:
        TrialityError: as ``kept_run``, in all of them.
        PeerLostError: another process has ended; what the last look was given is saved.
    """
    with contextlib.ExitStack() as stack:
        if machines.leads:
            keeper = _opened(stack, machines, path, command, config, keeping, say)
            stop = keeper.stop
        else:
            keeper, stop = None, stack.enter_context(StopRequest())
            _refuse_as_first(machines)
        stop.grace = GRACE
        stack.enter_context(noticing_lost_peers())
        yield SharedKeeper(keeper, machines, stop)


def _opened(stack: contextlib.ExitStack, machines: Machines, *given: Any) -> Keeper:
    """The run, opened by the first process; the others are told if it cannot be."""
    try:
        keeper = stack.enter_context(kept_run(*given))
    except TrialityError as error:
        machines.from_first(np.array([error.exit_code]))
        raise
    machines.from_first(np.array([BEGINS]))
    return keeper


def _refuse_as_first(machines: Machines) -> None:
    code = int(machines.from_first(np.array([BEGINS]))[0])
    if code != BEGINS:
        raise REFUSALS.get(code, TrialityError)("the first process refused the run, and says why")


def _filled(like: Tree) -> Tree:
    """Arrays of the same shapes."""

    def filled(leaf: Any) -> Any:
        if not isinstance(leaf, jax.ShapeDtypeStruct):
            return leaf
        if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            blank = jax.eval_shape(jax.random.key_data, leaf)
            return jax.random.wrap_key_data(jax.numpy.zeros(blank.shape, blank.dtype), impl=leaf.dtype._impl)
        return jax.numpy.zeros(leaf.shape, leaf.dtype)

    return jax.tree.map(filled, like)
