"""On what a run computes: the options that ``irl``, ``ebm`` and ``seq`` have in common. Imports no jax."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Annotated

import tyro

MOST_DEVICES = max(64, os.cpu_count() or 1)
"""Of one process. Parts of a CPU beyond its cores gain nothing, and jax takes minutes to begin with thousands."""


@dataclass(frozen=True)
class DevicesOptions:
    """Several devices, several machines. The numbers are those of one device, but for rounding; a run may go on on others than it began."""

    devices: int = 1
    """Devices to compute on, of each process: GPUs, or where there are none, parts of this CPU. Seeds are split over them if they come out
    even, else the batches of every seed."""
    distributed: bool = False
    """Compute together with the other processes that were started with the same command, on this machine or on others. Slurm, Open MPI and
    Kubernetes say which those are; elsewhere the next three options do. The first process prints and writes, all read the same data."""
    coordinator: Annotated[str | None, tyro.conf.arg(metavar="HOST:PORT", help_behavior_hint="(default: as the cluster says)")] = None
    """With --distributed: where the first process listens, by a name that all of them know it by."""
    num_processes: Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: as the cluster says)")] = None
    """With --distributed: how many there are."""
    process_index: Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: as the cluster says)")] = None
    """With --distributed: which of them this is, from 0."""

    @property
    def is_several(self) -> bool:
        """Whether there is more than one device, as far as these options say."""
        return self.distributed or self.devices > 1

    def problems(self) -> list[str]:
        """What is wrong, one line each."""
        wrong = []
        if self.devices < 1:
            wrong.append(f"expected --devices of at least 1, got {self.devices}; give a whole number from 1 up")
        if self.devices > MOST_DEVICES:
            wrong.append(
                f"expected --devices of at most {MOST_DEVICES}, got {self.devices}; parts of a CPU share its cores, so that more than "
                f"those ({os.cpu_count()} here) gain nothing; for more machines there is --distributed"
            )
        given = {"coordinator": self.coordinator, "num-processes": self.num_processes, "process-index": self.process_index}
        named = [f"--{name} {value}" for name, value in given.items() if value is not None]
        if named and not self.distributed:
            wrong.append(f"expected --distributed with {', '.join(named)}, got none; add it, or leave them out")
        if named and len(named) < len(given):
            missing = ", ".join(f"--{name}" for name, value in given.items() if value is None)
            wrong.append(f"expected --coordinator, --num-processes and --process-index together, got no {missing}; give all three or none")
        return wrong + self._range_problems()

    def _range_problems(self) -> list[str]:
        wrong = []
        if self.coordinator is not None and not re.fullmatch(r".+:\d{1,5}", self.coordinator):
            wrong.append(f"expected --coordinator HOST:PORT, got '{self.coordinator}'; such as node0:12345, a port that is free there")
        if self.num_processes is not None and self.num_processes < 1:
            wrong.append(f"expected --num-processes of at least 1, got {self.num_processes}; give how many were started")
        last = None if self.num_processes is None else max(self.num_processes, 1) - 1
        if self.process_index is not None and not 0 <= self.process_index <= (self.process_index if last is None else last):
            wrong.append(f"expected --process-index between 0 and {last}, got {self.process_index}; each process has its own, from 0")
        return wrong


ALONE = DevicesOptions()

Placed = Annotated[DevicesOptions, tyro.conf.arg(name="")]
"""As a field of a command's options: without a prefix of its own on the command line."""
