"""Demonstrations in memory: numpy arrays of all steps in a row, cut into trajectories by their lengths. Imports no jax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from triality.data.columns import COLUMNS, convert_columns, name_problems
from triality.errors import DataError


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """Recorded trajectories, checked when they are made: whoever holds one holds valid data.

    Args:
        observations: what was seen before each action.
        actions: integers (discrete) or floats with a second axis (continuous), as they were given to the environment.
        lengths: number of steps of each trajectory; they add up to N.
        rewards: the environment's own reward, for evaluation only.
        next_observations: what was seen after each action.
        terminated: the environment ended at this step.
        truncated: the time limit cut at this step.
        log_prob: log density of each action, as stored here, under the policy that drew it, in nats.
        weights: weight of each trajectory; all equal where absent.
        meta: anything about where the data came from; values that JSON can hold.

    Raises:
        DataError: wrong shapes or types, NaN or infinities, empty data, lengths that do not fit; all that is wrong is listed.

    Example:
        >>> demos = Demonstrations(np.zeros((3, 2)), np.array([0, 1, 0]), np.array([2, 1]), rewards=np.array([1.0, 2.0, 5.0]))
        >>> demos.num_trajectories, demos.returns().tolist(), demos.is_discrete
        (2, [3.0, 5.0], True)
    """

    observations: Float[np.ndarray, "steps obs"]
    actions: Float[np.ndarray, "steps act"] | Int[np.ndarray, " steps"]
    lengths: Int[np.ndarray, " trajectories"]
    rewards: Float[np.ndarray, " steps"] | None = None
    next_observations: Float[np.ndarray, "steps obs"] | None = None
    terminated: Bool[np.ndarray, " steps"] | None = None
    truncated: Bool[np.ndarray, " steps"] | None = None
    log_prob: Float[np.ndarray, " steps"] | None = None
    weights: Float[np.ndarray, " trajectories"] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        converted, problems = convert_columns({name: np.asarray(array) for name, array in self.columns().items()})
        if problems:
            raise DataError(problem_report("demonstrations", problems))
        for name, array in converted.items():
            object.__setattr__(self, name, array)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> Demonstrations:
        """Demonstrations from anything that numpy can take as an array, by the names of the fields.

        Widening that loses nothing is done (integers or float16 to float32, 0 and 1 to booleans); all else is refused.

        Raises:
            DataError: a required array is missing, a name is unknown, or what the class refuses.

        Example:
            >>> Demonstrations.from_arrays({"observations": [[0], [1]], "actions": [1, 0], "lengths": [2]}).observations.dtype
            dtype('float32')
        """
        problems = name_problems(arrays)
        known = {name: np.asarray(array) for name, array in arrays.items() if name in COLUMNS}
        converted, column_problems = convert_columns(known)
        if problems or column_problems:
            raise DataError(problem_report("demonstrations", problems + column_problems))
        return cls(**converted, meta={} if meta is None else meta)

    def columns(self) -> dict[str, np.ndarray]:
        """The arrays that are there, by name, in the order of the file format."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name in COLUMNS}
        return {name: array for name, array in values.items() if array is not None}

    @property
    def num_trajectories(self) -> int:
        """E."""
        return len(self.lengths)

    @property
    def num_steps(self) -> int:
        """N, the steps of all trajectories together."""
        return len(self.observations)

    @property
    def is_discrete(self) -> bool:
        """Whether actions are indices."""
        return self.actions.ndim == 1

    @property
    def log_weights(self) -> Float[np.ndarray, " trajectories"]:
        """log of each trajectory's weight: 0 where there are no weights, -inf where the weight is zero. What ``Samples`` takes."""
        if self.weights is None:
            return np.zeros(self.num_trajectories, np.float32)
        with np.errstate(divide="ignore"):
            return np.log(self.weights)

    def returns(self) -> Float[np.ndarray, " trajectories"]:
        """Undiscounted sum of the environment's rewards of each trajectory, in float64.

        Raises:
            DataError: the rewards were not recorded.
        """
        if self.rewards is None:
            raise DataError("expected demonstrations with rewards, got none; record them, or compare without a return")
        return np.add.reduceat(self.rewards.astype(np.float64), self._starts())

    def take(self, indices: Sequence[int] | Int[np.ndarray, " chosen"]) -> Demonstrations:
        """The trajectories of these indices, in this order."""
        starts = self._starts()
        steps = np.concatenate([np.arange(starts[i], starts[i] + self.lengths[i]) for i in indices])
        rows = {"step": steps, "trajectory": np.asarray(indices)}
        return Demonstrations(**{name: array[rows[COLUMNS[name].rows]] for name, array in self.columns().items()}, meta=self.meta)

    def split(self) -> list[Demonstrations]:
        """One record a trajectory."""
        return [self.take([index]) for index in range(self.num_trajectories)]

    def select(self, num: int, seed: int) -> Demonstrations:
        """The first ``num`` trajectories of a permutation that ``seed`` fixes: a smaller choice is the beginning of a larger one.

        Raises:
            DataError: there are fewer than ``num``, or ``num`` is below 1.
        """
        if not 1 <= num <= self.num_trajectories:
            raise DataError(f"expected 1 to {self.num_trajectories} demonstrations to select, got {num}; ask for as many as there are")
        return self.take(np.random.default_rng(seed).permutation(self.num_trajectories)[:num])

    def _starts(self) -> Int[np.ndarray, " trajectories"]:
        return np.cumsum(self.lengths) - self.lengths


def problem_report(source: str, problems: Sequence[str]) -> str:
    """One message for one problem, a list for several."""
    if len(problems) == 1:
        return f"{source}: {problems[0]}"
    return f"{source}: {len(problems)} problems\n  - " + "\n  - ".join(problems)
