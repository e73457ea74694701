"""The stages of ``triality ebm --sweep``, all points of one seed in one program: ``density_stages`` row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jaxtyping import Array, Key

from triality.algorithms.contrastive_divergence import ContrastiveDivergence
from triality.algorithms.densities_side_by_side import fit_energies, fit_energies_by_chains, fit_generators, fit_tilts
from triality.algorithms.density_estimation import fit_generator
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.algorithms.side_by_side import stacked
from triality.cli.density_parts import make_energy, make_generator, make_learning, make_network, make_tilt_learning
from triality.cli.density_split import Split
from triality.cli.density_stages import (
    STOCK,
    Fitted,
    chunk,
    fitted_pair,
    fitted_tilt,
    generator_alone,
    is_tilt,
    learns_energy,
    make_likelihood,
    refuse_impossible_rows,
)
from triality.cli.options import EbmOptions
from triality.cli.told_of_points import ToldOfAll, ToldOfPoints
from triality.sampler import AbstractSampler
from triality.settings import Settings, settings_of


def learnings(options: EbmOptions, split: Split) -> tuple[Any, ...]:
    """The algorithms of all stages: what points of a sweep may differ in the numbers of."""
    first = make_likelihood(options, split)
    return (first, make_second(options, split)) if learns_energy(options) else (first,)


def make_second(options: EbmOptions, split: Split) -> Any:
    """Of the energy's stage."""
    make = make_tilt_learning if is_tilt(options) else make_learning
    return make(options, DataSet(split.train), split.space)


def fit_points(points: Sequence[EbmOptions], split: Split, seed: int, told: ToldOfPoints) -> list[Fitted]:
    """One seed of every point; of those that have failed what the guard kept.

    Raises:
        DataError: a generator cannot make the data.
        NonFiniteError: all points have failed.
    """
    keys, options = jax.random.split(jax.random.key(seed), 4), points[0]
    begin = make_generator(options.generator, keys[0], split.train, split.space, options.head)
    if options.generator_steps > 0:
        told.compiling("likelihood")
    settings = settings_of([make_likelihood(each, split) for each in points])
    firsts = first_samplers(settings, len(points), keys[1], begin, split.valid, options.generator_steps, told)
    for name, first in zip(told.names, firsts, strict=True):
        if name not in told.ends.failed:
            refuse_impossible_rows(first, split)
    if not learns_energy(options):
        return [generator_alone(first, told.steps_per_second) for first in firsts]
    return _fit_energies(points, split, firsts, (keys[2], keys[3]), told)


def first_samplers(
    settings: Settings, num_points: int, key: Key[Array, ""], begin: Any, valid: Any, num_steps: int, told: ToldOfPoints
) -> list[Any]:
    """Generators by likelihood, begun alike; learned once for all points where no number of that stage is swept."""
    if not jax.tree.leaves(settings.varied):
        learning: LikelihoodLearning = settings.shared
        return [fit_generator(learning, key, begin, valid, num_steps, chunk(num_steps), ToldOfAll(told)).best] * num_points
    stage = fit_generators(settings, key, stacked([begin] * num_points), valid, num_steps, chunk(num_steps), told)
    return [stage.row(index).best for index in range(num_points)]


def _fit_energies(
    points: Sequence[EbmOptions],
    split: Split,
    firsts: Sequence[AbstractSampler[Any]],
    keys: tuple[Key[Array, ""], Key[Array, ""]],
    told: ToldOfPoints,
) -> list[Fitted]:
    options, rates = points[0], told.steps_per_second
    steps, size = options.energy_steps, chunk(options.energy_steps)
    told.compiling("energy")
    settings, samplers = settings_of([make_second(each, split) for each in points]), stacked(firsts)
    if is_tilt(options):
        networks = stacked([make_network(options.energy, keys[0], split.space)] * len(points))
        stage = fit_tilts(settings, keys[1], networks, samplers, split.valid, steps, size, STOCK, told)
        return [fitted_tilt(stage.row(index), first, rates) for index, first in enumerate(firsts)]
    energies = stacked([make_energy(options, keys[0], first, split.space) for first in firsts])
    if isinstance(settings.shared, ContrastiveDivergence):
        stage = fit_energies_by_chains(settings, keys[1], energies, samplers, split.valid, steps, size, told)
        return [Fitted(first, first, stage.row(index).best.energy, True, rates) for index, first in enumerate(firsts)]
    stage = fit_energies(settings, keys[1], energies, samplers, split.valid, steps, size, told)
    return [fitted_pair(options, stage.row(index), first, rates) for index, first in enumerate(firsts)]
