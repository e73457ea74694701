"""Where log Z comes from while an energy is learned: a parameter with a learning rate of its own, or solved anew on every minibatch.

Both have the same fixed point for the discriminator's loss, the acceptance ratio (fact 1). A learned one averages over minibatches, and
lags; a solved one is exact on a minibatch, and as noisy as that. Neither is what to report in the end: estimate log Z on fresh samples.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from triality.energy import Conditional, Constant, UnnormalizedDensity
from triality.partition.acceptance_ratio import solve_log_z
from triality.sampler import Samples

LogZ = Constant | Conditional


@runtime_checkable
class LogZRule(Protocol):
    """``init`` makes what it remembers, ``place`` sets log Z before a gradient is taken, ``update`` moves it along that gradient."""

    def init(self, log_z: LogZ) -> PyTree: ...

    def place(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> UnnormalizedDensity: ...

    def update(self, memory: PyTree, log_z: LogZ, gradient: Any) -> tuple[LogZ, PyTree]: ...


class LearnedLogZ(eqx.Module):
    """A parameter, moved by Adam along the objective's own gradient; one that an objective does not read stays where it is.

    Args:
        learning_rate: nats a step, at most.
    """

    learning_rate: Float[Array, ""] = eqx.field(default=1e-2, converter=jnp.asarray)

    def init(self, log_z: LogZ) -> PyTree:
        return self._optimizer().init(eqx.filter(log_z, eqx.is_inexact_array))

    def place(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> UnnormalizedDensity:
        del data, drawn
        return density

    def update(self, memory: PyTree, log_z: LogZ, gradient: Any) -> tuple[LogZ, PyTree]:
        updates, memory = self._optimizer().update(gradient, memory)
        return eqx.apply_updates(log_z, updates), memory

    def _optimizer(self) -> optax.GradientTransformation:
        return optax.chain(optax.scale_by_adam(), optax.scale(-1.0 * self.learning_rate))


class SolvedLogZ(eqx.Module):
    """The acceptance ratio of the minibatch (D2), held fixed in the gradient."""

    def init(self, log_z: LogZ) -> PyTree:
        del log_z
        return ()

    def place(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> UnnormalizedDensity:
        on_data, on_drawn = (-jax.vmap(density.energy)(side.x) - side.log_q for side in (data, drawn))
        solved = solve_log_z(on_data, on_drawn, data.log_weight, drawn.log_weight)
        return UnnormalizedDensity(density.energy, Constant(jax.lax.stop_gradient(solved)))

    def update(self, memory: PyTree, log_z: LogZ, gradient: Any) -> tuple[LogZ, PyTree]:
        del gradient
        return log_z, memory
