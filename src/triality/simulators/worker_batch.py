"""Gymnasium environments in processes of their own: one that crashes, hangs or eats all memory costs an episode, not the run.

Each worker hosts some of the simulators, makes their steps one after the other and answers after each, so that it is known at any moment
whose step is under way. Workers import no jax. They do not outlive the process that asked for them, however it ends.
"""

from __future__ import annotations

import selectors
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn, TypeVar

import numpy as np
from jaxtyping import Bool, Float

from triality.errors import ConfigError, DataError, SimulatorError, SimulatorTimeoutError, WorkerDiedError, WorkerReplacedError
from triality.simulators.batch import StepResult
from triality.simulators.gymnasium_batch import PATIENCE
from triality.simulators.named_function import name_of_function
from triality.simulators.worker_process import END_SECONDS, Deed, WorkerProcess
from triality.simulators.worker_wire import RESET, STEP, Frame, actions_body, seeds_body
from triality.specs import EnvironmentSpec

if TYPE_CHECKING:
    import gymnasium

T = TypeVar("T")
HOW = {WorkerDiedError: "crashed or was killed", SimulatorTimeoutError: "hung"}
"""In a word, by the class of the error."""
LOOK_AROUND = 1.0
"""Seconds between two looks at processes that say nothing."""


class WorkerBatch:
    """``num`` environments in ``workers`` processes; what they give is what ``GymnasiumBatch`` gives, bit for bit.

    **What is promised when something fails.** An environment that raises, hangs or returns what it must not, and a worker that dies, are
    found at once: the error names worker, simulator, step and action, with the environment's traceback or the stack it hung at. The worker
    is ended. While there are restarts left another takes its place, and the error is a ``WorkerReplacedError``: everything since the last
    ``reset`` is void, and a ``reset`` to the same seeds begins the same episodes again, which an environment that its seed determines plays
    as if nothing had happened. ``Collector`` and ``returns_in`` do so by themselves. Otherwise it is the error itself, every worker is
    ended, and so is the batch. Nothing of an incomplete episode is ever returned as a batch of episodes.

    Args:
        env_id: Gymnasium's id, ``module:Id`` for one of your own; the worker imports the module.
        num: environments.
        workers: processes, among which they are shared out.
        make: makes one environment, for wrappers of your own: a function or class of a module, since the worker finds it by its name.
        patience: seconds that one reset or step of one environment may take.
        max_restarts: workers that may be replaced before the batch gives up.

    Raises:
        ConfigError: as of ``GymnasiumBatch``; a ``make`` that has no name; more workers than environments.
        SimulatorError: an environment could not be made.

    Example:
        >>> batch = WorkerBatch("CartPole-v1", num=2, workers=2)
        >>> start = batch.reset([0, 1])
        >>> result = batch.step(np.array([0, 1]), np.array([True, False]))
        >>> result.reward.tolist(), bool(np.all(result.observation[1] == start[1])), batch.spec.num_actions
        ([1.0, 0.0], True, 2)
        >>> batch.close()
    """

    def __init__(
        self,
        env_id: str,
        num: int,
        workers: int,
        make: Callable[[], gymnasium.Env] | None = None,
        patience: float = PATIENCE,
        max_restarts: int = 0,
    ):
        if not 1 <= workers <= num:
            raise ConfigError(f"expected 1 to {num} workers for {num} simulators, got {workers}; each hosts at least one")
        if patience <= 0 or max_restarts < 0:
            raise ConfigError(f"expected a patience above 0 and restarts of at least 0, got {patience} and {max_restarts}; change them")
        self.num, self.max_restarts, self._patience = num, max_restarts, patience
        self.restarts = 0
        self._env_id, self._make = env_id, None if make is None else name_of_function(make)
        self._shares = [share.tolist() for share in np.array_split(np.arange(num), workers)]
        self._serial, self._is_void, self._broken = 0, False, ""
        self._selector = selectors.DefaultSelector()
        self._workers: list[WorkerProcess] = []
        self._finalizer = weakref.finalize(self, _end_all, self._workers, self._selector)
        try:
            for number in range(workers):
                self._workers.append(self._started(number))
            specs = [worker.ready() for worker in self._workers]
        except BaseException:
            self._finalizer()
            raise
        self.spec: EnvironmentSpec = specs[0]
        self._observation = np.zeros((num, self.spec.observation_size))
        self._taken = np.zeros(num, int)

    @property
    def process_ids(self) -> tuple[int, ...]:
        """Of the workers."""
        return tuple(worker.process.pid for worker in self._workers)

    def reset(self, seeds: Sequence[int | None]) -> Float[np.ndarray, "n obs"]:
        """The environment's own start for each seed; ``None`` goes on with its own randomness, which a replaced worker begins anew.

        Raises:
            WorkerReplacedError: something failed, and can be tried again.
            SimulatorError: something failed for good.
        """
        start = self._begin(dict(enumerate(seeds)))
        self._is_void = False
        return start

    def restart(self, which: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n obs"]:
        """A new start of some, by the environment's own randomness; fails as ``reset`` does."""
        self._refuse_void()
        return self._begin(dict.fromkeys(np.flatnonzero(which).tolist()))

    def _begin(self, seeds: Mapping[int, int | None]) -> Float[np.ndarray, "n obs"]:
        requests: dict[int, tuple[bytes, list[int]]] = {}
        for number, share in enumerate(self._shares):
            asked = [simulator for simulator in share if simulator in seeds]
            requests[number] = seeds_body([(simulator - share[0], seeds[simulator]) for simulator in asked]), asked
            self._taken[asked] = 0
        outcomes = self._exchange(RESET, requests, lambda simulator: f"reset of simulator {simulator} with seed {seeds[simulator]}")
        for simulator, outcome in outcomes.items():
            self._observation[simulator] = outcome[:-3]
        return self._observation.copy()

    def step(self, actions: np.ndarray, running: Bool[np.ndarray, " n"]) -> StepResult:
        """One step of the environments that are ``running``.

        Raises:
            WorkerReplacedError, SimulatorError: as for ``reset``.
            DataError: actions are no integers where they have to be.
        """
        self._refuse_void()
        actions, running = np.asarray(actions), np.asarray(running, bool)
        if self.spec.is_discrete and actions.dtype.kind not in "iub":
            raise DataError(f"expected actions of integers for {self._env_id}, got {actions.dtype}; pass the index of each action")
        reward, terminated, truncated = np.zeros(self.num), np.zeros(self.num, bool), np.zeros(self.num, bool)
        requests: dict[int, tuple[bytes, list[int]]] = {}
        for number, share in enumerate(self._shares):
            part = slice(share[0], share[-1] + 1)
            requests[number] = (
                actions_body(actions[part], running[part], self.spec),
                [simulator for simulator in share if running[simulator]],
            )
        self._taken += running
        taken = self._taken.copy()
        outcomes = self._exchange(STEP, requests, lambda simulator: _step_in_words(simulator, taken, actions))
        for simulator, outcome in outcomes.items():
            self._observation[simulator] = outcome[:-3]
            reward[simulator], terminated[simulator], truncated[simulator] = outcome[-3], bool(outcome[-2]), bool(outcome[-1])
        return StepResult(self._observation.copy(), reward, terminated, truncated)

    def close(self) -> None:
        """Closes the environments and ends the workers; those that do not within a few seconds are killed."""
        for worker in self._workers:
            worker.say_end()
        until = time.monotonic() + END_SECONDS
        for worker in self._workers:
            worker.end(max(until - time.monotonic(), 0.0))
        self._finalizer()
        self._broken = self._broken or "it was closed"

    def _exchange(self, kind: bytes, requests: Mapping[int, tuple[bytes, list[int]]], deed: Deed) -> dict[int, np.ndarray]:
        """Asks the workers side by side; what each simulator answered."""
        if self._broken:
            raise SimulatorError(
                f"expected a batch of {self._env_id} that is at work, got one that has ended: {self._broken}; make another"
            )
        self._serial += 1
        outcomes: dict[int, np.ndarray] = {}
        num_asked = 0
        for number, (body, simulators) in requests.items():
            if simulators:
                num_asked += len(simulators)
                self._guarded(
                    number, lambda worker, body=body, asked=simulators: worker.ask(Frame(kind, self._serial, 0, body), asked, deed)
                )
        while len(outcomes) < num_asked:
            heard = self._selector.select(max(min([LOOK_AROUND, *(each.seconds_left() for each in self._workers if each.is_asked)]), 0.0))
            for key, _ in heard:
                for frame in self._guarded(key.data, lambda worker: list(worker.heard())):
                    if frame.serial == self._serial:
                        outcomes[frame.simulator] = np.frombuffer(frame.body)
            for number in range(len(self._workers)):
                self._guarded(number, _refuse_late if heard else _refuse_dead_or_late)
        return outcomes

    def _refuse_void(self) -> None:
        if self._is_void and not self._broken:
            raise SimulatorError(
                "expected a reset of all simulators after a worker was replaced, got a step or a restart; reset them first"
            )

    def _guarded(self, number: int, call: Callable[[WorkerProcess], T]) -> T:
        """``call`` of a worker; where it fails the worker is replaced, or the batch ends."""
        try:
            return call(self._workers[number])
        except (SimulatorError, ConfigError) as error:
            self._fail(number, error)

    def _fail(self, number: int, error: SimulatorError | ConfigError) -> NoReturn:
        self._selector.unregister(self._workers[number].socket)
        self._workers[number].end()
        while self.restarts < self.max_restarts:
            self.restarts += 1
            self._is_void = True
            self._workers[number] = self._started(number)
            try:
                self._workers[number].ready()
            except (SimulatorError, ConfigError) as again:
                self._selector.unregister(self._workers[number].socket)
                self._workers[number].end()
                error = again
                continue
            raise WorkerReplacedError(f"{self._replaced(number, error)}\n  {error}") from error
        self._broken = str(error)
        self._finalizer()
        raise error

    def _replaced(self, number: int, error: SimulatorError | ConfigError) -> str:
        """Which worker, why, what is lost, and how often this may go on."""
        share, left, steps = self._shares[number], self.max_restarts - self.restarts, int(self._taken.sum())
        whose = f"simulator {share[0]}" if len(share) == 1 else f"simulators {share[0]} to {share[-1]}"
        how = next((word for kind, word in HOW.items() if isinstance(error, kind)), "had an environment that failed")
        lost = f"the episodes under way in all {self.num} simulators, {steps} steps since their reset" if steps else "nothing but a reset"
        return (
            f"worker {number} of {self._env_id} with {whose} {how}, and another has taken its place: restart {self.restarts} of "
            f"{self.max_restarts}, {left or 'none'} left. What is lost is {lost}. What happened:"
        )

    def _started(self, number: int) -> WorkerProcess:
        share = self._shares[number]
        worker = WorkerProcess(number, self._env_id, self._make, share[0], len(share), self._patience)
        self._selector.register(worker.socket, selectors.EVENT_READ, number)
        return worker


def _refuse_late(worker: WorkerProcess) -> None:
    if worker.is_asked and worker.seconds_left() <= 0:
        raise worker.lateness()


def _refuse_dead_or_late(worker: WorkerProcess) -> None:
    worker.refuse_dead()
    _refuse_late(worker)


def _step_in_words(simulator: int, taken: np.ndarray, actions: np.ndarray) -> str:
    action = np.array2string(actions[simulator], precision=4, threshold=20)
    return f"step {taken[simulator]} of simulator {simulator} by action {action}"


def _end_all(workers: list[WorkerProcess], selector: selectors.BaseSelector) -> None:
    """Also where a batch is forgotten, or the interpreter ends."""
    for worker in workers:
        worker.end()
    selector.close()
