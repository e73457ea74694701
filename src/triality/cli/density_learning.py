"""The body of ``triality ebm``: generator, energy, log Z, and a run folder that explains itself."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from rich.console import Console
from rich.progress import Progress as ProgressBar
from rich.progress import TaskID

from triality.algorithms.contrastive_divergence import ContrastiveDivergence
from triality.algorithms.density_estimation import fit_energy, fit_energy_by_chains, fit_generator, fit_tilt, tilted
from triality.algorithms.guarded import GuardedState
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.algorithms.stages import Going, advanced_on
from triality.cli.config import as_config
from triality.cli.crew import Crew
from triality.cli.density_judgement import Judged, judge
from triality.cli.density_names import OBJECTIVES, is_relative
from triality.cli.density_parts import Space, make_energy, make_generator, make_learning, make_loss, make_network, make_tilt_learning
from triality.cli.density_pictures import picture_arrays
from triality.cli.density_summary import print_result, summarize
from triality.cli.ebm import DensityPlan
from triality.cli.learning import print_note
from triality.cli.machine_limits import refuse_beyond_memory
from triality.cli.options import EbmOptions
from triality.cli.stage_keeper import StageKeeper
from triality.cli.training import progress_bar
from triality.data.table_checks import refuse_impossible
from triality.energies.sum import NegativeLogDensity
from triality.energy import Energy
from triality.runs.atomic import replace_file
from triality.runs.checkpoint import write_checkpoint
from triality.runs.report.report import write_report
from triality.runs.resumption import digest_of
from triality.sampler import AbstractSampler, draw
from triality.targets.catalog import TARGETS

SHARES = (0.8, 0.9)
"""Where training and validation end in the samples of a target."""

STOCK = 10_000
"""Draws of a generator that stands still, renewed after each chunk."""

console = Console()


class Split(NamedTuple):
    """The data as they are learned from.

    Fields:
        space: what one sample is.
        train, valid, test: standardized numbers, or integers; leading axis of samples.
        shift, scale: of each column; x = shift + scale z. Zeros and ones for integers.
        target: the law itself, where it is known.
    """

    space: Space
    train: Array
    valid: Array
    test: Array
    shift: Array
    scale: Array
    target: Any


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


def learn(plan: DensityPlan, crew: Crew) -> int:
    """Run a checked command to its end; with other processes, they learn together and the first one judges."""
    options = plan.options
    for note in plan.notes:
        print_note(note)
    split = split_of(plan)
    found = {"kind": split.space.kind, "dim": split.space.dim, "image": list(split.space.image), "notes": list(plan.notes)}
    config = {**as_config(options), **found}
    size = 4 * max(options.batch_size, options.num_drawn) * split.space.dim
    refuse_beyond_memory("minibatches and draws", size, "ask for a smaller --batch-size or --num-drawn")
    inputs = {} if options.data is None else {"data": digest_of(options.data)}
    keeping = options.kept.keeping(options.overwrite, inputs, track=options.track)
    with crew.kept_run(options.out, "ebm", config, keeping, print_note) as keeper:
        fits: list[Fitted] = []
        stages = StageKeeper(keeper)
        with progress_bar(console) as bar:
            for seed in range(options.seed, options.seed + options.seeds):
                fits.append(fit(options, split, seed, Told(bar, stages, seed, float(jnp.sum(jnp.log(split.scale))), crew)))
        stages.ended()
        if not crew.leads:
            return 0
        state = [{"first": each.first, "sampler": each.sampler, "energy": each.energy} for each in fits]
        scales = {"shift": split.shift, "scale": split.scale}
        write_checkpoint(keeper.folder.state_path, {"seeds": state, **scales}, step=options.energy_steps, config=config)
        judged: list[Judged] = []
        with console.status("estimating log Z, judging samples"):
            judged = [judge(jax.random.key(1000 + options.seed + i), each, split, options) for i, each in enumerate(fits)]
        arrays = picture_arrays(split, fits[0], judged[0], plan.names)
        replace_file(keeper.folder.path / "figures.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
        summary = summarize(config, options, split, fits, judged, keeper.seconds)
        keeper.folder.write_summary(summary)
        report = write_report(keeper.folder.path)
        keeper.finished(summary)
    print_result(console, summary, report)
    return 0


def split_of(plan: DensityPlan) -> Split:
    """The data of a plan, on the scale that is learned on."""
    if plan.options.target is not None:
        target = TARGETS[plan.options.target]()
        samples = jax.jit(lambda key: draw(target, key, plan.options.num_data).x)(jax.random.key(plan.options.seed))
        ends = [round(share * plan.options.num_data) for share in SHARES]
        train, valid, test = (np.asarray(part, float) for part in jnp.split(samples, ends))
        return _standardized(train, valid, test, target)
    if plan.kind == "continuous":
        return _standardized(plan.train, plan.valid, plan.test, None)
    is_laid_out = plan.options.generator == "masked-convolution"
    shape = plan.image if is_laid_out else (plan.train.shape[1],)
    parts = (plan.train, plan.valid, plan.test)
    train, valid, test = (jnp.asarray(part.reshape(len(part), *shape), jnp.int32) for part in parts)
    space = Space(plan.kind, shape, plan.num_levels, plan.image or shape)
    return Split(space, train, valid, test, jnp.zeros(()), jnp.ones(()), None)


def _standardized(train: np.ndarray, valid: np.ndarray, test: np.ndarray, target: Any) -> Split:
    shift, scale = train.mean(axis=0), train.std(axis=0)
    shape = (train.shape[1],)
    train, valid, test = ((part - shift) / scale for part in (train, valid, test))
    parts = jnp.asarray(train, float), jnp.asarray(valid, float), jnp.asarray(test, float)
    return Split(
        Space("continuous", shape, 0, shape), parts[0], parts[1], parts[2], jnp.asarray(shift, float), jnp.asarray(scale, float), target
    )


class Told:
    """Puts what a stage says on the screen, in the units of the data, and into the metrics log, on standardized columns; and keeps it.

    Its chunks are computed by the ``crew``.
    """

    def __init__(self, bar: ProgressBar, stages: StageKeeper, seed: int, log_scale: float, crew: Crew):
        self.bar, self.stages, self.seed, self.log_scale, self.crew = bar, stages, seed, log_scale, crew
        self.task: TaskID | None = None
        self.before, self.done, self.size = 0, 0, 0
        self.times: list[tuple[int, float]] = []
        self.steps_per_second: dict[str, float] = {}

    def begun(self, stage: str, first: Going) -> Going:
        going = self.stages.begun(f"seed {self.seed}, {stage}", first)
        self.done = int(going.done)
        return going

    def advanced(self, learning: Any, state: GuardedState, num_steps: int) -> tuple[GuardedState, Any]:
        return advanced_on(self.crew.fleet, learning, state, num_steps)

    def agreed(self, value: float) -> float:
        return self.crew.agreed(value)

    def looked(self, stage: str, going: Going, total: int, numbers: dict[str, float]) -> None:
        done = int(going.done)
        self.size = self.size or done - self.done
        if len(self.times) < 2 or done - self.done == self.size:  # a last chunk that is shorter compiles anew
            self.times.append((done, time.perf_counter()))
        self.done = done
        (first, start), (last, end) = self.times[0], self.times[-1]
        rate = (last - first) / (end - start) if last > first else float("nan")
        self.steps_per_second[stage] = rate
        record = {"seed": self.seed, "iteration": self.before + done, "seconds": self.stages.keeper.seconds}
        self.stages.keeper.log(record | {name: value if np.isfinite(value) else None for name, value in numbers.items()})
        words = f"validation {numbers['validation'] - self.log_scale:.4f}" + ("" if np.isnan(rate) else f", {rate:,.0f}/s")
        assert self.task is not None, "a stage has begun"
        self.bar.update(self.task, completed=done, total=total, rate=words)
        self.stages.looked(f"seed {self.seed}, {stage}", going)

    def compiling(self, stage: str) -> None:
        """A stage that has steps begins; its first chunk, which is compiled, says nothing for a while."""
        self.before, self.done, self.size, self.times = self.before + self.done, 0, 0, []
        self.task = self.bar.add_task(f"seed {self.seed}, {stage}", total=None, rate="compiling")


def fit(options: EbmOptions, split: Split, seed: int, told: Told) -> Fitted:
    """Generator by likelihood, then the energy."""
    keys = jax.random.split(jax.random.key(seed), 4)
    space, data = split.space, DataSet(split.train)
    begin = make_generator(options.generator, keys[0], split.train, space, options.head)
    likelihood = LikelihoodLearning(data, options.generator_learning_rate, options.batch_size, make_loss(options.generator))
    if options.generator_steps > 0:
        told.compiling("likelihood")
    first = fit_generator(likelihood, keys[1], begin, split.valid, options.generator_steps, chunk(options.generator_steps), told).best
    for part, rows in (("training data", split.train), ("validation data", split.valid), ("test data", split.test)):
        refuse_impossible(np.asarray(jax.jit(jax.vmap(first.log_prob))(rows)), part)
    if options.objective == "mle" or options.energy_steps == 0:
        return Fitted(first, first, NegativeLogDensity(first), False, told.steps_per_second)
    return _fit_energy(options, split, first, (keys[2], keys[3]), told)


def _fit_energy(
    options: EbmOptions, split: Split, first: AbstractSampler[Any], keys: tuple[Key[Array, ""], Key[Array, ""]], told: Told
) -> Fitted:
    steps, size = options.energy_steps, chunk(options.energy_steps)
    told.compiling("energy")
    if is_relative(options.objective, options.base, options.sampler_gradient, options.gradient_penalty):
        tilt = make_tilt_learning(options, DataSet(split.train), split.space)
        network = make_network(options.energy, keys[0], split.space)
        stage = fit_tilt(tilt, keys[1], network, first, split.valid, steps, size, STOCK, told)
        energy = tilted(first, stage.best.density.energy) if stage.num_steps else NegativeLogDensity(first)
        return Fitted(first, first, energy, stage.num_steps > 0, told.steps_per_second)
    learning = make_learning(options, DataSet(split.train), split.space)
    energy = make_energy(options, keys[0], first, split.space)
    if isinstance(learning, ContrastiveDivergence):
        stage = fit_energy_by_chains(learning, keys[1], energy, first, split.valid, steps, size, progress=told)
        return Fitted(first, first, stage.best.energy, True, told.steps_per_second)
    stage = fit_energy(learning, keys[1], energy, first, split.valid, steps, size, progress=told)
    if not OBJECTIVES[options.objective].is_density:  # a game: what validation says of its energy means nothing
        return Fitted(first, stage.last.sampler, stage.last.density.energy, True, told.steps_per_second)
    if stage.num_steps == 0 and options.base == "generator":  # no tilt was better than none
        return Fitted(first, first, NegativeLogDensity(first), False, told.steps_per_second)
    return Fitted(first, stage.best.sampler, stage.best.density.energy, True, told.steps_per_second)


def chunk(num_steps: int) -> int:
    """Steps between two looks at validation: forty looks, no more than 250 steps apart."""
    return max(1, min(250, num_steps // 40))
