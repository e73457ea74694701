"""The body of ``triality seq``: generator, energy, what both are worth, and a run folder that explains itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from triality.cli.config import as_config
from triality.cli.crew import Crew
from triality.cli.density_stages import Told
from triality.cli.machine_limits import refuse_beyond_memory
from triality.cli.notes import print_note
from triality.cli.seq import SeqPlan
from triality.cli.seq_judgement import Judged, judge
from triality.cli.seq_options import SeqOptions
from triality.cli.seq_parts import of_oracle, path_of, read_oracle
from triality.cli.seq_pictures import picture_arrays
from triality.cli.seq_stages import FittedSequences, fit
from triality.cli.seq_summary import print_result, summarize
from triality.cli.stage_keeper import StageKeeper
from triality.cli.training import progress_bar
from triality.data.sequences import SequenceData
from triality.runs.atomic import replace_file
from triality.runs.checkpoint import write_checkpoint
from triality.runs.folder import RunFolder
from triality.runs.report.report import write_report
from triality.runs.resumption import digest_of
from triality.samplers.tokens.token_sampler import TokenSampler

console = Console()


def learn(plan: SeqPlan, crew: Crew) -> int:
    """Run a checked command to its end; with other processes, they learn together and the first one judges."""
    options = plan.options
    oracle, data = read_data(plan)
    for note in plan.notes:
        print_note(note)
    config = {**as_config(options), **found_in(plan, data)}
    refuse_large(options, data, 1)
    keeping = options.kept.keeping(options.overwrite, inputs_of(options), track=options.track)
    with crew.kept_run(options.out, "seq", config, keeping, print_note) as keeper:
        fits: list[FittedSequences] = []
        stages = StageKeeper(keeper)
        with progress_bar(console) as bar:
            for seed in range(options.seed, options.seed + options.seeds):
                fits.append(fit(options, data, seed, Told(bar, stages, seed, 0.0, crew)))
        stages.ended()
        if not crew.leads:
            return 0
        summary, report = conclude(keeper.folder, options, (oracle, data), fits, config, lambda: keeper.seconds)
        keeper.finished(summary)
    print_result(console, summary, report)
    return 0


def read_data(plan: SeqPlan) -> tuple[TokenSampler | None, SequenceData]:
    """The oracle, where the data come from one, and the data."""
    oracle = read_oracle(plan.options)
    if oracle is None:
        assert plan.data is not None, "the plan was checked"
        return None, plan.data
    with console.status("drawing sequences from the oracle"):
        return oracle, of_oracle(oracle, plan.options)


def conclude(
    folder: RunFolder,
    options: SeqOptions,
    learned_from: tuple[TokenSampler | None, SequenceData],
    fits: list[FittedSequences],
    config: dict[str, Any],
    seconds: Callable[[], float],
) -> tuple[dict[str, Any], Path]:
    """Everything that a run writes at its end; its summary, and the path of its report.

    Raises:
        StorageError: a file cannot be written.
    """
    oracle, data = learned_from
    state = [{"first": each.first, "sampler": each.sampler, "energy": each.energy} for each in fits]
    write_checkpoint(folder.state_path, {"seeds": state}, step=options.energy_steps, config=config)
    judged: list[Judged] = []
    with console.status("judging on held-out sequences"):
        judged = [judge(jax.random.key(1000 + options.seed + i), each, data, oracle, options) for i, each in enumerate(fits)]
    arrays = picture_arrays(data, judged[0])
    replace_file(folder.path / "figures.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
    summary = summarize(config, options, data, fits, judged, seconds())
    folder.write_summary(summary)
    return summary, write_report(folder.path)


def found_in(plan: SeqPlan, data: SequenceData) -> dict[str, Any]:
    """What the data turned out to be, beside the options in the configuration."""
    return {
        "temperatures": list(plan.options.temperatures),
        "found_length": data.length,
        "found_vocabulary": data.vocabulary,
        "found_end": data.end,
        "num_train": len(data.train),
        "num_valid": len(data.valid),
        "num_test": len(data.test),
        "notes": list(plan.notes),
    }


def refuse_large(options: SeqOptions, data: SequenceData, num_points: int) -> None:
    """Raise where minibatches and draws of so many settings side by side are larger than the memory.

    Raises:
        ConfigError: they are.
    """
    size = 4 * max(options.batch_size, options.num_drawn) * data.length * options.hidden * num_points
    refuse_beyond_memory("minibatches and draws", size, "ask for a smaller --batch-size or --num-drawn")


def inputs_of(options: SeqOptions) -> dict[str, str]:
    """What the run reads, told apart by content."""
    read = {"data": path_of(options)} | ({} if options.test is None else {"test": options.test})
    return {name: digest_of(path) for name, path in read.items()}
