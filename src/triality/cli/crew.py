"""Who computes a run of the command: this process alone, on one device or several, or this one among others."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from triality.cli.devices_options import DevicesOptions
from triality.errors import ConfigError, TrialityError

if TYPE_CHECKING:
    from triality.devices.fleet import Fleet
    from triality.devices.machines import Machines
    from triality.runs.keeping import Keeping
    from triality.runs.shared_keeper import AnyKeeper

LAST = 1.0
"""Seconds that the first process waits before it ends with an error: the others, which meet it through the first, say their own."""


class Crew(NamedTuple):
    """See the module.

    Fields:
        fleet: the devices.
        machines: the processes; None where there is one.
    """

    fleet: Fleet
    machines: Machines | None = None

    @property
    def leads(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.machines is None or self.machines.leads

    def agreed(self, value: float) -> float:
        """A number that processes may have computed with other rounding, as the first one has it."""
        import numpy as np

        return value if self.machines is None else float(self.machines.from_first(np.array([value]))[0])

    def kept_run(
        self, path: Path, command: str, config: Mapping[str, Any], keeping: Keeping, say: Callable[[str], None]
    ) -> AbstractContextManager[AnyKeeper]:
        """The folder of the run, for all processes; see ``runs.keeper`` and ``runs.shared_keeper``."""
        from triality.runs.keeper import kept_run
        from triality.runs.shared_keeper import shared_run

        if self.machines is None:
            return kept_run(path, command, config, keeping, say)
        return shared_run(self.machines, path, command, config, keeping, say)


@contextlib.contextmanager
def crew_of(options: DevicesOptions) -> Iterator[Crew]:
    """What the options ask for, before anything else has made jax look for its devices.

    With other processes, one that fails ends at once, with its error and exit code: on the usual way out it would wait for them.

    Raises:
        ConfigError: there are not so many devices, or no cluster.
        PeerLostError: the processes do not find each other.
    """
    if not options.distributed:
        yield _alone(options)
        return
    try:
        yield from _among_others(options)
    except TrialityError as error:
        print(f"triality: {error}", file=sys.stderr, flush=True)
        _end(error.exit_code)
    except BaseException:
        import traceback

        traceback.print_exc()
        _end(1)


def _alone(options: DevicesOptions) -> Crew:
    from triality.devices.fleet import OneDevice, SeveralDevices
    from triality.devices.mesh import ask_for_cpu_devices, check_platform, data_mesh

    if options.devices > 1:
        ask_for_cpu_devices(options.devices)
    check_platform()
    if options.devices == 1:
        return Crew(OneDevice())
    return Crew(SeveralDevices(data_mesh(options.devices)))


def _among_others(options: DevicesOptions) -> Iterator[Crew]:
    import jax

    from triality.devices.fleet import SeveralDevices
    from triality.devices.machines import join, noticing_lost_peers
    from triality.devices.mesh import data_mesh

    with noticing_lost_peers():
        machines = join(options.coordinator, options.num_processes, options.process_index, options.devices)
        if options.devices > 1 and jax.default_backend() == "cpu":
            raise ConfigError(
                f"expected --devices 1 with --distributed on CPUs, got {options.devices}: collectives of several parts of a CPU in several "
                "processes can wait for each other for ever; start as many processes more"
            )
        mesh = data_mesh(options.devices)
        with contextlib.ExitStack() as stack:
            if not machines.leads:
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(contextlib.redirect_stdout(nowhere))
            yield Crew(SeveralDevices(mesh), machines)
        jax.distributed.shutdown()


def _end(code: int) -> None:
    import jax

    sys.stdout.flush()
    sys.stderr.flush()
    if jax.distributed.is_initialized() and jax.process_index() == 0:
        time.sleep(LAST)
    os._exit(code)
