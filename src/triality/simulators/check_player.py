"""Plays episodes in an environment that is being checked, and looks at everything that it is handed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from triality.simulators.check_findings import WHAT_RESET_RETURNS, WHAT_STEP_RETURNS, Findings, Given
from triality.simulators.gymnasium_checks import as_array, checked_number, checked_observation, described

if TYPE_CHECKING:
    import gymnasium

IT = "the environment"
ROOM = 1e-5
"""Share of a bound by which rounding may carry an observation beyond it."""


class Episode(NamedTuple):
    """One random episode.

    Fields:
        rewards: of its steps, 0 where the environment gave none.
        terminated: whether it ended by itself.
        is_over: whether it ended.
    """

    rewards: list[float]
    terminated: bool
    is_over: bool


class Player:
    """Resets and steps one environment, and writes down what is wrong with what it gets.

    Args:
        simulator: the environment; observes a vector, unless that is a fault already.
        findings: where faults go.
        is_alive: called after every answer.
    """

    def __init__(self, simulator: gymnasium.Env, findings: Findings, is_alive: Callable[[], None]):
        self.simulator, self.seconds = simulator, 0.0
        self._findings, self._is_alive = findings, is_alive
        self._handed_out: tuple[Any, np.ndarray] | None = None

    def random_episode(self, seed: int, most: int) -> Episode:
        """Reset to the seed, then random actions until it ends or there were ``most`` of them."""
        rewards, begun = [], self._reset(seed)
        while begun and len(rewards) < most:
            action = self.simulator.action_space.sample()
            self._findings.at(f"seed {seed}, step {len(rewards) + 1}, action {np.array2string(np.asarray(action), precision=4)}")
            given = self._step(action)
            if given is None:
                break
            rewards.append(_number(given.reward))
            if _truth(given.terminated) or _truth(given.truncated):
                return Episode(rewards, _truth(given.terminated), True)
        return Episode(rewards, False, False)

    def replay(self, seed: int, actions: Sequence[Any]) -> list[Given]:
        """The start and the steps by these actions, until it ends; nothing where something raised."""
        start = self._reset(seed)
        if start is None:
            return []
        kept = [start]
        for step, action in enumerate(actions):
            self._findings.at(f"seed {seed}, step {step + 1} of a replay")
            given = self._step(deepcopy(action))
            if given is None:
                return []
            kept.append(given)
            if _truth(given.terminated) or _truth(given.truncated):
                break
        return kept

    def step_after_end(self) -> str:
        """What a step does where an episode has ended; none is ever made here, and Gymnasium leaves it open."""
        self._findings.at("a step after the end of an episode")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.simulator.step(_as_taken(self.simulator.action_space.sample()))
            except Exception as error:
                return f"raises {type(error).__name__}, which is good"
            finally:
                self._is_alive()
                self._handed_out = None
        return "is answered; it is never made here"

    def _reset(self, seed: int) -> Given | None:
        self._findings.at(f"reset to seed {seed}")
        self._handed_out = None
        before = self._findings.num_raised
        given = self._findings.tried(lambda: self.simulator.reset(seed=seed))
        self._is_alive()
        if self._findings.num_raised > before:
            return None
        if not isinstance(given, tuple) or len(given) != 2:
            self._findings.fault(
                WHAT_RESET_RETURNS,
                f"{self._findings.place}: expected reset to return (observation, info), got {described(given)}; "
                "bring it to Gymnasium's present interface",
            )
            return None
        self._look_at_info(given[1])
        return Given(self._seen(given[0], "reset"))

    def _step(self, action: Any) -> Given | None:
        """None where there is nothing to go on with."""
        taken, kept = _as_taken(action), np.array(action)
        begun, before = time.perf_counter(), self._findings.num_raised
        given = self._findings.tried(lambda: self.simulator.step(taken))
        self.seconds += time.perf_counter() - begun
        self._is_alive()
        if self._findings.num_raised > before:
            return None
        if not isinstance(given, tuple) or len(given) != 5:
            self._findings.fault(
                WHAT_STEP_RETURNS,
                f"{self._findings.place}: expected step to return (observation, reward, terminated, truncated, info), got "
                f"{described(given)}; bring it to Gymnasium's present interface",
            )
            return None
        observation, reward, terminated, truncated, info = given
        self._look_at_what_was_handed_out(np.asarray(taken), kept)
        self._findings.held("reward", lambda: checked_number(reward, IT, "reward", "iuf"))
        self._findings.held("terminated", lambda: checked_number(terminated, IT, "terminated", "b"))
        self._findings.held("truncated", lambda: checked_number(truncated, IT, "truncated", "b"))
        self._look_at_info(info)
        return Given(self._seen(observation, "step"), reward, terminated, truncated)

    def _seen(self, observation: Any, what: str) -> np.ndarray:
        """A copy, after it was looked at."""
        space = self.simulator.observation_space
        size = int(np.prod(space.shape)) if space.shape is not None else 0
        array = as_array(observation)
        kept = np.zeros(0) if array is None else np.array(array)
        if space.shape is None or len(space.shape) != 1:
            return kept
        seen = self._findings.held("observation", lambda: checked_observation(observation, size, IT, what))
        if seen is not None:
            self._look_at_kind(seen, observation, space)
            self._look_at_bounds(seen, space)
            self._handed_out = (observation, kept)
        return kept

    def _look_at_kind(self, seen: np.ndarray, observation: Any, space: gymnasium.Space) -> None:
        wanted = np.dtype(space.dtype)
        if seen.dtype == wanted and isinstance(observation, np.ndarray):
            return
        got = f"{seen.dtype}" if isinstance(observation, np.ndarray) else f"a {type(observation).__name__}"
        text = f"{self._findings.place}: expected observations of {wanted}, as the space says, got {got}; cast what reset and step return"
        if seen.dtype.kind != wanted.kind:
            self._findings.fault("kind of numbers", text)
        else:
            self._findings.note("precision", f"{text}, or leave it: it is cast here")

    def _look_at_bounds(self, seen: np.ndarray, space: Any) -> None:
        low, high = np.asarray(space.low, float), np.asarray(space.high, float)
        with np.errstate(invalid="ignore"):
            below, above = low - ROOM * (1.0 + np.abs(low)), high + ROOM * (1.0 + np.abs(high))
        outside = (seen < below) | (seen > above)
        if outside.any():
            where = int(outside.argmax())
            self._findings.fault(
                "bounds",
                f"{self._findings.place}: expected coordinate {where} of the observation in [{low[where]:g}, {high[where]:g}], got "
                f"{float(seen[where]):.6g}; widen observation_space, or clip what is observed",
            )

    def _look_at_what_was_handed_out(self, action: np.ndarray, as_it_was: np.ndarray) -> None:
        if not np.array_equal(action, as_it_was):
            self._findings.fault(
                "action written to",
                f"{self._findings.place}: expected the action to stay as it was given, got {action} from {as_it_was}; copy it before it is "
                "changed",
            )
        if self._handed_out is not None and not np.array_equal(np.asarray(self._handed_out[0]), self._handed_out[1]):
            self._findings.fault(
                "observation written to",
                f"{self._findings.place}: expected the observation before this step to stay as it was handed out, got another in the same "
                "array; return a copy",
            )

    def _look_at_info(self, info: Any) -> None:
        if not isinstance(info, dict):
            self._findings.fault(
                "info", f"{self._findings.place}: expected a dictionary as info, got {described(info)}; return {{}} for nothing"
            )


def _as_taken(action: Any) -> Any:
    """An index as a Python integer, as it is given in a run; an array that may be written to."""
    return int(action) if np.ndim(action) == 0 and np.asarray(action).dtype.kind in "iu" else action


def _number(given: Any) -> float:
    array = as_array(given)
    return float(array) if array is not None and array.shape == () and array.dtype.kind in "iufb" else 0.0


def _truth(given: Any) -> bool:
    array = as_array(given)
    return array is not None and array.size == 1 and array.dtype.kind in "iufb" and bool(array.ravel()[0])
