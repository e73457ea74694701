"""``triality ebm``: everything that can be refused is refused here, before jax is imported and before a folder is made."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from triality.cli import ranges
from triality.cli.crew import crew_of
from triality.cli.density_names import (
    CHAINS,
    DIFFERENTIABLE,
    GENERATORS,
    GRADIENTS,
    HEADS,
    OBJECTIVES,
    OF_COUPLINGS,
    OF_IMAGES,
    PACKAGES,
    TARGETS,
    THROUGH_DRAWS,
    WITH_HEADS,
    Kind,
    energy_of,
    generator_of,
    gradient_of,
    head_of,
    is_installed,
    packages_of,
)
from triality.cli.keeping_options import track_problems
from triality.cli.names import nearest
from triality.cli.options import EbmOptions
from triality.cli.planned_sweep import planned
from triality.cli.ranges import refuse
from triality.data.table import Table
from triality.data.table_checks import check_table
from triality.data.table_file import read_table
from triality.runs.folder import RunFolder

LEAST_TEST_ROWS = 20
ENERGIES_OF_NUMBERS = ("quadratic", "autoencoder")


class DensityPlan(NamedTuple):
    """A checked command.

    Fields:
        options: resolved, as the run stores them.
        kind: of the columns.
        num_levels: values of an integer column; 0 for numbers.
        image: (height, width) of images, () otherwise.
        names: of the columns.
        train, valid, test: rows, images laid out flat; all empty where a target is to be sampled.
        notes: what the user should know about the data.
    """

    options: EbmOptions
    kind: Kind
    num_levels: int
    image: tuple[int, ...]
    names: tuple[str, ...]
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...]


def run(options: EbmOptions) -> int:
    """Check, then learn; returns the exit code."""
    if options.sweep:
        sweep = planned(options, check, resolve_like)
        from triality.cli.density_sweep import learn_sweep

        return learn_sweep(sweep)
    plan = check(options)
    with crew_of(options.placed) as crew:
        from triality.cli.density_learning import learn

        return learn(plan, crew)


def check(options: EbmOptions) -> DensityPlan:
    """The plan of a run.

    Raises:
        ConfigError: an option, or a combination of them, is wrong. All problems that can be found together are listed together.
        DataError: the data cannot be read, or no density can be learned from them.
    """
    refuse(_range_problems(options) + _source_problems(options))
    if not options.placed.distributed:  # else the first process alone has the folder, and nobody knows yet which that is
        RunFolder.check(options.out, options.overwrite, options.kept.resume)
    return _of_target(options) if options.data is None else _of_file(options)


def _of_target(options: EbmOptions) -> DensityPlan:
    resolved = resolve(options, "continuous", (), 2)
    none = np.zeros((0, 0))
    return DensityPlan(resolved, "continuous", 0, (), (), none, none, none, _left_out("continuous"))


def _of_file(options: EbmOptions) -> DensityPlan:
    assert options.data is not None, "the caller checked"
    wanted = None if options.columns is None else tuple(name.strip() for name in options.columns.split(","))
    table = read_table(options.data, wanted)
    kind = _kind(options, table)
    checked = check_table(table, kind, options.dequantize, options.seed)
    image = table.shape if len(table.shape) == 2 else ()
    resolved = resolve(options, kind, image, table.rows.shape[1])
    parts = (checked.train, checked.valid, checked.test)
    num_levels = 0 if kind == "continuous" else max(2, table.num_levels)
    notes = checked.notes + _few_rows(checked.test) + _left_out(kind)
    return DensityPlan(resolved, kind, num_levels, image, table.names, *parts, notes)


def _few_rows(test: np.ndarray) -> tuple[str, ...]:
    """What the report will lack for want of rows: the least that ``triality.metrics.two_sample`` takes, which this must not import."""
    if len(test) >= LEAST_TEST_ROWS:
        return ()
    what = "tests and distances between samples and data, and the calibration curve, left out"
    return (f"{what}: they need {LEAST_TEST_ROWS} test rows, and there are {len(test)}",)


def _left_out(kind: Kind) -> tuple[str, ...]:
    """What the report will lack for want of a package."""
    lacking = {"sklearn": "the classifier two-sample test"}
    if kind == "continuous":
        lacking |= {"blackjax": "annealed and sequential estimates of log Z", "ot": "the Wasserstein distance"}
    return tuple(
        f'{what} left out: pip install "triality[{PACKAGES[package]}]"' for package, what in lacking.items() if not is_installed(package)
    )


def _kind(options: EbmOptions, table: Table) -> Kind:
    """What the generator is a density of: a named one decides, else the values do."""
    if options.dequantize:
        return "continuous"
    if options.generator == "auto":
        return table.kind
    kinds = GENERATORS[options.generator]
    return table.kind if table.kind in kinds else kinds[-1]  # the widest, so that what is refused is refused of all it can do


def resolve(options: EbmOptions, kind: Kind, image: tuple[int, ...], dim: int) -> EbmOptions:
    """What is left to the command, decided: a run stores what it did, whatever is decided in later versions.

    Raises:
        ConfigError: parts that do not go together, or with these columns.
    """
    is_image, gradient = bool(image), options.sampler_gradient
    chosen = generator_of(kind, is_image, dim, options.objective, gradient) if options.generator == "auto" else options.generator
    resolved = replace(
        options,
        generator=chosen,
        head=head_of(chosen) if options.head == "auto" else options.head,
        sampler_gradient=gradient_of(options.objective, chosen) if gradient == "auto" else gradient,
        energy=energy_of(options.objective, is_image) if options.energy == "auto" else options.energy,
        base=OBJECTIVES[options.objective].base if options.base == "auto" else options.base,
    )
    refuse(_combination_problems(resolved, kind, is_image, dim))
    return resolved


def resolve_like(plan: DensityPlan, options: EbmOptions) -> EbmOptions:
    """Other options for the data of a plan, checked and resolved; they may differ from the plan's in numbers of the algorithms.

    Raises:
        ConfigError: one of them cannot be used.
    """
    refuse(_range_problems(options))
    return resolve(options, plan.kind, plan.image, 2 if options.data is None else plan.train.shape[1])


def _range_problems(options: EbmOptions) -> list[str]:
    return [
        *ranges.counts(options, "seeds"),
        *ranges.counts(options, "generator_steps", "energy_steps", "temperatures", least=0),
        *ranges.counts(options, "batch_size", least=2),
        *ranges.counts(options, "num_data", "num_drawn", least=100),
        *ranges.seeds(options, options.seeds),
        *options.kept.problems(options.overwrite),
        *options.placed.problems(),
        *track_problems(options.track),
        *ranges.rates(options, "generator_learning_rate", "energy_learning_rate", "sampler_learning_rate"),
        *ranges.weights(options, "weight_decay", "gradient_penalty"),
        *_step_problems(options),
    ]


def _step_problems(options: EbmOptions) -> list[str]:
    if options.generator_steps > 0 or (options.energy_steps > 0 and options.objective != "mle"):
        return []
    return ["expected gradient steps, got --generator-steps 0 and none of the energy; ask for some"]


def _source_problems(options: EbmOptions) -> list[str]:
    if (options.data is None) == (options.target is None):
        got = "neither" if options.data is None else "both"
        return [f"expected --data FILE or --target NAME, got {got}; give one of them"]
    if options.target is not None and options.target not in TARGETS:
        return [f"expected a target, got '{options.target}'; {nearest(options.target, TARGETS)}"]
    if options.target is not None and (options.columns is not None or options.dequantize):
        return ["expected --columns and --dequantize with --data only, got one with --target; leave it out"]
    return []


def _combination_problems(options: EbmOptions, kind: Kind, is_image: bool, dim: int) -> list[str]:
    """Parts that do not go together. ``options`` are resolved."""
    words = {"continuous": "numbers", "integer": "integers", "binary": "0 and 1"}[kind]
    problems = []
    if kind not in GENERATORS[options.generator]:
        fitting = ", ".join(name for name, kinds in GENERATORS.items() if kind in kinds and (is_image or name not in OF_IMAGES))
        problems.append(f"expected a generator of {words}, got --generator {options.generator}; use one of {fitting}")
    if options.generator in OF_IMAGES and not is_image:
        problems.append(
            f"expected images for --generator {options.generator}, got a table; use made, or an array of shape (n, height, width)"
        )
    if options.generator in OF_COUPLINGS and dim < 2:
        problems.append(f"expected two columns or more for --generator {options.generator}, got {dim}; use mixture or maf")
    if options.head != "auto" and options.generator not in WITH_HEADS:
        problems.append(
            f"expected --generator {' or '.join(WITH_HEADS)} with --head {options.head}, got {options.generator}; "
            f"{'' if kind == 'continuous' else 'name one of them, or '}leave --head out"
        )
    elif options.head != "auto" and kind not in HEADS[options.head]:
        problems.append(f"expected integers of more than two levels for --head {options.head}, got {words}; leave it out")
    if kind not in OBJECTIVES[options.objective].kinds:
        fitting = ", ".join(name for name, traits in OBJECTIVES.items() if kind in traits.kinds)
        problems.append(f"expected an objective for {words}, got --objective {options.objective}; use one of {fitting}")
    if kind not in GRADIENTS[options.sampler_gradient]:
        fitting = ", ".join(name for name, kinds in GRADIENTS.items() if kind in kinds)
        problems.append(f"expected a gradient for {words}, got --sampler-gradient {options.sampler_gradient}; use one of {fitting}")
    if options.sampler_gradient in THROUGH_DRAWS and kind == "continuous" and options.generator not in DIFFERENTIABLE:
        problems.append(
            f"expected a generator whose draws are differentiable for --sampler-gradient {options.sampler_gradient} (of --objective "
            f"{options.objective}), got --generator {options.generator}; use {', '.join(DIFFERENTIABLE)}, or --sampler-gradient score"
        )
    for package in packages_of(options.generator, options.objective, options.sampler_gradient, kind):
        if not is_installed(package):
            problems.append(f'expected the package {package}, got none installed; do pip install "triality[{PACKAGES[package]}]"')
    return problems + _energy_problems(options, kind, is_image)


def _energy_problems(options: EbmOptions, kind: Kind, is_image: bool) -> list[str]:
    problems = []
    if options.energy == "convolutional" and not is_image:
        problems.append("expected images for --energy convolutional, got a table; use mlp")
    if options.energy in ENERGIES_OF_NUMBERS and kind != "continuous":
        problems.append(f"expected numbers for --energy {options.energy}, got integers; use mlp, or linear for 0 and 1")
    if options.energy == "linear" and kind != "binary":
        problems.append("expected columns of 0 and 1 for --energy linear, got others; use mlp or quadratic")
    if options.objective == "ebgan" and (options.energy != "autoencoder" or options.base != "none"):
        problems.append(
            f"expected --energy autoencoder and --base none with --objective ebgan, got {options.energy} and {options.base}: its loss is "
            "of an error of reconstruction; leave both out"
        )
    if options.sampler_gradient == "pull-away" and options.objective != "ebgan":
        problems.append(f"expected --sampler-gradient pull-away with --objective ebgan, got {options.objective}; use path or score")
    if options.gradient_penalty > 0 and kind != "continuous":
        problems.append("expected --gradient-penalty for numbers, got integers, which have no gradient; use --weight-decay")
    if options.objective in CHAINS and options.sampler_gradient != "fixed":
        problems.append(
            f"expected --sampler-gradient fixed with --objective {options.objective}, got {options.sampler_gradient}: the negatives come "
            "from Markov chains; leave it out"
        )
    return problems
