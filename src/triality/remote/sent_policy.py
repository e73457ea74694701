"""A policy as it travels to an actor: its description and its parameters as numpy arrays, and which policy it is. No jax here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from triality.export.numpy_laws import Law
from triality.export.numpy_policy import read_law
from triality.export.saved import Saved

PLACE = Path("the policy that was sent")
"""What an error names in the place of a file."""


class Label(NamedTuple):
    """Which policy it is.

    Fields:
        run: tells runs on the same actors apart, such as seeds.
        index: iterations of the run that made it; only that many were done before it acts.
    """

    run: int
    index: int


class SentPolicy(NamedTuple):
    """The same description and arrays as ``triality export`` writes, so that there is one reader of them.

    Fields:
        label: which policy.
        description: kind and sizes.
        arrays: parameters by name, all of one floating type.

    Example:
        >>> description = {"kind": "categorical", "observation_size": 1, "num_actions": 2, "net": {"sizes": [1, 2], "activation": "tanh"}}
        >>> arrays = {"net.weights.0": np.log([[3.0, 1.0]]), "scaling.mean": np.zeros(1), "scaling.scale": np.ones(1)}
        >>> law = SentPolicy(Label(0, 0), description, arrays).law()
        >>> float(np.exp(law.log_prob(np.ones((1, 1)), np.array([0])))[0].round(4))
        0.75
    """

    label: Label
    description: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def law(self) -> Law:
        """Of the action given the observation, in numpy.

        Raises:
            StorageError: description and arrays do not fit together.
        """
        return read_law(Saved(PLACE, self.description, self.arrays))

    @property
    def dtype(self) -> np.dtype:
        """Of the arithmetic."""
        return next(iter(self.arrays.values())).dtype

    @property
    def num_bytes(self) -> int:
        """Of the parameters: what goes to each machine once an iteration."""
        return sum(array.nbytes for array in self.arrays.values())
