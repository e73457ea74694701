"""Steps that a policy made, flat and in float64: the coverage that sampled distances average over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from triality.errors import DataError
from triality.trajectory import Trajectory

BatchCost = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(n, obs), (n, act) or (n,), (n, obs) to (n,): the cost of many steps, low = likely."""


class Steps(NamedTuple):
    """Transitions of whole episodes, padding left out.

    Fields:
        observation: x.
        action: u.
        after: x'.
        episode: which episode a step belongs to, 0, 1, 2, ...; these are what intervals resample.
        cost: minus the environment's own reward.
    """

    observation: Float[np.ndarray, "n obs"]
    action: Shaped[np.ndarray, "n ..."]
    after: Float[np.ndarray, "n obs"]
    episode: Int[np.ndarray, " n"]
    cost: Float[np.ndarray, " n"]

    @classmethod
    def of(cls, batches: Sequence[Trajectory]) -> Steps:
        """All real steps of some batches of episodes.

        Raises:
            DataError: there are none, or observations of different sizes.
        """
        sizes = {batch.observation.shape[-1] for batch in batches}
        if len(sizes) != 1:
            raise DataError(f"expected episodes of one environment, got observations of sizes {sorted(sizes)}; collect them in one")
        parts, first = [], 0
        for batch in batches:
            parts.append(_flat(batch, first))
            first += batch.mask.shape[0]
        steps = cls(*(np.concatenate(leaves) for leaves in zip(*parts, strict=True)))
        if not len(steps.cost):
            raise DataError("expected at least one real step, got padding alone; collect longer episodes")
        return steps

    def thinned(self, num: int, seed: int = 0) -> Steps:
        """At most ``num`` of the steps, drawn without replacement and kept in order."""
        if len(self.cost) <= num:
            return self
        kept = np.sort(np.random.default_rng(seed).choice(len(self.cost), num, replace=False))
        return Steps(*(leaf[kept] for leaf in self))


@dataclass(frozen=True, eq=False)
class PotentialClass:
    """phi(x): the coordinates that vary, standardized, and waves cos(w . z + b) of random direction; h = v . phi.

    On one-hot observations the coordinates alone are every function of the state. Elsewhere the waves approximate smooth ones
    (Rahimi and Recht 2007).

    Args:
        mean: of the coordinates.
        scale: their spread; infinite where a coordinate never varies, so that it counts as zero.
        directions: w.
        phases: b.
    """

    mean: Float[np.ndarray, " obs"]
    scale: Float[np.ndarray, " obs"]
    directions: Float[np.ndarray, "obs waves"]
    phases: Float[np.ndarray, " waves"]

    @classmethod
    def fitted(cls, observation: Float[np.ndarray, "n obs"], num_waves: int = 64, seed: int = 0) -> PotentialClass:
        """To the scale of these observations.

        Example:
            >>> PotentialClass.fitted(np.array([[0.0, 7.0], [2.0, 7.0]]), num_waves=0)(np.array([[4.0, 7.0]])).tolist()
            [[3.0, 0.0]]
        """
        spread, draw = observation.std(axis=0), np.random.default_rng(seed)
        varies = spread > 1e-9 * np.maximum(1.0, np.abs(observation).max(axis=0))
        directions = draw.normal(size=(observation.shape[1], num_waves)) / np.sqrt(max(1, varies.sum()))
        return cls(observation.mean(axis=0), np.where(varies, spread, np.inf), directions, draw.uniform(0.0, 2.0 * np.pi, num_waves))

    def __call__(self, observation: Float[np.ndarray, "n obs"]) -> Float[np.ndarray, "n features"]:
        """One row an observation."""
        scaled = (observation - self.mean) / self.scale
        return np.concatenate([scaled, np.cos(scaled @ self.directions + self.phases)], axis=1)

    def shaping(self, steps: Steps, discount: float) -> Float[np.ndarray, "n features"]:
        """phi(x) - gamma phi(x'): what potential shaping adds to a cost."""
        return self(steps.observation) - discount * self(steps.after)


def _flat(batch: Trajectory, first: int) -> tuple[np.ndarray, ...]:
    mask = np.asarray(batch.mask)
    observation, action = np.asarray(batch.observation, np.float64), np.asarray(batch.action)
    action = action if np.issubdtype(action.dtype, np.integer) else action.astype(np.float64)
    episode = np.broadcast_to(first + np.arange(len(mask))[:, None], mask.shape)
    return observation[:, :-1][mask], action[mask], observation[:, 1:][mask], episode[mask], -np.asarray(batch.reward, np.float64)[mask]
