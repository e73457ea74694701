"""The stages of ``triality ebm``: the generator by likelihood, then the energy by the objective."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Key
from rich.progress import Progress as ProgressBar
from rich.progress import TaskID

from triality.algorithms.contrastive_divergence import ContrastiveDivergence
from triality.algorithms.density_estimation import fit_energy, fit_energy_by_chains, fit_generator, fit_tilt, tilted
from triality.algorithms.guarded import GuardedState
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.algorithms.stages import Going, Stage, advanced_on
from triality.cli.crew import Crew
from triality.cli.density_names import OBJECTIVES, is_relative
from triality.cli.density_parts import make_energy, make_generator, make_learning, make_loss, make_network, make_tilt_learning
from triality.cli.density_split import Split
from triality.cli.options import EbmOptions
from triality.cli.stage_clock import StageClock, steps_a_second
from triality.cli.stage_keeper import StageKeeper
from triality.data.table_checks import refuse_impossible
from triality.energies.sum import NegativeLogDensity
from triality.energy import Energy
from triality.sampler import AbstractSampler

STOCK = 10_000
"""Draws of a generator that stands still, renewed after each chunk."""


class Fitted(NamedTuple):
    """One seed's result.

    Fields:
        first: the generator as likelihood left it.
        sampler: the generator in the end.
        energy: E, in nats on standardized columns.
        is_tilted: whether an energy was learned that validation liked better than the generator alone.
        steps_per_second: of both stages, compilation left out; nan where a stage had one chunk or none.
    """

    first: AbstractSampler[Any]
    sampler: AbstractSampler[Any]
    energy: Energy[Any]
    is_tilted: bool
    steps_per_second: dict[str, float]


class Told:
    """Puts what a stage says on the screen, in the units of the data, and into the metrics log, on standardized columns; and keeps it.

    Its chunks are computed by the ``crew``.
    """

    def __init__(self, bar: ProgressBar, stages: StageKeeper, seed: int, log_scale: float, crew: Crew):
        self.bar, self.stages, self.seed, self.log_scale, self.crew = bar, stages, seed, log_scale, crew
        self.task: TaskID | None = None
        self.clock = StageClock()
        self.steps_per_second: dict[str, float] = {}

    def begun(self, stage: str, first: Going) -> Going:
        going = self.stages.begun(f"seed {self.seed}, {stage}", first)
        self.clock.begun(int(going.done))
        return going

    def advanced(self, learning: Any, state: GuardedState, num_steps: int) -> tuple[GuardedState, Any]:
        return advanced_on(self.crew.fleet, learning, state, num_steps)

    def agreed(self, value: float) -> float:
        return self.crew.agreed(value)

    def looked(self, stage: str, going: Going, total: int, numbers: dict[str, float]) -> None:
        done = int(going.done)
        rate = self.steps_per_second[stage] = self.clock.looked(done)
        record = {"seed": self.seed, "iteration": self.clock.before + done, "seconds": self.stages.keeper.seconds}
        self.stages.keeper.log(record | {name: value if np.isfinite(value) else None for name, value in numbers.items()})
        words = f"validation {numbers['validation'] - self.log_scale:.4f}" + steps_a_second(rate)
        assert self.task is not None, "a stage has begun"
        self.bar.update(self.task, completed=done, total=total, rate=words)
        self.stages.looked(f"seed {self.seed}, {stage}", going)

    def compiling(self, stage: str) -> None:
        """A stage that has steps begins; its first chunk, which is compiled, says nothing for a while."""
        self.clock.compiling()
        self.task = self.bar.add_task(f"seed {self.seed}, {stage}", total=None, rate="compiling")


def make_likelihood(options: EbmOptions, split: Split) -> LikelihoodLearning:
    """Of the first stage."""
    return LikelihoodLearning(DataSet(split.train), options.generator_learning_rate, options.batch_size, make_loss(options.generator))


def learns_energy(options: EbmOptions) -> bool:
    """Whether there is a second stage."""
    return options.objective != "mle" and options.energy_steps > 0


def is_tilt(options: EbmOptions) -> bool:
    """Whether the energy is a tilt of a generator that stands still."""
    return is_relative(options.objective, options.base, options.sampler_gradient, options.gradient_penalty)


def refuse_impossible_rows(sampler: AbstractSampler[Any], split: Split) -> None:
    """Raise where the generator cannot make the data.

    Raises:
        DataError: names the part of the data.
    """
    log_prob = jax.jit(jax.vmap(sampler.log_prob))
    for part, rows in (("training data", split.train), ("validation data", split.valid), ("test data", split.test)):
        refuse_impossible(np.asarray(log_prob(rows)), part)


def fit(options: EbmOptions, split: Split, seed: int, told: Told) -> Fitted:
    """Generator by likelihood, then the energy."""
    keys = jax.random.split(jax.random.key(seed), 4)
    begin = make_generator(options.generator, keys[0], split.train, split.space, options.head)
    if options.generator_steps > 0:
        told.compiling("likelihood")
    steps, likelihood = options.generator_steps, make_likelihood(options, split)
    first = fit_generator(likelihood, keys[1], begin, split.valid, steps, chunk(steps), told).best
    refuse_impossible_rows(first, split)
    if not learns_energy(options):
        return generator_alone(first, told.steps_per_second)
    return _fit_energy(options, split, first, (keys[2], keys[3]), told)


def _fit_energy(
    options: EbmOptions, split: Split, first: AbstractSampler[Any], keys: tuple[Key[Array, ""], Key[Array, ""]], told: Told
) -> Fitted:
    steps, size = options.energy_steps, chunk(options.energy_steps)
    told.compiling("energy")
    if is_tilt(options):
        tilt = make_tilt_learning(options, DataSet(split.train), split.space)
        network = make_network(options.energy, keys[0], split.space)
        stage = fit_tilt(tilt, keys[1], network, first, split.valid, steps, size, STOCK, told)
        return fitted_tilt(stage, first, told.steps_per_second)
    learning = make_learning(options, DataSet(split.train), split.space)
    energy = make_energy(options, keys[0], first, split.space)
    if isinstance(learning, ContrastiveDivergence):
        stage = fit_energy_by_chains(learning, keys[1], energy, first, split.valid, steps, size, progress=told)
        return Fitted(first, first, stage.best.energy, True, told.steps_per_second)
    stage = fit_energy(learning, keys[1], energy, first, split.valid, steps, size, progress=told)
    return fitted_pair(options, stage, first, told.steps_per_second)


def generator_alone(first: AbstractSampler[Any], steps_per_second: dict[str, float]) -> Fitted:
    """No energy was learned, or none that was better than none."""
    return Fitted(first, first, NegativeLogDensity(first), False, steps_per_second)


def fitted_tilt(stage: Stage, first: AbstractSampler[Any], steps_per_second: dict[str, float]) -> Fitted:
    """Of a stage of ``fit_tilt``."""
    if stage.num_steps == 0:
        return generator_alone(first, steps_per_second)
    return Fitted(first, first, tilted(first, stage.best.density.energy), True, steps_per_second)


def fitted_pair(options: EbmOptions, stage: Stage, first: AbstractSampler[Any], steps_per_second: dict[str, float]) -> Fitted:
    """Of a stage of ``fit_energy``."""
    if not OBJECTIVES[options.objective].is_density:  # a game: what validation says of its energy means nothing
        return Fitted(first, stage.last.sampler, stage.last.density.energy, True, steps_per_second)
    if stage.num_steps == 0 and options.base == "generator":  # no tilt was better than none
        return generator_alone(first, steps_per_second)
    return Fitted(first, stage.best.sampler, stage.best.density.energy, True, steps_per_second)


def chunk(num_steps: int) -> int:
    """Steps between two looks at validation: forty looks, no more than 250 steps apart."""
    return max(1, min(250, num_steps // 40))
