"""The stages of ``triality seq``: the generator by its own loss, then what the objective adds."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from triality.algorithms.density_estimation import fit_energy, fit_generator, fit_tilt
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.algorithms.sequence_estimation import fit_by_critic
from triality.algorithms.stages import Stage
from triality.cli.density_stages import Told, chunk
from triality.cli.seq_names import OBJECTIVES
from triality.cli.seq_options import SeqOptions
from triality.cli.seq_parts import (
    as_data_set,
    make_actor_critic,
    make_critic,
    make_game,
    make_generator,
    make_loss,
    make_mixer,
    make_network,
    make_tilt_learning,
)
from triality.data.sequences import SequenceData
from triality.energies.sum import NegativeLogDensity
from triality.energies.tilted_sequence import TiltedSequenceEnergy
from triality.energy import Energy
from triality.samplers.tokens.token_sampler import TokenSampler

RENEWALS = 10
"""How often the stock of draws of a generator that stands still is renewed, which is slow, and validation looked at."""


class FittedSequences(NamedTuple):
    """One seed's result.

    Fields:
        first: the generator as its own loss left it.
        sampler: the generator in the end.
        energy: E of a sequence, nats.
        is_tilted: whether an energy was learned that is a density, and that validation liked better than the generator alone.
        steps_per_second: of every stage, compilation left out.
    """

    first: TokenSampler
    sampler: TokenSampler
    energy: Energy[Any]
    is_tilted: bool
    steps_per_second: dict[str, float]


def make_likelihood(options: SeqOptions, data: SequenceData) -> LikelihoodLearning:
    """Of the first stage, by the generator's own loss."""
    loss = make_loss(options, len(data.train))
    return LikelihoodLearning(as_data_set(data.train), options.generator_learning_rate, options.batch_size, loss)


def make_mixing(options: SeqOptions, train: DataSet, network: Energy[Any]) -> LikelihoodLearning:
    """Of MIXER's stage, with a learned tilt as its reward."""
    return LikelihoodLearning(train, options.sampler_learning_rate, options.batch_size, make_mixer(options, network))


def plays(options: SeqOptions) -> bool:
    """Whether the second stage is SeqGAN's game."""
    return options.objective == "seqgan" and options.energy_steps > 0


def learns_energy(options: SeqOptions) -> bool:
    """Whether the second stage learns an energy that is a density."""
    return OBJECTIVES[options.objective].has_energy and options.energy_steps > 0


def generator_alone(first: TokenSampler, steps_per_second: dict[str, float]) -> FittedSequences:
    """No energy was learned, or none that was better than none: whatever the generator did meanwhile, it followed nothing."""
    return FittedSequences(first, first, NegativeLogDensity(first), False, steps_per_second)


def fitted_game(stage: Stage, first: TokenSampler, steps_per_second: dict[str, float]) -> FittedSequences:
    """Of SeqGAN's game."""
    return FittedSequences(first, stage.last.sampler, stage.last.density.energy, False, steps_per_second)


def fitted_pair(stage: Stage, first: TokenSampler, steps_per_second: dict[str, float]) -> FittedSequences:
    """Of an energy and the generator that follows it."""
    if stage.num_steps == 0:
        return generator_alone(first, steps_per_second)
    return FittedSequences(first, stage.best.sampler, stage.best.density.energy, True, steps_per_second)


def fit(options: SeqOptions, data: SequenceData, seed: int, told: Told) -> FittedSequences:
    """The generator by its own loss, then what the objective adds."""
    keys = jax.random.split(jax.random.key(seed), 4)
    valid = jnp.asarray(data.valid, jnp.int32)
    begin, learning = make_generator(options, keys[0], data), make_likelihood(options, data)
    if options.generator_steps > 0:
        told.compiling("likelihood")
    steps = options.generator_steps
    first: TokenSampler = fit_generator(learning, keys[1], begin, valid, steps, chunk(steps), told).best
    if plays(options):
        return _play(options, data, first, (keys[2], keys[3]), told)
    if not learns_energy(options):
        return generator_alone(first, told.steps_per_second)
    if options.objective == "gan":
        return _follow(options, data, first, (keys[2], keys[3]), told)
    return _correct(options, data, first, (keys[2], keys[3]), told)


def _play(
    options: SeqOptions, data: SequenceData, first: TokenSampler, keys: tuple[Key[Array, ""], Key[Array, ""]], told: Told
) -> FittedSequences:
    """SeqGAN: a free critic, which is no density; what counts is the generator in the end."""
    told.compiling("energy")
    steps, valid = options.energy_steps, jnp.asarray(data.valid, jnp.int32)
    game = make_game(options, as_data_set(data.train))
    stage = fit_energy(game, keys[1], make_network(options, keys[0], data), first, valid, steps, chunk(steps), progress=told)
    return fitted_game(stage, first, told.steps_per_second)


def _follow(
    options: SeqOptions, data: SequenceData, first: TokenSampler, keys: tuple[Key[Array, ""], Key[Array, ""]], told: Told
) -> FittedSequences:
    """The paper's system: the energy begins as the generator's own, and the generator follows it."""
    told.compiling("energy")
    steps, valid = options.energy_steps, jnp.asarray(data.valid, jnp.int32)
    energy = TiltedSequenceEnergy(first, make_network(options, keys[0], data))
    stage = fit_energy(make_game(options, as_data_set(data.train)), keys[1], energy, first, valid, steps, chunk(steps), progress=told)
    return fitted_pair(stage, first, told.steps_per_second)


def _correct(
    options: SeqOptions, data: SequenceData, first: TokenSampler, keys: tuple[Key[Array, ""], Key[Array, ""]], told: Told
) -> FittedSequences:
    """A tilt of the generator that stands still; then, of mixer and actor-critic, the generator by what was learned."""
    told.compiling("energy")
    steps, train, valid = options.energy_steps, as_data_set(data.train), jnp.asarray(data.valid, jnp.int32)
    tilt = make_tilt_learning(options, train)
    looks = max(1, steps // RENEWALS)
    stage = fit_tilt(tilt, keys[1], make_network(options, keys[0], data), first, valid, steps, looks, options.num_drawn, told)
    if stage.num_steps == 0:
        return generator_alone(first, told.steps_per_second)
    network = stage.best.density.energy
    energy, sampler = TiltedSequenceEnergy(first, network), first
    if options.objective == "mixer":
        told.compiling("mixer")
        learning = make_mixing(options, train, network)
        sampler = fit_generator(learning, keys[0], first, valid, steps, chunk(steps), told, "mixer").last
    elif options.objective == "actor-critic":
        told.compiling("critic")
        critic = make_critic(options, keys[0], data)
        last = fit_by_critic(make_actor_critic(options, energy), keys[1], first, critic, valid, steps, chunk(steps), told).last
        sampler = last.sampler
    return FittedSequences(first, sampler, energy, True, told.steps_per_second)
