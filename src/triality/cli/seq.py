"""``triality seq``: everything that can be refused is refused here, before jax is imported and before a folder is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from triality.cli import ranges
from triality.cli.crew import crew_of
from triality.cli.keeping_options import track_problems
from triality.cli.planned_sweep import planned
from triality.cli.ranges import refuse
from triality.cli.seq_names import OBJECTIVES, ORACLE, SCORED, credit_of
from triality.cli.seq_options import SeqOptions
from triality.data.sequence_file import Asked, read_sequences
from triality.data.sequences import SequenceData
from triality.errors import DataError
from triality.runs.folder import RunFolder

HEADS = 4
"""Of a transformer."""
LEAST_SHARE, MOST_SHARE = 0.0, 1.0


class SeqPlan(NamedTuple):
    """A checked command.

    Fields:
        options: resolved, as the run stores them.
        data: the sequences; None where an oracle is to draw them.
        notes: what the user should know.
    """

    options: SeqOptions
    data: SequenceData | None
    notes: tuple[str, ...]


def run(options: SeqOptions) -> int:
    """Check, then learn; returns the exit code."""
    if options.sweep:
        sweep = planned(options, check, resolve_like)
        from triality.cli.seq_sweep import learn_sweep

        return learn_sweep(sweep)
    plan = check(options)
    with crew_of(options.placed) as crew:
        from triality.cli.seq_learning import learn

        return learn(plan, crew)


def check(options: SeqOptions) -> SeqPlan:
    """The plan of a run.

    Raises:
        ConfigError: an option, or a combination of them, is wrong. All problems that can be found together are listed together.
        DataError: the data cannot be read, or no density can be learned from them.
    """
    refuse(_range_problems(options) + _combination_problems(options))
    if not options.placed.distributed:  # else the first process alone has the folder, and nobody knows yet which that is
        RunFolder.check(options.out, options.overwrite, options.kept.resume)
    resolved = replace(options, credit=credit_of(options.objective, options.energy) if options.credit == "auto" else options.credit)
    if options.data.startswith(ORACLE):
        path = Path(options.data.removeprefix(ORACLE))
        if not path.is_file():
            raise DataError(f"{path}: expected the oracle's file, got none there; check the path")
        return SeqPlan(resolved, None, ())
    asked = Asked(options.length, options.tokens, options.cut, options.vocabulary, options.end_token, options.seed, options.test)
    data = read_sequences(options.data, asked)
    if data.end is not None and options.objective == "reward-augmented":
        refuse(["expected sequences of one length for --objective reward-augmented, got sequences that end; use scheduled-sampling or mle"])
    return SeqPlan(resolved, data, data.notes)


def resolve_like(plan: SeqPlan, options: SeqOptions) -> SeqOptions:
    """Other options for the data of a plan, checked and resolved; they may differ from the plan's in numbers of the algorithms.

    Raises:
        ConfigError: one of them cannot be used.
    """
    refuse(_range_problems(options) + _combination_problems(options))
    return replace(options, credit=plan.options.credit)


def _range_problems(options: SeqOptions) -> list[str]:
    return [
        *ranges.counts(options, "seeds", "hidden", "num_rollouts"),
        *ranges.counts(options, "generator_steps", "energy_steps", "length", "vocabulary", least=0),
        *ranges.counts(options, "batch_size", least=2),
        *ranges.counts(options, "num_data", "num_drawn", least=100),
        *ranges.seeds(options, options.seeds),
        *options.kept.problems(options.overwrite),
        *options.placed.problems(),
        *track_problems(options.track),
        *ranges.rates(options, "generator_learning_rate", "energy_learning_rate", "sampler_learning_rate", "payoff_temperature"),
        *ranges.weights(options, "weight_prior"),
        *_share_problems(options),
    ]


def _share_problems(options: SeqOptions) -> list[str]:
    problems = []
    if not LEAST_SHARE <= options.least_share <= MOST_SHARE:
        problems.append(f"expected --least-share from 0 to 1, got {options.least_share}; it is a share of tokens")
    if not 0.0 <= options.dropout < 1.0:
        problems.append(f"expected --dropout from 0 to below 1, got {options.dropout}; it is a share of numbers")
    if not options.temperatures or any(not 0 < each < float("inf") for each in options.temperatures):
        problems.append(f"expected --temperatures above zero, got {options.temperatures}; 1 is the generator itself")
    return problems


def _combination_problems(options: SeqOptions) -> list[str]:
    problems = []
    is_oracle, traits = options.data.startswith(ORACLE), OBJECTIVES[options.objective]
    if options.generator == "transformer" and options.hidden % HEADS:
        problems.append(f"expected --hidden that {HEADS} heads divide for --generator transformer, got {options.hidden}; use a multiple")
    if options.generator_steps == 0 and (options.energy_steps == 0 or options.objective not in (*SCORED, "mixer", "actor-critic", "nce")):
        problems.append("expected gradient steps, got --generator-steps 0 and none after them; ask for some")
    if options.credit != "auto" and options.objective not in SCORED:
        problems.append(f"expected --objective gan or seqgan with --credit {options.credit}, got {options.objective}; leave it out")
    if options.credit == "by-token" and (options.energy != "by-token" or options.objective == "seqgan"):
        problems.append(
            "expected --energy by-token and --objective gan with --credit by-token, got others: the summands are the energy's; use whole"
        )
    if options.credit == "relaxed" and options.objective == "seqgan":
        problems.append("expected --objective gan with --credit relaxed, got seqgan; use rollouts or whole")
    if options.end_token is not None and is_oracle:
        problems.append("expected --end-token with sequences of numbers, got an oracle, whose sequences have one length; leave it out")
    if is_oracle and options.test is not None:
        problems.append("expected --test with a file of text, got an oracle, which draws its own; leave it out")
    if is_oracle and options.vocabulary:
        problems.append("expected --vocabulary with a file of sequences, got an oracle, which has its own; leave it out")
    problems += _idle_problems(options)
    if options.least_share != SeqOptions.least_share and not traits.has_schedule:
        problems.append(f"expected --objective scheduled-sampling or mixer with --least-share, got {options.objective}; leave it out")
    return problems


def _idle_problems(options: SeqOptions) -> list[str]:
    """Options that were given and would do nothing."""
    is_oracle, traits = options.data.startswith(ORACLE), OBJECTIVES[options.objective]
    uses_credit = options.objective in SCORED
    means = {
        "schedule": (traits.has_schedule, "--objective scheduled-sampling or mixer"),
        "payoff_temperature": (options.objective == "reward-augmented", "--objective reward-augmented"),
        "num_rollouts": (uses_credit and options.credit in ("auto", "rollouts"), "--objective seqgan, or --credit rollouts"),
        "energy": (traits.has_energy or traits.follows, "an objective that learns an energy or a discriminator"),
        "num_data": (is_oracle, "an oracle, which draws them"),
        "temperatures": (is_oracle, "an oracle, which judges them"),
        "tokens": (not is_oracle, "a file of text"),
        "cut": (not is_oracle, "a file of text"),
    }
    idle = [
        (name, needs) for name, (is_used, needs) in means.items() if not is_used and getattr(options, name) != getattr(SeqOptions, name)
    ]
    return [f"expected {needs} with {ranges.flag(name)}, got none; leave it out" for name, needs in idle]
