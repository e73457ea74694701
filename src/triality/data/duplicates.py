"""Demonstrations that are there more than once: they count more than once, and tell less than their number says. Imports no jax."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np
from jaxtyping import Float

from triality.data.demonstrations import Demonstrations

NEAR = 1e-4
"""Share of a coordinate's range over all steps up to which two values count as one: what rounding to five digits leaves."""
NUM_VIEWS = 4
MOST_NEIGHBORS = 100


def duplicate_fraction(demonstrations: Demonstrations) -> float:
    """Fraction of the trajectories that repeat an earlier one bit by bit: 0 where all differ.

    Example:
        >>> demos = Demonstrations(np.array([[1.0], [2.0], [1.0]]), np.zeros(3, int), np.ones(3, int))
        >>> round(duplicate_fraction(demos), 3)
        0.333
    """
    digests = set()
    for steps in _slices(demonstrations):
        digest = hashlib.blake2b(demonstrations.observations[steps].tobytes())
        digest.update(demonstrations.actions[steps].tobytes())
        digests.add((steps.stop - steps.start, digest.digest()))
    return 1.0 - len(digests) / demonstrations.num_trajectories


def near_duplicate_fraction(demonstrations: Demonstrations) -> float:
    """Fraction that repeat another one of the same length with every number within ``NEAR`` of its coordinate's range.

    Such are copies that were written with fewer digits, or in another type. All bit-by-bit repeats are among them.

    Only those are compared whose means under a few random signs lie as near as such copies' must, the nearest ``MOST_NEIGHBORS`` of them.

    Example:
        >>> demos = Demonstrations(np.array([[1.0], [2.0], [1.0 + 1e-6]]), np.zeros(3, int), np.ones(3, int))
        >>> duplicate_fraction(demos), round(near_duplicate_fraction(demos), 3)
        (0.0, 0.333)
    """
    lengths = defaultdict(list)
    for steps in _slices(demonstrations):
        lengths[steps.stop - steps.start].append(steps)
    scales = _range(demonstrations.observations), _range(demonstrations.actions)

    def numbers(steps: slice) -> Float[np.ndarray, " numbers"]:
        observations, actions = demonstrations.observations[steps] / scales[0], demonstrations.actions[steps] / scales[1]
        return np.concatenate([observations.ravel(), actions.ravel()]).astype(np.float64)

    repeated = sum(_repeats([numbers(steps) for steps in group]) for group in lengths.values() if len(group) > 1)
    return repeated / demonstrations.num_trajectories


def _repeats(trajectories: list[Float[np.ndarray, " numbers"]]) -> int:
    """How many are near one before them, in the order of their first view."""
    size = len(trajectories[0])
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (size, NUM_VIEWS)) / size
    views = np.stack([numbers @ signs for numbers in trajectories])
    order = np.argsort(views[:, 0], kind="stable")
    views, slack = views[order], NEAR * (1.0 + 1e-6)
    count = 0
    for place in range(1, len(order)):
        first = max(int(np.searchsorted(views[:, 0], views[place, 0] - slack)), place - MOST_NEIGHBORS)
        near = first + np.flatnonzero((np.abs(views[first:place] - views[place]) <= slack).all(axis=1))
        count += any(np.abs(trajectories[order[other]] - trajectories[order[place]]).max() <= NEAR for other in near[::-1])
    return count


def _range(values: np.ndarray) -> np.ndarray:
    """Greatest minus least value of each coordinate; 1 where they are equal, and for indices of actions, which are alike or not."""
    if values.ndim == 1:
        return np.ones(())
    spread = np.ptp(values.astype(np.float64), axis=0)
    return np.where(spread > 0, spread, 1.0)


def _slices(demonstrations: Demonstrations) -> list[slice]:
    ends = np.cumsum(demonstrations.lengths)
    return [slice(int(end - length), int(end)) for end, length in zip(ends, demonstrations.lengths, strict=True)]
