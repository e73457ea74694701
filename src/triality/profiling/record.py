"""All that ``triality bench`` found, and its form as JSON: what is written is read back as the same record."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from triality.errors import StorageError
from triality.profiling.compile_cost import CompileCost
from triality.profiling.limits import Limits
from triality.profiling.operation_count import OperationCount
from triality.profiling.peer_ratio import PeerRatio
from triality.profiling.program_profile import ChunkRun, ProgramProfile
from triality.profiling.repeats import Repeats
from triality.profiling.stage import StageRecord
from triality.runs.json_files import read_json, write_json

FORMAT = 2
LEAST_SHARE = 0.9
"""Of the clock's time that a process has a processor; below it something else had its turns."""


class BenchRecord(NamedTuple):
    """Of one call of the command.

    Fields:
        machine: as ``describe_machine`` has it.
        limits: of the machine; None where nothing was profiled.
        programs: of the runs that were profiled.
        peers: ratios of the side by sides.
        seconds: that all of it took.
    """

    machine: dict[str, Any]
    limits: Limits | None
    programs: tuple[ProgramProfile, ...]
    peers: tuple[PeerRatio, ...]
    seconds: float

    @property
    def disturbed(self) -> tuple[str, ...]:
        """Programs whose process did not have a processor to itself while it was timed: their times are too long."""
        shares = {program.name: program.processor_share for program in self.programs}
        return tuple(name for name, share in shares.items() if share is not None and share < LEAST_SHARE and self.on_processor)

    @property
    def on_processor(self) -> bool:
        """Whether the programs ran on the processor, and not on a device beside it."""
        return not any(word in each.lower() for each in self.machine["devices"] for word in ("cuda", "gpu", "tpu", "rocm"))


def write_bench(path: Path, record: BenchRecord) -> None:
    """Write the record as JSON.

    Raises:
        StorageError: the file cannot be written.
    """
    write_json(path, {"format": FORMAT, **record._asdict()})


def read_bench(path: Path) -> BenchRecord:
    """The record in a file that ``write_bench`` wrote.

    Raises:
        StorageError: missing, damaged, or written by another version.
    """
    value = read_json(path)
    if value.get("format") != FORMAT:
        raise StorageError(f"{path}: expected a record of triality bench of format {FORMAT}, got {value.get('format')}; run it again")
    try:
        limits = None if value["limits"] is None else _limits(value["limits"])
        programs, peers = tuple(map(_program, value["programs"])), tuple(map(_peer, value["peers"]))
        return BenchRecord(value["machine"], limits, programs, peers, float(value["seconds"]))
    except (KeyError, TypeError) as error:
        raise StorageError(f"{path}: expected a record of triality bench, got a damaged one ({error}); run it again") from error


def _limits(value: dict[str, Any]) -> Limits:
    return Limits(**{**value, "working_sets": tuple(value["working_sets"]), "bytes_per_second": tuple(value["bytes_per_second"])})


def _program(value: dict[str, Any]) -> ProgramProfile:
    whole = None if value["whole"] is None else _stage(value["whole"])
    chunk = None if value["chunk"] is None else _chunk(value["chunk"])
    return ProgramProfile(value["name"], value["setting"], tuple(map(_stage, value["stages"])), whole, chunk)


def _stage(value: dict[str, Any]) -> StageRecord:
    count = None if value["count"] is None else OperationCount(**value["count"])
    return StageRecord(**{**value, "seconds": _repeats(value["seconds"]), "count": count})


def _chunk(value: dict[str, Any]) -> ChunkRun:
    seconds, cost = _repeats(value["seconds"]), CompileCost(**value["compile"])
    return ChunkRun(**{**value, "seconds": seconds, "recompiled": tuple(value["recompiled"]), "compile": cost})


def _repeats(value: dict[str, Any]) -> Repeats:
    return Repeats(tuple(value["seconds"]), value["processor_share"])


def _peer(value: dict[str, Any]) -> PeerRatio:
    return PeerRatio(**{**value, "ratios": tuple(value["ratios"])})
