"""What of ``triality irl`` goes on several devices, and in blocks of seeds. Imports no jax."""

from __future__ import annotations

from triality.cli.names import Task
from triality.cli.options import IrlOptions


def device_problems(options: IrlOptions, task: Task) -> list[str]:
    """What runs on one device alone."""
    if not options.placed.is_several:
        return []
    given = "--distributed" if options.placed.distributed else f"--devices {options.placed.devices}"
    if task.on_host:
        return [
            f"expected a compiled environment with {given}, got {task.bare.name} on the host: one process steps its simulators, and their "
            "time would not be split; leave it out, and run seeds as processes of their own"
        ]
    if options.algorithm == "dagger":
        return [f"expected another --algorithm than dagger with {given}: what it learns from grows from round to round; leave it out"]
    return []


def block_problems(options: IrlOptions, task: Task) -> list[str]:
    """What ``--seeds-at-once`` does not go with."""
    if options.seeds_at_once and options.placed.is_several:
        return [f"expected no --seeds-at-once with several devices, got {options.seeds_at_once}: they hold all seeds at once; leave it out"]
    if options.seeds_at_once == 0 or not task.on_host:
        return []
    got = f"expected no --seeds-at-once with {task.bare.name} on the host, got {options.seeds_at_once}"
    return [f"{got}: its seeds follow one another; leave it out"]
