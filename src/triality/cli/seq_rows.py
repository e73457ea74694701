"""The stages of ``triality seq --sweep``, all points of one seed in one program: ``seq_stages`` row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from triality.algorithms.densities_side_by_side import fit_by_critics, fit_energies, fit_generators, fit_tilts
from triality.algorithms.side_by_side import stacked
from triality.cli.density_rows import first_samplers
from triality.cli.density_stages import chunk
from triality.cli.seq_options import SeqOptions
from triality.cli.seq_parts import (
    as_data_set,
    make_actor_critic,
    make_critic,
    make_game,
    make_generator,
    make_network,
    make_tilt_learning,
)
from triality.cli.seq_stages import (
    RENEWALS,
    FittedSequences,
    fitted_game,
    fitted_pair,
    generator_alone,
    learns_energy,
    make_likelihood,
    make_mixing,
    plays,
)
from triality.cli.told_of_points import ToldOfPoints
from triality.data.sequences import SequenceData
from triality.energies.tilted_sequence import TiltedSequenceEnergy
from triality.samplers.tokens.token_sampler import TokenSampler
from triality.settings import settings_of

Keys = tuple[Key[Array, ""], Key[Array, ""]]


def learnings(options: SeqOptions, data: SequenceData) -> tuple[Any, ...]:
    """The algorithms of all stages: what points of a sweep may differ in the numbers of."""
    first = make_likelihood(options, data)
    if not plays(options) and not learns_energy(options):
        return (first,)
    train = as_data_set(data.train)
    if plays(options) or options.objective == "gan":
        return first, make_game(options, train)
    key = jax.random.key(0)
    network, tilt = make_network(options, key, data), make_tilt_learning(options, train)
    if options.objective == "mixer":
        return first, tilt, make_mixing(options, train, network)
    if options.objective == "actor-critic":
        return first, tilt, make_actor_critic(options, TiltedSequenceEnergy(make_generator(options, key, data), network))
    return first, tilt


def fit_points(points: Sequence[SeqOptions], data: SequenceData, seed: int, told: ToldOfPoints) -> list[FittedSequences]:
    """One seed of every point; of those that have failed what the guard kept.

    Raises:
        NonFiniteError: all points have failed.
    """
    keys, options = jax.random.split(jax.random.key(seed), 4), points[0]
    valid = jnp.asarray(data.valid, jnp.int32)
    if options.generator_steps > 0:
        told.compiling("likelihood")
    settings, begin = settings_of([make_likelihood(each, data) for each in points]), make_generator(options, keys[0], data)
    firsts = first_samplers(settings, len(points), keys[1], begin, valid, options.generator_steps, told)
    if not plays(options) and not learns_energy(options):
        return [generator_alone(first, told.steps_per_second) for first in firsts]
    told.compiling("energy")
    if plays(options) or options.objective == "gan":
        return _play(points, data, firsts, (keys[2], keys[3]), told)
    return _correct(points, data, firsts, (keys[2], keys[3]), told)


def _play(
    points: Sequence[SeqOptions], data: SequenceData, firsts: Sequence[TokenSampler], keys: Keys, told: ToldOfPoints
) -> list[FittedSequences]:
    """SeqGAN, whose critic is free, or the paper's system, whose energy begins as the generator's own."""
    options, train, valid = points[0], as_data_set(data.train), jnp.asarray(data.valid, jnp.int32)
    steps, network = options.energy_steps, make_network(points[0], keys[0], data)
    energies = stacked([network if plays(options) else TiltedSequenceEnergy(first, network) for first in firsts])
    settings = settings_of([make_game(each, train) for each in points])
    stage = fit_energies(settings, keys[1], energies, stacked(firsts), valid, steps, chunk(steps), told)
    fitted = fitted_game if plays(options) else fitted_pair
    return [fitted(stage.row(index), first, told.steps_per_second) for index, first in enumerate(firsts)]


def _correct(
    points: Sequence[SeqOptions], data: SequenceData, firsts: Sequence[TokenSampler], keys: Keys, told: ToldOfPoints
) -> list[FittedSequences]:
    """A tilt of each generator; then, of mixer and actor-critic, the generators by what was learned."""
    options, train, valid = points[0], as_data_set(data.train), jnp.asarray(data.valid, jnp.int32)
    steps, samplers = options.energy_steps, stacked(firsts)
    networks = stacked([make_network(options, keys[0], data)] * len(points))
    settings = settings_of([make_tilt_learning(each, train) for each in points])
    looks = max(1, steps // RENEWALS)
    stage = fit_tilts(settings, keys[1], networks, samplers, valid, steps, looks, options.num_drawn, told)
    learned = [stage.row(index) for index in range(len(points))]
    energies = [TiltedSequenceEnergy(first, each.best.density.energy) for first, each in zip(firsts, learned, strict=True)]
    lasts, rates = _followed(points, data, firsts, energies, keys, told), told.steps_per_second
    return [
        FittedSequences(first, last, energy, True, rates) if each.num_steps else generator_alone(first, rates)
        for first, last, energy, each in zip(firsts, lasts, energies, learned, strict=True)
    ]


def _followed(
    points: Sequence[SeqOptions],
    data: SequenceData,
    firsts: Sequence[TokenSampler],
    energies: Sequence[TiltedSequenceEnergy],
    keys: Keys,
    told: ToldOfPoints,
) -> list[Any]:
    """The generators in the end; also where a point's tilt was no better than none, whose generator then counts for nothing."""
    options, train, valid = points[0], as_data_set(data.train), jnp.asarray(data.valid, jnp.int32)
    steps, samplers = options.energy_steps, stacked(firsts)
    if options.objective == "mixer":
        told.compiling("mixer")
        settings = settings_of([make_mixing(each, train, energy.tilt) for each, energy in zip(points, energies, strict=True)])
        stage = fit_generators(settings, keys[0], samplers, valid, steps, chunk(steps), told, "mixer")
        return [stage.row(index).last for index in range(len(points))]
    if options.objective == "actor-critic":
        told.compiling("critic")
        settings = settings_of([make_actor_critic(each, energy) for each, energy in zip(points, energies, strict=True)])
        stage = fit_by_critics(settings, keys[1], samplers, make_critic(options, keys[0], data), valid, steps, chunk(steps), told)
        return [stage.row(index).last.sampler for index in range(len(points))]
    return list(firsts)
