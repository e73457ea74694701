"""Problems of ``--actors`` and what goes with it, found before anything is loaded. Imports no jax and no Ray."""

from __future__ import annotations

from importlib.util import find_spec

from triality.cli import ranges
from triality.cli.names import Task
from triality.cli.options import IrlOptions

UNSUITED = {
    "bc": "it rolls nothing out",
    "dagger": "its expert may act too, and cannot be sent",
}
"""Algorithms that have no use for actors, and why."""
ON_POLICY = {"f-irl": "its gradient is a covariance under the policy of the moment"}
"""Algorithms whose roll-outs have to be of the policy of the moment, and why."""


def actor_problems(options: IrlOptions, task: Task) -> list[str]:
    """One line each."""
    problems = ranges.counts(options, "actors", "max_staleness", least=0)
    if options.actors <= 0:
        return problems + _without_actors(options)
    if not task.on_host:
        problems.append(f"expected no --actors with {options.env}, got {options.actors}: it is compiled; add --host, or leave them out")
    if options.workers > 0:
        problems.append(
            f"expected --actors or --workers, got {options.actors} and {options.workers}: an actor is a process of its own; leave one out"
        )
    if options.algorithm in UNSUITED:
        problems.append(f"expected no --actors with --algorithm {options.algorithm}, got {options.actors}: {UNSUITED[options.algorithm]}")
    if options.max_staleness > 0 and options.algorithm in ON_POLICY:
        why = ON_POLICY[options.algorithm]
        problems.append(
            f"expected --max-staleness 0 with --algorithm {options.algorithm}, got {options.max_staleness}: {why}; leave it out"
        )
    if find_spec("ray") is None:
        problems.append('expected the package ray with --actors, got none installed; do pip install "triality[ray]"')
    return problems


def share_problems(options: IrlOptions) -> list[str]:
    """Of the shares of the roll-outs, whose number is resolved: every actor hosts as many simulators as every other."""
    if options.actors <= 0 or options.num_rollouts % options.actors == 0:
        return []
    fitting = options.num_rollouts + -options.num_rollouts % options.actors
    return [
        f"expected --num-rollouts to be a multiple of --actors, got {options.num_rollouts} and {options.actors}; "
        f"set --num-rollouts {fitting}, or change --actors"
    ]


def _without_actors(options: IrlOptions) -> list[str]:
    given = {"--ray-address": options.ray_address, "--max-staleness": options.max_staleness if options.max_staleness > 0 else None}
    return [f"expected --actors with {flag} {value}, got none; add them, or leave it out" for flag, value in given.items() if value]
