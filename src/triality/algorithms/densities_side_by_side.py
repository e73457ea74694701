"""Likelihood, energies and tilts of several settings in one program: ``density_estimation`` row by row.

Each function is its namesake there with rows in place of one: settings of the learning, and samplers and energies with a leading axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.algorithms.density_estimation import held_out_likelihood, validated
from triality.algorithms.side_by_side import ProgressOfRows, StageOfRows, begun_states, best_of_each
from triality.algorithms.stages import mean_log_prob
from triality.energy import Constant, UnnormalizedDensity
from triality.sampler import AbstractSampler, Samples, draw_in_pieces
from triality.settings import Settings


def fit_generators(
    settings: Settings,
    key: Key[Array, ""],
    samplers: AbstractSampler[Any],
    valid: Any,
    num_steps: int,
    chunk: int,
    progress: ProgressOfRows,
    name: str = "likelihood",
) -> StageOfRows:
    """Each sampler of greatest validation likelihood. Raises as ``progress`` decides."""
    value = _of_samplers(valid)
    states = begun_states(settings, lambda learning, sampler: learning.init(key, sampler), samplers)
    stage = best_of_each(settings, states, value, num_steps, chunk, name, progress)
    return stage._replace(best=stage.best.sampler, last=stage.last.sampler)


def fit_energies(
    settings: Settings,
    key: Key[Array, ""],
    energies: Any,
    samplers: AbstractSampler[Any],
    valid: Any,
    num_steps: int,
    chunk: int,
    progress: ProgressOfRows,
    num_drawn: int = 4096,
) -> StageOfRows:
    """Each pair of energy and generator of greatest validation likelihood of the energy. Raises as ``progress`` decides."""
    key_run, key_validate = jax.random.split(key)
    of_each = eqx.filter_jit(eqx.filter_vmap(lambda state: validated(key_validate, state.density, state.sampler, valid, num_drawn)))
    states = begun_states(settings, lambda learning, energy, sampler: learning.init(key_run, energy, sampler), energies, samplers)
    return best_of_each(settings, states, of_each, num_steps, chunk, "energy", progress)


def fit_energies_by_chains(
    settings: Settings,
    key: Key[Array, ""],
    energies: Any,
    samplers: AbstractSampler[Any],
    valid: Any,
    num_steps: int,
    chunk: int,
    progress: ProgressOfRows,
    num_drawn: int = 4096,
) -> StageOfRows:
    """Each energy by contrastive divergence, its sampler as it is. Raises as ``progress`` decides."""
    key_run, key_validate = jax.random.split(key)

    def value_of(energy: Any, sampler: AbstractSampler[Any]) -> Float[Array, ""]:
        return validated(key_validate, UnnormalizedDensity(energy, Constant(jnp.zeros(()))), sampler, valid, num_drawn)

    of_each = eqx.filter_jit(eqx.filter_vmap(value_of))
    states = begun_states(settings, lambda learning, energy: learning.init(key_run, energy), energies)
    return best_of_each(settings, states, lambda states: of_each(states.energy, samplers), num_steps, chunk, "energy", progress)


def fit_tilts(
    settings: Settings,
    key: Key[Array, ""],
    networks: Any,
    samplers: AbstractSampler[Any],
    valid: Any,
    num_steps: int,
    chunk: int,
    num_drawn: int,
    progress: ProgressOfRows,
) -> StageOfRows:
    """Each f of p(x) = q(x) exp(-f(x))/Z, its q frozen, with a stock of draws of its own. Raises as ``progress`` decides."""
    key_run, key_draw, key_validate = jax.random.split(key, 3)
    draws = eqx.filter_jit(eqx.filter_vmap(lambda sampler, key: draw_in_pieces(sampler, key, num_drawn).x, in_axes=(eqx.if_array(0), None)))
    of_samplers, judging = _of_samplers_alone(valid)(samplers), draws(samplers, key_validate)
    data = Samples.unweighted(valid, jnp.zeros(valid.shape[0]))

    def gain(energy: Any, drawn: Any) -> Float[Array, ""]:
        return held_out_likelihood(energy, data, Samples.unweighted(drawn, jnp.zeros(num_drawn)))

    of_each = eqx.filter_jit(eqx.filter_vmap(gain))
    states = begun_states(settings, lambda learning, network: learning.init(key_run, network), networks)
    return best_of_each(
        settings,
        states,
        lambda states: of_samplers + of_each(states.density.energy, judging),
        num_steps,
        chunk,
        "energy",
        progress,
        lambda done: draws(samplers, jax.random.fold_in(key_draw, done)),
    )


def fit_by_critics(
    settings: Settings,
    key: Key[Array, ""],
    samplers: AbstractSampler[Any],
    critic: Any,
    valid: Any,
    num_steps: int,
    chunk: int,
    progress: ProgressOfRows,
) -> StageOfRows:
    """Each generator of tokens by a critic of its own, all critics begun alike. Raises as ``progress`` decides."""
    states = begun_states(settings, lambda learning, sampler: learning.init(key, sampler, critic), samplers)
    return best_of_each(settings, states, _of_samplers(valid), num_steps, chunk, "critic", progress)


def _of_samplers(valid: Any) -> Callable[[Any], Array]:
    """Validation likelihood of the states' samplers."""
    alone = _of_samplers_alone(valid)
    return lambda states: alone(states.sampler)


def _of_samplers_alone(valid: Any) -> Callable[[Any], Array]:
    return eqx.filter_jit(eqx.filter_vmap(lambda sampler: mean_log_prob(sampler, valid)))
