"""``triality export``: the learned cost and policy of one seed as plain files."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from triality.cli.export_options import ExportOptions
from triality.cli.names import COSTLESS, METHODS
from triality.cli.outputs import check_export_folder, make_folder
from triality.cli.stored import StoredRun, load_states, open_run
from triality.errors import ConfigError


def run(options: ExportOptions) -> int:
    """Write the files; returns the exit code."""
    stored = open_run(options.run)
    index = seed_index(stored, options.seed)
    names = ("policy",) if stored.options.algorithm in COSTLESS else ("cost", "policy")
    check_export_folder(options.out, names, options.overwrite)
    import jax

    from triality.export.write import write_cost, write_policy

    _, states = load_states(stored)
    writers: dict[str, Any] = {"cost": write_cost, "policy": write_policy}
    make_folder(options.out)
    for name in names:
        learned = jax.tree.map(lambda leaf: leaf[index], getattr(states, name))
        writers[name](options.out, learned, stored.task.spec, stored.task.is_absorbing)
    console = Console()
    console.print(f"{stored.options.env}, seed {stored.options.seed + index}: {' and '.join(names)} in {options.out}", highlight=False)
    if "cost" not in names:
        console.print(f"{METHODS[stored.options.algorithm]} learns no cost")
    return 0


def seed_index(stored: StoredRun, seed: int | None) -> int:
    """Where a seed stands among those of a run; the first where none is named.

    Raises:
        ConfigError: the run has no such seed.
    """
    first, last = stored.options.seed, stored.options.seed + stored.options.seeds - 1
    if seed is None:
        return 0
    if not first <= seed <= last:
        known = str(first) if first == last else f"{first} to {last}"
        raise ConfigError(f"expected --seed among those of {stored.folder.path} ({known}), got {seed}; leave it out for the first")
    return seed - first
