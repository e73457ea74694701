"""Who collects the roll-outs of ``triality irl`` on the host: a collector in this process, or actors, in step with the updates or not."""

from __future__ import annotations

from triality.cli.names import Task, make_simulators, simulators_of_actor
from triality.remote.crew import Counts, Crew
from triality.remote.delayed_collector import DelayedCollector
from triality.remote.ray_actors import RayActors
from triality.remote.remote_collector import RemoteCollector
from triality.simulators.collector import Collector
from triality.simulators.endings import Absorbed, Padded


def make_collector(task: Task, num: int) -> Collector | RemoteCollector:
    """A collector of ``num`` roll-outs at a time, each from the policy that it is given.

    Raises:
        ConfigError: no cluster, or no room in it; an environment that cannot be made.
    """
    ending, hosting = Absorbed() if task.is_absorbing else Padded(), task.hosting
    if not hosting.actors:
        return Collector(make_simulators(task, num), ending=ending)
    rows, horizon = num // hosting.actors, task.bare.time_limit
    actors = RayActors(simulators_of_actor(task, rows), hosting.actors, horizon, ending, hosting.ray_address)
    return RemoteCollector(Crew(actors, rows, hosting.max_restarts), task.spec, horizon)


def make_delayed(collector: Collector | RemoteCollector, max_staleness: int) -> DelayedCollector | None:
    """What collects while the update computes; None where every batch is of the policy of the moment."""
    return DelayedCollector(collector, max_staleness) if max_staleness and isinstance(collector, RemoteCollector) else None


def counts_of(collector: Collector | RemoteCollector) -> Counts:
    """What became of roll-outs; nothing ever becomes of those in this process."""
    return collector.counts if isinstance(collector, RemoteCollector) else Counts()


def counted(before: Counts, after: Counts, delayed: DelayedCollector | None) -> dict[str, float | int]:
    """One iteration's part of the log: roll-outs that were lost or too late, actors replaced, and the mean age of a batch's policies.

    Example:
        >>> counted(Counts(4, 0, 0, 0), Counts(10, 2, 4, 1), None)
        {'lost': 2, 'stale': 4, 'restarts': 1}
    """
    since = {name: getattr(after, name) - getattr(before, name) for name in ("lost", "stale", "restarts")}
    return since if delayed is None else since | {"staleness": delayed.staleness}
