"""Regions of the state space: what is said of a cost is said of each apart, since it holds where somebody went.

Where few observations differ (a table, one-hot), each is a region. Elsewhere the regions are cells of k-means on the coordinates in units
of their spread (Lloyd 1982, begun at points far from each other). They are in order of the demonstrations' visits, most visited first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from triality.errors import ConfigError, DataError

MOST_DISTINCT = 64
"""Observations that differ, up to which each is its own region."""
NUM_ROUNDS, MOST_POINTS = 30, 5_000


class Regions(NamedTuple):
    """Centers of regions; a state belongs to the nearest.

    Fields:
        centers: in the units of the observation.
        scale: of each coordinate; infinite where it never varies.
        is_exact: whether each distinct observation is a region.
    """

    centers: Float[np.ndarray, "regions obs"]
    scale: Float[np.ndarray, " obs"]
    is_exact: bool

    @classmethod
    def fitted(cls, data: Float[np.ndarray, "n obs"], drawn: Float[np.ndarray, "m obs"], num_regions: int = 8, seed: int = 0) -> Regions:
        """To the observations of both sides.

        Args:
            data: of the demonstrations; their visits order the regions.
            drawn: of the roll-outs.
            num_regions: how many, where observations are continuous.
            seed: of the first centers.

        Raises:
            ConfigError: no region.
            DataError: no observation on either side.

        Example:
            >>> found = Regions.fitted(np.array([[1.0], [1.0], [0.0]]), np.array([[2.0]]))
            >>> found.centers.tolist(), found.of(np.array([[0.1], [5.0]])).tolist()
            ([[1.0], [0.0], [2.0]], [1, 2])
        """
        if num_regions < 1:
            raise ConfigError(f"expected at least 1 region, got {num_regions}; 8 are readable")
        if not len(data) or not len(drawn):
            raise DataError(f"expected observations on both sides, got {len(data)} and {len(drawn)}; collect some")
        both = np.concatenate([data, drawn])
        spread, distinct = both.std(axis=0), np.unique(both, axis=0)
        scale = np.where(spread > 1e-9 * np.maximum(1.0, np.abs(both).max(axis=0)), spread, np.inf)
        is_exact = len(distinct) <= MOST_DISTINCT
        centers = distinct if is_exact else _means(both, scale, num_regions, seed)
        found = cls(centers, scale, is_exact)
        order = np.argsort(-found.shares(data), kind="stable")
        return found._replace(centers=centers[order])

    def of(self, observation: Float[np.ndarray, "n obs"]) -> Int[np.ndarray, " n"]:
        """The region of each observation."""
        scaled, centers = observation / self.scale, self.centers / self.scale
        return np.argmin(np.sum(centers**2, axis=1) - 2.0 * scaled @ centers.T, axis=1)

    def shares(self, observation: Float[np.ndarray, "n obs"]) -> Float[np.ndarray, " regions"]:
        """Which part of the observations lies in each."""
        return np.bincount(self.of(observation), minlength=len(self.centers)) / len(observation)


def _means(points: np.ndarray, scale: np.ndarray, num_regions: int, seed: int) -> np.ndarray:
    """k-means; a center that loses all its points stays where it is."""
    draw = np.random.default_rng(seed)
    some = points[draw.permutation(len(points))[:MOST_POINTS]]
    scaled, chosen = some / scale, [int(draw.integers(len(some)))]
    distance = np.full(len(some), np.inf)
    for _ in range(num_regions - 1):
        distance = np.minimum(distance, np.sum((scaled - scaled[chosen[-1]]) ** 2, axis=1))
        chosen.append(int(draw.choice(len(some), p=distance / distance.sum())))
    centers = some[chosen]
    for _ in range(NUM_ROUNDS):
        labels = Regions(centers, scale, False).of(some)
        centers = np.stack([some[labels == k].mean(axis=0) if np.any(labels == k) else centers[k] for k in range(num_regions)])
    return centers
