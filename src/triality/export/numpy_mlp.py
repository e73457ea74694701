"""Multilayer perceptrons and the scaling of their inputs, in numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from triality.errors import StorageError
from triality.export.saved import REMEDY, Saved

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"tanh": np.tanh}
"""What a perceptron's activation is called in the description."""


@dataclass(frozen=True, eq=False)
class NumpyMLP:
    """x -> f(x W_1 + b_1) ... W_n (+ b_n): the last layer is linear, and has a bias or has none.

    Args:
        weights: of shape (inputs, outputs) each.
        biases: one a layer, or one fewer where the last layer has none.
        activation: between layers.

    Example:
        >>> net = NumpyMLP([np.array([[2.0]]), np.array([[3.0]])], [np.array([1.0])], np.tanh)
        >>> float(net(np.array([[0.0]]))[0, 0].round(4)), round(3 * float(np.tanh(1.0)), 4)
        (2.2848, 2.2848)
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    activation: Callable[[np.ndarray], np.ndarray]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(..., inputs) to (..., outputs)."""
        for weight, bias in zip(self.weights[:-1], self.biases, strict=False):
            x = self.activation(x @ weight + bias)
        x = x @ self.weights[-1]
        return x + self.biases[-1] if len(self.biases) == len(self.weights) else x


@dataclass(frozen=True, eq=False)
class NumpyScaling:
    """(observation - mean) / scale."""

    mean: np.ndarray
    scale: np.ndarray

    def __call__(self, observation: np.ndarray) -> np.ndarray:
        """(..., obs) to (..., obs)."""
        return (observation - self.mean) / self.scale


def read_mlp(saved: Saved, prefix: str, num_inputs: int, num_outputs: int) -> NumpyMLP:
    """The perceptron whose arrays are ``prefix.weights.i`` and ``prefix.biases.i``, its sizes as ``prefix`` lists them.

    Raises:
        StorageError: sizes, arrays or activation do not fit together.
    """
    layers = saved.description.get(prefix)
    sizes = layers.get("sizes") if isinstance(layers, dict) else None
    if not isinstance(sizes, list) or not all(isinstance(size, int) and size > 0 for size in sizes) or len(sizes) < 2:
        raise StorageError(f"{saved.path}: expected '{prefix}' to list the sizes of its layers, got {layers!r}; {REMEDY}")
    assert isinstance(layers, dict)
    if (sizes[0], sizes[-1]) != (num_inputs, num_outputs):
        raise StorageError(f"{saved.path}: expected '{prefix}' from {num_inputs} to {num_outputs} numbers, got sizes {sizes}; {REMEDY}")
    name = layers.get("activation")
    if name not in ACTIVATIONS:
        raise StorageError(f"{saved.path}: expected an activation among {', '.join(ACTIVATIONS)}, got {name!r}; {REMEDY}")
    num_biases = len(sizes) - (1 if layers.get("output_bias") else 2)
    weights = [saved.array(f"{prefix}.weights.{i}", sizes[i : i + 2]) for i in range(len(sizes) - 1)]
    biases = [saved.array(f"{prefix}.biases.{i}", sizes[i + 1 : i + 2]) for i in range(num_biases)]
    return NumpyMLP(weights, biases, ACTIVATIONS[name])


def read_scaling(saved: Saved, size: int) -> NumpyScaling:
    """The scaling of observations of that size."""
    return NumpyScaling(saved.array("scaling.mean", (size,)), saved.array("scaling.scale", (size,)))
