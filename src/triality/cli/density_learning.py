"""The body of ``triality ebm``: generator, energy, log Z, and a run folder that explains itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from triality.cli.config import as_config
from triality.cli.crew import Crew
from triality.cli.density_judgement import Judged, judge
from triality.cli.density_pictures import picture_arrays
from triality.cli.density_split import Split, log_scale_of, split_of
from triality.cli.density_stages import Fitted, Told, fit
from triality.cli.density_summary import print_result, summarize
from triality.cli.ebm import DensityPlan
from triality.cli.machine_limits import refuse_beyond_memory
from triality.cli.notes import print_note
from triality.cli.options import EbmOptions
from triality.cli.stage_keeper import StageKeeper
from triality.cli.training import progress_bar
from triality.runs.atomic import replace_file
from triality.runs.checkpoint import write_checkpoint
from triality.runs.folder import RunFolder
from triality.runs.report.report import write_report
from triality.runs.resumption import digest_of

console = Console()


def learn(plan: DensityPlan, crew: Crew) -> int:
    """Run a checked command to its end; with other processes, they learn together and the first one judges."""
    options = plan.options
    for note in plan.notes:
        print_note(note)
    split = split_of(plan)
    config = {**as_config(options), **found_in(plan, split)}
    refuse_large(options, split, 1)
    keeping = options.kept.keeping(options.overwrite, inputs_of(options), track=options.track)
    with crew.kept_run(options.out, "ebm", config, keeping, print_note) as keeper:
        fits: list[Fitted] = []
        stages = StageKeeper(keeper)
        with progress_bar(console) as bar:
            for seed in range(options.seed, options.seed + options.seeds):
                fits.append(fit(options, split, seed, Told(bar, stages, seed, log_scale_of(split), crew)))
        stages.ended()
        if not crew.leads:
            return 0
        summary, report = conclude(keeper.folder, plan, split, fits, config, lambda: keeper.seconds)
        keeper.finished(summary)
    print_result(console, summary, report)
    return 0


def conclude(
    folder: RunFolder, plan: DensityPlan, split: Split, fits: list[Fitted], config: dict[str, Any], seconds: Callable[[], float]
) -> tuple[dict[str, Any], Path]:
    """Everything that a run writes at its end; its summary, and the path of its report.

    Raises:
        StorageError: a file cannot be written.
    """
    options = plan.options
    state = [{"first": each.first, "sampler": each.sampler, "energy": each.energy} for each in fits]
    scales = {"shift": split.shift, "scale": split.scale}
    write_checkpoint(folder.state_path, {"seeds": state, **scales}, step=options.energy_steps, config=config)
    judged: list[Judged] = []
    with console.status("estimating log Z, judging samples"):
        judged = [judge(jax.random.key(1000 + options.seed + i), each, split, options) for i, each in enumerate(fits)]
    arrays = picture_arrays(split, fits[0], judged[0], plan.names)
    replace_file(folder.path / "figures.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
    summary = summarize(config, options, split, fits, judged, seconds())
    folder.write_summary(summary)
    return summary, write_report(folder.path)


def found_in(plan: DensityPlan, split: Split) -> dict[str, Any]:
    """What the data turned out to be, beside the options in the configuration."""
    return {"kind": split.space.kind, "dim": split.space.dim, "image": list(split.space.image), "notes": list(plan.notes)}


def inputs_of(options: EbmOptions) -> dict[str, str]:
    """What the run reads, told apart by content."""
    return {} if options.data is None else {"data": digest_of(options.data)}


def refuse_large(options: EbmOptions, split: Split, num_points: int) -> None:
    """Raise where minibatches and draws of so many settings side by side are larger than the memory.

    Raises:
        ConfigError: they are.
    """
    size = 4 * max(options.batch_size, options.num_drawn) * split.space.dim * num_points
    refuse_beyond_memory("minibatches and draws", size, "ask for a smaller --batch-size or --num-drawn")
