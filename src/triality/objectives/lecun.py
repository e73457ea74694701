"""The losses of LeCun et al. (2006, table 1), on the energy of the right answer and of the most offending one.

Here the right answer is a datum and the offending one a drawn sample, pair by pair. E_c correct, E_i incorrect, m margin:

| function | loss |
|---|---|
| ``perceptron`` | E_c - min(E_c, E_i) = max(0, E_c - E_i) |
| ``hinge`` | max(0, m + E_c - E_i) |
| ``log_loss`` | log(1 + exp(E_c - E_i)) |
| ``square_square`` | E_c^2 + max(0, m - E_i)^2 |
| ``minimum_classification_error`` | sigmoid(E_c - E_i) |

All but the perceptron push the two apart; the perceptron is content with a tie, so that a constant energy has loss zero.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.energy import UnnormalizedDensity
from triality.numerics import weighted_mean
from triality.objectives.contrastive import ContrastiveMetrics
from triality.objectives.masking import filled
from triality.sampler import Samples

Pairwise = Callable[[Float[Array, " n"], Float[Array, " n"]], Float[Array, " n"]]


def perceptron(correct: Float[Array, " n"], incorrect: Float[Array, " n"]) -> Float[Array, " n"]:
    """max(0, E_c - E_i), per pair."""
    return jax.nn.relu(correct - incorrect)


def hinge(correct: Float[Array, " n"], incorrect: Float[Array, " n"], margin: float = 1.0) -> Float[Array, " n"]:
    """max(0, m + E_c - E_i), per pair; the perceptron at margin zero."""
    return jax.nn.relu(margin + correct - incorrect)


def log_loss(correct: Float[Array, " n"], incorrect: Float[Array, " n"]) -> Float[Array, " n"]:
    """log(1 + exp(E_c - E_i)), per pair: a soft hinge with an infinite margin."""
    return jax.nn.softplus(correct - incorrect)


def square_square(correct: Float[Array, " n"], incorrect: Float[Array, " n"], margin: float = 1.0) -> Float[Array, " n"]:
    """E_c^2 + max(0, m - E_i)^2, per pair; wants energies bounded below by zero."""
    return correct**2 + jax.nn.relu(margin - incorrect) ** 2


def minimum_classification_error(correct: Float[Array, " n"], incorrect: Float[Array, " n"]) -> Float[Array, " n"]:
    """sigmoid(E_c - E_i), per pair: a soft count of mistakes."""
    return jax.nn.sigmoid(correct - incorrect)


class PairwiseLoss(eqx.Module):
    """One of the losses above as an objective, over all pairs of a datum and a draw; log Z and log q have no part in it.

    Args:
        pairwise: (E_c, E_i) to the loss of each pair.
    """

    pairwise: Pairwise = eqx.field(static=True)

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], ContrastiveMetrics]:
        on_data, on_drawn, data, drawn = _energies(density, data, drawn)
        each = jax.vmap(lambda c: weighted_mean(self.pairwise(jnp.full_like(on_drawn, c), on_drawn), drawn.log_weight))(on_data)
        return weighted_mean(each, data.log_weight), _metrics(on_data, on_drawn, data, drawn)


class MostOffending(eqx.Module):
    """The same, each datum against the one draw of least energy, as the tutorial has it.

    Args:
        pairwise: (E_c, E_i) to the loss of each pair.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.energy import Constant
        >>> data, drawn = (Samples.unweighted(jnp.array(x), jnp.zeros(len(x))) for x in ([0.0], [3.0, 0.5]))
        >>> float(MostOffending(hinge)(UnnormalizedDensity(lambda x: x, Constant(0.0)), data, drawn)[0])
        0.5
    """

    pairwise: Pairwise = eqx.field(static=True)

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], ContrastiveMetrics]:
        on_data, on_drawn, data, drawn = _energies(density, data, drawn)
        each = self.pairwise(on_data, jnp.full_like(on_data, jnp.min(on_drawn)))
        return weighted_mean(each, data.log_weight), _metrics(on_data, on_drawn, data, drawn)


def _energies(density: UnnormalizedDensity, data: Samples, drawn: Samples):
    data, drawn = filled(data), filled(drawn)
    return jax.vmap(density.energy)(data.x), jax.vmap(density.energy)(drawn.x), data, drawn


def _metrics(on_data: Float[Array, " n"], on_drawn: Float[Array, " m"], data: Samples, drawn: Samples) -> ContrastiveMetrics:
    return ContrastiveMetrics(weighted_mean(on_data, data.log_weight), weighted_mean(on_drawn, drawn.log_weight))
