"""What is written down while simulators run, step by step, and the padded rows that come of it. No jax here."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from triality.specs import EnvironmentSpec


class Rows(NamedTuple):
    """Padded episodes, one a row: the fields of ``Trajectory`` in its order, as numpy arrays, without the index of the start."""

    observation: Float[np.ndarray, "n time_plus_1 obs"]
    action: Float[np.ndarray, "n time act"] | Int[np.ndarray, "n time"]
    log_prob: Float[np.ndarray, "n time"]
    mask: Bool[np.ndarray, "n time"]
    terminated: Bool[np.ndarray, "n time"]
    truncated: Bool[np.ndarray, "n time"]
    reward: Float[np.ndarray, "n time"]


class Record(NamedTuple):
    """The same while it is written: leading axes (time, n), filled in place."""

    observation: Float[np.ndarray, "time_plus_1 n obs"]
    action: Float[np.ndarray, "time n act"] | Int[np.ndarray, "time n"]
    log_prob: Float[np.ndarray, "time n"]
    mask: Bool[np.ndarray, "time n"]
    terminated: Bool[np.ndarray, "time n"]
    truncated: Bool[np.ndarray, "time n"]
    reward: Float[np.ndarray, "time n"]

    @classmethod
    def empty(cls, horizon: int, num: int, spec: EnvironmentSpec, dtype: np.dtype) -> Record:
        """Zeros for ``num`` rows of ``horizon`` steps; ``dtype`` of all that is no count and no flag."""
        shape = (horizon, num)
        action = np.zeros(shape, int) if spec.is_discrete else np.zeros((*shape, spec.action_size), dtype)
        observation = np.zeros((horizon + 1, num, spec.observation_size), dtype)
        mask, terminated, truncated = (np.zeros(shape, bool) for _ in range(3))
        return cls(observation, action, np.zeros(shape, dtype), mask, terminated, truncated, np.zeros(shape, dtype))

    def endless(self) -> Record:
        """The same where an absorbing state goes on after every end: nothing is padding, and nothing terminates."""
        return self._replace(
            mask=np.ones_like(self.mask), terminated=np.zeros_like(self.terminated), truncated=np.zeros_like(self.truncated)
        )

    def rows(self, running: Bool[np.ndarray, " n"]) -> Rows:
        """Rows first. What is still ``running`` at the horizon was cut there; log-probabilities of padding are zero.

        Example:
            >>> two = EnvironmentSpec("Two-v0", 1, num_actions=2)
            >>> rows = Record.empty(3, 2, two, np.dtype(float)).rows(np.array([True, False]))
            >>> rows.observation.shape, rows.truncated[:, -1].tolist()
            ((2, 4, 1), [True, False])
        """
        self.truncated[-1] |= running
        fields = self._replace(log_prob=np.where(self.mask, self.log_prob, 0.0))
        return Rows(*(np.ascontiguousarray(np.moveaxis(leaf, 0, 1)) for leaf in fields))
