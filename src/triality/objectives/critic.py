"""Objectives of a critic, as objectives of an energy: f(x) = -E(x), positive where x looks like data.

Neither log Z nor log q has a part in it. What comes out of an ordinary GAN this way is log p - log q, not an energy (7.3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, PyTree

from triality.energy import UnnormalizedDensity
from triality.sampler import Samples

Critic = Callable[[PyTree], Float[Array, ""]]


class OfCritic(eqx.Module):
    """``objective`` of the critic -E.

    Args:
        objective: called as ``objective(critic, data, drawn)``; ``FreeDiscriminatorLoss``, ``FreeFDivergenceLoss`` or ``WassersteinLoss``.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.energy import Constant
        >>> from triality.objectives.wasserstein import WassersteinLoss
        >>> data, drawn = (Samples.unweighted(jnp.array(x), jnp.zeros(len(x))) for x in ([3.0, 5.0], [1.0]))
        >>> loss, _ = OfCritic(WassersteinLoss())(UnnormalizedDensity(lambda x: -x, Constant(jnp.zeros(()))), data, drawn)
        >>> float(loss)
        -3.0
    """

    objective: Callable[[Critic, Samples, Samples], tuple[Float[Array, ""], Any]]

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], Any]:
        return self.objective(lambda x: -density.energy(x), data, drawn)
