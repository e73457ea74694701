"""What a batch of simulators on the host offers: one reset, one step for all of them. No jax here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from triality.specs import EnvironmentSpec


class StepResult(NamedTuple):
    """What one step of every running simulator gave; rows of the others hold what they held before, with reward 0.

    Fields:
        observation: after the step.
        reward: the environment's own.
        terminated: it ended here. A time limit is no termination.
        truncated: a limit of the simulator's own cut here.
    """

    observation: Float[np.ndarray, "n obs"]
    reward: Float[np.ndarray, " n"]
    terminated: Bool[np.ndarray, " n"]
    truncated: Bool[np.ndarray, " n"]


@runtime_checkable
class SimulatorBatch(Protocol):
    """``num`` simulators of one task. Whoever makes one closes it."""

    @property
    def spec(self) -> EnvironmentSpec:
        """Sizes, bounds and time limit."""
        ...

    @property
    def num(self) -> int:
        """n."""
        ...

    def reset(self, seeds: Sequence[int | None]) -> Float[np.ndarray, "n obs"]:
        """A start for each simulator, which its seed determines; ``None`` goes on with the simulator's own randomness."""
        ...

    def restart(self, which: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n obs"]:
        """A new start, by the simulator's own randomness, for those of ``which``; what all of them observe then."""
        ...

    def step(self, actions: np.ndarray, running: Bool[np.ndarray, " n"]) -> StepResult:
        """One step of those that are ``running``, by actions (n, act) or (n,) of integers, as the simulator takes them."""
        ...

    def close(self) -> None:
        """Gives back what the simulators hold."""
        ...
