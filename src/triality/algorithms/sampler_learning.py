"""A sampler of a given energy: no data, only exp(-E) and a generator that learns to be a good proposal for it.

    repeat: phi <- one Adam step down the generator's gradient on the frozen density

With the reverse KL it seeks modes, and drops those it does not begin near; with annealed draws under their weights
(``AnnealedLikelihood``) it looks for them. What it is worth is told by the importance-sampled log Z and its effective sample size; both are
blind to a mode that nothing visits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from triality.algorithms.likelihood_learning import all_finite, clipped_adam
from triality.energies.sum import frozen
from triality.energy import Constant, Energy, UnnormalizedDensity
from triality.sampler import AbstractSampler, Samples
from triality.updates.sampler.gradient import SamplerGradient


class SamplerState(NamedTuple):
    """What the next step needs."""

    sampler: AbstractSampler[Any]
    optimizer: PyTree
    key: Key[Array, ""]
    iteration: Int[Array, ""]


class SamplerMetrics(NamedTuple):
    """Never needed next.

    Fields:
        scalar: what the gradient is the derivative of; whether it means anything is the gradient's to say.
        is_finite: whether all parameters are finite after the step; a step that would make them something else is left out.
    """

    scalar: Float[Array, ""]
    is_finite: Bool[Array, ""]


class SamplerLearning(eqx.Module):
    """Adam with gradients clipped by their norm; a step whose gradient is not finite is left out, as a walk can run off.

    Args:
        energy: E, in nats, with respect to the measure of the sampler.
        gradient: how the generator improves; one that reads data is of no use here.
        learning_rate: Adam step.
        max_gradient_norm: where the gradient is clipped.

    Example:
        >>> from triality.run import run
        >>> from triality.samplers.gaussian import Gaussian
        >>> from triality.updates.sampler.reparameterized import PathGradient
        >>> learning = SamplerLearning(lambda x: 0.5 * jnp.sum((x - 2.0) ** 2), PathGradient(64), learning_rate=0.05)
        >>> state = learning.init(jax.random.key(0), Gaussian(jnp.zeros(1), jnp.zeros(1)))
        >>> state, _, _ = jax.jit(lambda s: run(learning, s, 1, 300))(state)
        >>> bool(abs(state.sampler.mean[0] - 2.0) < 0.1)
        True
    """

    energy: Energy[Any]
    gradient: SamplerGradient
    learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    max_gradient_norm: Float[Array, ""] = eqx.field(default=10.0, converter=jnp.asarray)

    def init(self, key: Key[Array, ""], sampler: AbstractSampler[Any]) -> SamplerState:
        """A first state."""
        optimizer = self._adam().init(eqx.filter(sampler, eqx.is_inexact_array))
        return SamplerState(sampler, optimizer, key, jnp.zeros((), jnp.int32))

    def step(self, state: SamplerState) -> tuple[SamplerState, SamplerMetrics]:
        """One step."""
        key, key_gradient = jax.random.split(state.key)
        density = frozen(UnnormalizedDensity(self.energy, Constant(jnp.zeros(()))))
        none = Samples.unweighted(jnp.zeros((1, 1)), jnp.zeros(1))
        scalar, gradient = eqx.filter_value_and_grad(lambda q: self.gradient(key_gradient, q, density, none))(state.sampler)
        updates, optimizer = self._adam().update(gradient, state.optimizer)
        usable = all_finite(gradient)
        after = (eqx.apply_updates(state.sampler, updates), optimizer)
        sampler, optimizer = jax.tree.map(
            lambda new, old: jnp.where(usable, new, old) if eqx.is_array(new) else new, after, (state.sampler, state.optimizer)
        )
        return SamplerState(sampler, optimizer, key, state.iteration + 1), SamplerMetrics(scalar, all_finite(sampler))

    def _adam(self) -> optax.GradientTransformation:
        return clipped_adam(self.learning_rate, self.max_gradient_norm)
