"""What ``triality bench`` prints: the machine's limits, a table a program, what compiling takes, and the ratios beside others."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from triality.profiling.limits import Limits
from triality.profiling.program_profile import ProgramProfile
from triality.profiling.quantities import amount_words, time_words
from triality.profiling.record import BenchRecord
from triality.profiling.stage_rows import HEAD, stage_rows

NUMBERS = (2, 3, 5, 6, 7, 8)
"""Columns that are aligned to the right."""


def print_bench(console: Console, record: BenchRecord) -> None:
    """All of a record."""
    if record.limits is not None:
        console.print(limit_words(record.limits))
        for program in record.programs:
            console.print(_stages(program, record.limits))
            console.print(compile_words(program), soft_wrap=True)
    if record.disturbed:
        names = ", ".join(record.disturbed)
        console.print(f"[yellow]note[/yellow] other programs had the processor while {names} was timed: times are too long", soft_wrap=True)
    if record.peers:
        console.print(_peers(record))


def limit_words(limits: Limits) -> str:
    """One line."""
    rate, half = (amount_words(each) for each in (limits.operations_per_second, limits.bfloat16_operations_per_second))
    return (
        f"this machine, with these settings: {rate} operations/s in matrix products of side {limits.side} ({half} in bfloat16), "
        f"{amount_words(limits.memory_bandwidth, 'B')}/s beyond the caches, {time_words(limits.seconds_a_start)} to start a small operation"
    )


def compile_words(program: ProgramProfile) -> str:
    """What compiling the chunk takes, and whether anything was compiled after the first one."""
    if program.chunk is None:
        return ""
    cost, again = program.chunk.compile, program.chunk.recompiled
    parts = f"traced {time_words(cost.trace)}, lowered {time_words(cost.lower)}, XLA {time_words(cost.compile)}"
    after = "nothing was compiled after the first chunk" if not again else f"COMPILED AFTER THE FIRST CHUNK: {', '.join(again)}"
    return f"compiling: {time_words(cost.cold)} cold ({parts}), {time_words(cost.warm)} with the cache warm; {after}"


def _stages(program: ProgramProfile, limits: Limits) -> Table:
    table = Table(title=f"{program.name}: {', '.join(f'{name} {value}' for name, value in program.setting.items())}")
    for place, name in enumerate(HEAD):
        table.add_column(name, justify="right" if place in NUMBERS else "left")
    for row in stage_rows(program, limits):
        table.add_row(*row, style="bold" if row[0].startswith("whole") else None)
    return table


def _peers(record: BenchRecord) -> Table:
    table = Table(title="times as fast as a peer, each a ratio within one run on one machine")
    for name in ("benchmark", "task", "peer", "what is compared", "ratio (range)", "runs", "commit", "machine"):
        table.add_column(name)
    for each in record.peers:
        where = f"{each.processor}, {each.cores} cores"
        cells = (each.benchmark, each.task, each.peer, each.quantity, each.words, str(len(each.ratios)), each.commit or "unknown", where)
        table.add_row(*cells)
    return table
