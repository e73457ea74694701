"""What is written down while simulators run, step by step, and the padded trajectories that come of it."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from triality.specs import EnvironmentSpec
from triality.trajectory import Trajectory


class Record(NamedTuple):
    """The fields of ``Trajectory`` as numpy arrays with leading axes (time, n), filled in place."""

    observation: Float[np.ndarray, "time_plus_1 n obs"]
    action: Float[np.ndarray, "time n act"] | Int[np.ndarray, "time n"]
    log_prob: Float[np.ndarray, "time n"]
    mask: Bool[np.ndarray, "time n"]
    terminated: Bool[np.ndarray, "time n"]
    truncated: Bool[np.ndarray, "time n"]
    reward: Float[np.ndarray, "time n"]

    @classmethod
    def empty(cls, horizon: int, num: int, spec: EnvironmentSpec) -> Record:
        """Zeros for ``num`` rows of ``horizon`` steps."""
        number, shape = jnp.zeros(()).dtype, (horizon, num)
        action = np.zeros(shape, int) if spec.is_discrete else np.zeros((*shape, spec.action_size), number)
        observation = np.zeros((horizon + 1, num, spec.observation_size), number)
        mask, terminated, truncated = (np.zeros(shape, bool) for _ in range(3))
        return cls(observation, action, np.zeros(shape, number), mask, terminated, truncated, np.zeros(shape, number))

    def endless(self) -> Record:
        """The same where an absorbing state goes on after every end: nothing is padding, and nothing terminates."""
        return self._replace(
            mask=np.ones_like(self.mask), terminated=np.zeros_like(self.terminated), truncated=np.zeros_like(self.truncated)
        )

    def trajectories(self, running: Bool[np.ndarray, " n"]) -> Trajectory:
        """Rows first. What is still ``running`` at the horizon was cut there; log-probabilities of padding are zero."""
        self.truncated[-1] |= running
        fields = self._replace(log_prob=np.where(self.mask, self.log_prob, 0.0))
        return Trajectory(*(jnp.asarray(np.moveaxis(leaf, 0, 1)) for leaf in fields), start=jnp.zeros(len(running), int))
