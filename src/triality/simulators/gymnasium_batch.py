"""Any Gymnasium environment, several of them stepped one after the other, with every fault of theirs named.

A simulator that raises, hangs, gives another shape or kind of array, or a number that is not finite is reported with its index; what is
learned up to then is with the caller, and stays there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from triality.envs.gymnasium_eval import make_gymnasium
from triality.errors import ConfigError, SimulatorError, SimulatorTimeoutError
from triality.simulators.batch import StepResult
from triality.simulators.gymnasium_checks import checked_outcome, checked_start
from triality.simulators.gymnasium_spec import spec_of
from triality.simulators.watched_thread import LateError, WatchedThread
from triality.specs import EnvironmentSpec

if TYPE_CHECKING:
    import gymnasium

PATIENCE = 60.0
"""Seconds that one step of one simulator may take."""


class GymnasiumBatch:
    """``num`` environments of one id, with their own time limit.

    Args:
        env_id: Gymnasium's id.
        num: environments.
        make: makes one environment; Gymnasium's ``make`` of the id by default. For wrappers of one's own.
        patience: seconds that one reset or step of one environment may take.

    Raises:
        ConfigError: Gymnasium does not know the id, or the environment does not observe a vector, act on a bounded box or a set of
            actions, or end.

    Example:
        >>> batch = GymnasiumBatch("CartPole-v1", num=2)
        >>> start = batch.reset([0, 1])
        >>> result = batch.step(np.array([0, 1]), np.array([True, False]))
        >>> result.reward.tolist(), bool(np.all(result.observation[1] == start[1])), batch.spec.num_actions
        ([1.0, 0.0], True, 2)
        >>> batch.close()
    """

    def __init__(self, env_id: str, num: int, make: Callable[[], gymnasium.Env] | None = None, patience: float = PATIENCE):
        if num < 1:
            raise ConfigError(f"expected at least one simulator, got {num}; ask for more")
        self._simulators = [make_gymnasium(env_id) if make is None else make() for _ in range(num)]
        self.spec = spec_of(self._simulators[0], env_id)
        self.num = num
        self._thread = WatchedThread(patience)
        self._observation = np.zeros((num, self.spec.observation_size))

    def reset(self, seeds: Sequence[int | None]) -> Float[np.ndarray, "n obs"]:
        """The environment's own start for each seed; ``None`` goes on with its own randomness.

        Raises:
            SimulatorError: an environment raised, hung, or gave what its specification does not allow.
        """
        for index, seed in enumerate(seeds):
            self._reset(index, seed)
        return self._observation.copy()

    def restart(self, which: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n obs"]:
        """A new start of some, by the environment's own randomness; fails as ``reset`` does."""
        for index in np.flatnonzero(which).tolist():
            self._reset(index, None)
        return self._observation.copy()

    def _reset(self, index: int, seed: int | None) -> None:
        (given,) = self._guarded("reset", [index], lambda index: self._simulators[index].reset(seed=seed))
        self._observation[index] = checked_start(given, self.spec.observation_size, f"simulator {index}")

    def step(self, actions: np.ndarray, running: Bool[np.ndarray, " n"]) -> StepResult:
        """One step of the environments that are ``running``.

        Raises:
            SimulatorError: as for ``reset``.
        """
        reward, terminated, truncated = np.zeros(self.num), np.zeros(self.num, bool), np.zeros(self.num, bool)
        which = np.flatnonzero(running).tolist()
        given = as_given(actions, self.spec)
        outcomes = self._guarded("step", which, lambda index: self._simulators[index].step(given[index]))
        for index, outcome in zip(which, outcomes, strict=True):
            self._observation[index], *rest = checked_outcome(outcome, self.spec.observation_size, f"simulator {index}")
            reward[index], terminated[index], truncated[index] = rest
        return StepResult(self._observation.copy(), reward, terminated, truncated)

    def close(self) -> None:
        """Closes the environments; one that hangs is left behind."""
        self._thread.close()
        if self._thread.is_stuck:
            return
        for simulator in self._simulators:
            simulator.close()

    def _guarded(self, what: str, which: list[int], call: Callable[[int], Any]) -> list[Any]:
        """``call`` for one environment after the other; a fault says whose it is."""
        outcomes: list[Any] = []

        def all_calls() -> None:
            for index in which:
                outcomes.append(call(index))
                self._thread.is_alive()

        try:
            self._thread.run(all_calls)
        except LateError:
            raise SimulatorTimeoutError(
                f"expected {what} of simulator {which[len(outcomes)]} to return within {self._thread.patience:g} s, got nothing; "
                f"its stack:\n{self._thread.stack()}\n  find out where the environment waits, or raise its patience"
            ) from None
        except Exception as error:
            raise _of(which[len(outcomes)], what, error) from error
        return outcomes


def as_given(actions: np.ndarray, spec: EnvironmentSpec) -> Sequence[Any] | np.ndarray:
    """Actions as each environment is given them: Python integers, or rows of float32."""
    return np.asarray(actions).tolist() if spec.is_discrete else np.asarray(actions, np.float32)


def _of(index: int, what: str, error: Exception) -> SimulatorError:
    check = "the environment" if what == "reset" else "the action and the environment"
    return SimulatorError(f"expected {what} of simulator {index} to go on, got {type(error).__name__}: {error}; check {check}")
