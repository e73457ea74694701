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
from triality.errors import ConfigError, SimulatorError
from triality.simulators.batch import StepResult
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
        observation = given[0] if isinstance(given, tuple) and len(given) == 2 else given
        self._observation[index] = self._checked(index, "reset", observation)

    def step(self, actions: np.ndarray, running: Bool[np.ndarray, " n"]) -> StepResult:
        """One step of the environments that are ``running``.

        Raises:
            SimulatorError: as for ``reset``.
        """
        reward, terminated, truncated = np.zeros(self.num), np.zeros(self.num, bool), np.zeros(self.num, bool)
        which = np.flatnonzero(running).tolist()
        given = actions.tolist() if self.spec.is_discrete else np.asarray(actions, np.float32)
        outcomes = self._guarded("step", which, lambda index: self._simulators[index].step(given[index]))
        for index, outcome in zip(which, outcomes, strict=True):
            if not isinstance(outcome, tuple) or len(outcome) != 5:
                raise SimulatorError(
                    f"expected a step of simulator {index} to return (observation, reward, terminated, truncated, info), "
                    f"got {_described(outcome)}; bring the environment to Gymnasium's present interface"
                )
            observation, earned, ended, cut, _ = outcome
            self._observation[index] = self._checked(index, "step", observation)
            reward[index] = self._one(index, "reward", earned, "iuf")
            terminated[index], truncated[index] = self._one(index, "terminated", ended, "b"), self._one(index, "truncated", cut, "b")
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
            raise SimulatorError(
                f"expected {what} of simulator {which[len(outcomes)]} to return within {self._thread.patience:g} s, got nothing; "
                "find out where the environment waits, or raise the patience of GymnasiumBatch"
            ) from None
        except Exception as error:
            raise _of(which[len(outcomes)], what, error) from error
        return outcomes

    def _one(self, index: int, what: str, given: Any, kinds: str) -> Any:
        """A number, or a truth value, as ``step`` has to return it."""
        value = np.asarray(given)
        if value.shape != () or value.dtype.kind not in kinds + "b":
            expected = "a truth value" if kinds == "b" else "one number"
            raise SimulatorError(
                f"expected {expected} as {what} from simulator {index}, got {_described(given)}; make the environment return it plainly"
            )
        if not np.isfinite(value):
            raise SimulatorError(f"expected a finite {what} from simulator {index}, got {value}; check the environment")
        return value

    def _checked(self, index: int, what: str, observation: Any) -> np.ndarray:
        seen = np.asarray(observation)
        if seen.shape != (self.spec.observation_size,) or seen.dtype.kind not in "fiub":
            raise SimulatorError(
                f"expected {what} of simulator {index} to observe {self.spec.observation_size} numbers, got {seen.dtype} of shape "
                f"{seen.shape}; make the environment keep to its observation space"
            )
        if not np.all(np.isfinite(seen)):
            raise SimulatorError(
                f"expected finite observations from {what} of simulator {index}, got {seen}; check the environment and the actions"
            )
        return seen


def spec_of(simulator: gymnasium.Env, env_id: str) -> EnvironmentSpec:
    """Sizes, bounds and time limit of a Gymnasium environment.

    Raises:
        ConfigError: it does not observe a vector, act on a bounded box or on 0 .. n - 1, or have a time limit.

    Example:
        >>> spec_of(make_gymnasium("CartPole-v1"), "CartPole-v1").time_limit
        500
    """
    import gymnasium

    seen, acted = simulator.observation_space, simulator.action_space
    if not isinstance(seen, gymnasium.spaces.Box) or len(seen.shape) != 1:
        raise ConfigError(
            f"expected {env_id} to observe a vector, got {seen}; wrap it in gymnasium.wrappers.FlattenObservation or in one of your own"
        )
    limit = _time_limit(simulator)
    if limit is None:
        raise ConfigError(f"expected {env_id} to have a time limit, got none; wrap it in gymnasium.wrappers.TimeLimit")
    seen_bounds = (tuple(map(float, seen.low)), tuple(map(float, seen.high)))
    if isinstance(acted, gymnasium.spaces.Discrete):
        if acted.start != 0:
            raise ConfigError(f"expected actions 0 to n - 1 in {env_id}, got a first one of {acted.start}; shift them in a wrapper")
        return EnvironmentSpec(env_id, seen.shape[0], 0, int(acted.n), (), (), limit, *seen_bounds)
    if not isinstance(acted, gymnasium.spaces.Box) or len(acted.shape) != 1:
        raise ConfigError(f"expected {env_id} to act by a vector or an index, got {acted}; flatten it in a wrapper")
    if not np.all(np.isfinite(acted.low) & np.isfinite(acted.high)):
        raise ConfigError(
            f"expected finite bounds of the actions of {env_id}, got {acted}; wrap it in gymnasium.wrappers.RescaleAction or ClipAction"
        )
    bounds = (tuple(map(float, acted.low)), tuple(map(float, acted.high)))
    return EnvironmentSpec(env_id, seen.shape[0], acted.shape[0], 0, *bounds, limit, *seen_bounds)


def _time_limit(simulator: gymnasium.Env) -> int | None:
    """Of the registered environment, or of the ``TimeLimit`` that it is wrapped in."""
    registered = None if simulator.spec is None else simulator.spec.max_episode_steps
    if registered is None and simulator.has_wrapper_attr("_max_episode_steps"):
        return simulator.get_wrapper_attr("_max_episode_steps")
    return registered


def _of(index: int, what: str, error: Exception) -> SimulatorError:
    check = "the environment" if what == "reset" else "the action and the environment"
    return SimulatorError(f"expected {what} of simulator {index} to go on, got {type(error).__name__}: {error}; check {check}")


def _described(given: Any) -> str:
    if isinstance(given, tuple):
        return f"a tuple of {len(given)}"
    value = np.asarray(given)
    return f"an array of shape {value.shape}" if value.shape else f"{type(given).__name__} {given!r}"
