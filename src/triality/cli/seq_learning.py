"""The body of ``triality seq``: generator, energy, what both are worth, and a run folder that explains itself."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from rich.console import Console

from triality.algorithms.density_estimation import fit_energy, fit_generator, fit_tilt
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.sequence_estimation import fit_by_critic
from triality.cli.config import as_config
from triality.cli.crew import Crew
from triality.cli.density_learning import Told, chunk
from triality.cli.learning import print_note
from triality.cli.machine_limits import refuse_beyond_memory
from triality.cli.seq import SeqPlan
from triality.cli.seq_judgement import Judged, judge
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
    of_oracle,
    path_of,
    read_oracle,
)
from triality.cli.seq_pictures import picture_arrays
from triality.cli.seq_summary import print_result, summarize
from triality.cli.stage_keeper import StageKeeper
from triality.cli.training import progress_bar
from triality.data.sequences import SequenceData
from triality.energies.sum import NegativeLogDensity
from triality.energies.tilted_sequence import TiltedSequenceEnergy
from triality.energy import Energy
from triality.runs.atomic import replace_file
from triality.runs.checkpoint import write_checkpoint
from triality.runs.report.report import write_report
from triality.runs.resumption import digest_of
from triality.samplers.tokens.token_sampler import TokenSampler

RENEWALS = 10
"""How often the stock of draws of a generator that stands still is renewed, which is slow, and validation looked at."""

console = Console()


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


def _inputs(options: SeqOptions) -> dict[str, str]:
    """What the run reads, told apart by content."""
    read = {"data": path_of(options)} | ({} if options.test is None else {"test": options.test})
    return {name: digest_of(path) for name, path in read.items()}


def learn(plan: SeqPlan, crew: Crew) -> int:
    """Run a checked command to its end; with other processes, they learn together and the first one judges."""
    options = plan.options
    oracle = read_oracle(options)
    if oracle is None:
        assert plan.data is not None, "the plan was checked"
        data = plan.data
    else:
        with console.status("drawing sequences from the oracle"):
            data = of_oracle(oracle, options)
    for note in plan.notes:
        print_note(note)
    config = {**as_config(options), "temperatures": list(options.temperatures), **_found(data), "notes": list(plan.notes)}
    size = 4 * max(options.batch_size, options.num_drawn) * data.length * options.hidden
    refuse_beyond_memory("minibatches and draws", size, "ask for a smaller --batch-size or --num-drawn")
    keeping = options.kept.keeping(options.overwrite, _inputs(options), track=options.track)
    with crew.kept_run(options.out, "seq", config, keeping, print_note) as keeper:
        fits: list[FittedSequences] = []
        stages = StageKeeper(keeper)
        with progress_bar(console) as bar:
            for seed in range(options.seed, options.seed + options.seeds):
                fits.append(fit(options, data, seed, Told(bar, stages, seed, 0.0, crew)))
        stages.ended()
        if not crew.leads:
            return 0
        state = [{"first": each.first, "sampler": each.sampler, "energy": each.energy} for each in fits]
        write_checkpoint(keeper.folder.state_path, {"seeds": state}, step=options.energy_steps, config=config)
        judged: list[Judged] = []
        with console.status("judging on held-out sequences"):
            judged = [judge(jax.random.key(1000 + options.seed + i), each, data, oracle, options) for i, each in enumerate(fits)]
        arrays = picture_arrays(data, judged[0])
        replace_file(keeper.folder.path / "figures.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
        summary = summarize(config, options, data, fits, judged, keeper.seconds)
        keeper.folder.write_summary(summary)
        report = write_report(keeper.folder.path)
        keeper.finished(summary)
    print_result(console, summary, report)
    return 0


def _found(data: SequenceData) -> dict[str, Any]:
    """What the data turned out to be."""
    return {
        "found_length": data.length,
        "found_vocabulary": data.vocabulary,
        "found_end": data.end,
        "num_train": len(data.train),
        "num_valid": len(data.valid),
        "num_test": len(data.test),
    }


def fit(options: SeqOptions, data: SequenceData, seed: int, told: Told) -> FittedSequences:
    """The generator by its own loss, then what the objective adds."""
    keys = jax.random.split(jax.random.key(seed), 4)
    valid = jnp.asarray(data.valid, jnp.int32)
    begin = make_generator(options, keys[0], data)
    loss = make_loss(options, len(data.train))
    learning = LikelihoodLearning(as_data_set(data.train), options.generator_learning_rate, options.batch_size, loss)
    if options.generator_steps > 0:
        told.compiling("likelihood")
    steps = options.generator_steps
    first: TokenSampler = fit_generator(learning, keys[1], begin, valid, steps, chunk(steps), told).best
    if options.objective == "seqgan" and options.energy_steps:
        return _play(options, data, first, (keys[2], keys[3]), told)
    if not OBJECTIVES[options.objective].has_energy or options.energy_steps == 0:
        return FittedSequences(first, first, NegativeLogDensity(first), False, told.steps_per_second)
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
    return FittedSequences(first, stage.last.sampler, stage.last.density.energy, False, told.steps_per_second)


def _follow(
    options: SeqOptions, data: SequenceData, first: TokenSampler, keys: tuple[Key[Array, ""], Key[Array, ""]], told: Told
) -> FittedSequences:
    """The paper's system: the energy begins as the generator's own, and the generator follows it."""
    told.compiling("energy")
    steps, valid = options.energy_steps, jnp.asarray(data.valid, jnp.int32)
    energy = TiltedSequenceEnergy(first, make_network(options, keys[0], data))
    stage = fit_energy(make_game(options, as_data_set(data.train)), keys[1], energy, first, valid, steps, chunk(steps), progress=told)
    if stage.num_steps == 0:  # no energy was better than none, so that the generator followed nothing
        return FittedSequences(first, first, NegativeLogDensity(first), False, told.steps_per_second)
    return FittedSequences(first, stage.best.sampler, stage.best.density.energy, True, told.steps_per_second)


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
        return FittedSequences(first, first, NegativeLogDensity(first), False, told.steps_per_second)
    network = stage.best.density.energy
    energy, sampler = TiltedSequenceEnergy(first, network), first
    if options.objective == "mixer":
        told.compiling("mixer")
        learning = LikelihoodLearning(train, options.sampler_learning_rate, options.batch_size, make_mixer(options, network))
        sampler = fit_generator(learning, keys[0], first, valid, steps, chunk(steps), told, "mixer").last
    elif options.objective == "actor-critic":
        told.compiling("critic")
        critic = make_critic(options, keys[0], data)
        last = fit_by_critic(make_actor_critic(options, energy), keys[1], first, critic, valid, steps, chunk(steps), told).last
        sampler = last.sampler
    return FittedSequences(first, sampler, energy, True, told.steps_per_second)
