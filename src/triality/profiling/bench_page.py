"""The page of ``triality bench``: one self-contained file, with the frame, the figures and the colors of a run's report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from triality.profiling.bench_figures import compile_panel, ratio_panels, roofline_panel, stage_panel
from triality.profiling.limits import Limits
from triality.profiling.peer_ratio import PeerRatio
from triality.profiling.program_profile import ProgramProfile
from triality.profiling.quantities import MISSING, amount_words, share_words, time_words
from triality.profiling.record import BenchRecord
from triality.profiling.stage_rows import HEAD, roofline_of, stage_rows
from triality.runs.atomic import replace_file
from triality.runs.report import page
from triality.runs.report.alarms import Verdict
from triality.runs.report.words import duration

NOTES = (
    "Time is the median of the repeats, the middle half stands beside it. Each stage is compiled alone, on the state that the run is in.",
    "Operations and bytes are XLA's own count of the compiled program, with the bodies of loops counted as often as they go round. Bytes "
    "are those of every kernel's operands and results, wherever they lie.",
    "The share of the limit is the larger of two: operations against the fastest float32 matrix product, and bytes against the bandwidth "
    "that arrays of the program's own size get. Both limits were measured in this process. Where neither reaches a tenth, the time goes "
    "into starting small operations one after the other.",
)


def write_bench_page(path: Path, record: BenchRecord) -> None:
    """Write the page.

    Raises:
        StorageError: it cannot be written.
    """
    text = render_bench_page(record).encode()
    replace_file(path, lambda file: _write_all(file, text))


def _write_all(file: BinaryIO, text: bytes) -> None:
    file.write(text)


def render_bench_page(record: BenchRecord) -> str:
    """The page as HTML."""
    machine = record.machine
    title = "How far from the machine's limit" if record.programs else "Beside other libraries"
    where = f"{machine['processor']}, {machine['cores']} cores, commit {machine['commit'] or 'unknown'}"
    header = "\n".join((f"<h1>{page.escape(title)}</h1>", page.paragraph(where, "subtitle"), _keys(record)))
    sections: list[str] = []
    if record.limits is not None and record.programs:
        sections += [_disturbed(record), *(_program(program, record.limits) for program in record.programs)]
        panels = [roofline_panel(record.programs, record.limits), compile_panel(record.programs)]
        sections.append(
            page.section("The machine, and compiling", page.panels(panels), _limits(record.limits), _compiling(record.programs))
        )
        sections.append(page.section("How to read it", page.listing(NOTES)))
    sections += [_peers(record.peers), page.section("Where it was measured", _machine(machine))]
    footer = page.paragraph(f"triality bench, {duration(record.seconds)} in all.")
    return page.page(f"{title} · triality", header, (each for each in sections if each), footer)


def _disturbed(record: BenchRecord) -> str:
    """Only where times are too long."""
    if not record.disturbed:
        return ""
    told = f"While {', '.join(record.disturbed)} was timed, other programs had the processor too: times are too long, and shares too small."
    return page.verdict_box(Verdict("caution", "The machine was busy", f"{told} Measure again when nothing else runs."), None)


def _keys(record: BenchRecord) -> str:
    numbers = []
    if record.limits is not None:
        numbers += [
            page.KeyNumber("matrix products", f"{amount_words(record.limits.operations_per_second)}/s", "operations, float32"),
            page.KeyNumber("memory", f"{amount_words(record.limits.memory_bandwidth, 'B')}/s", "beyond the caches"),
        ]
        for program in record.programs:
            if program.whole is not None:
                near = roofline_of(program.whole, record.limits)
                remark = f"{share_words(near.share)} of the limit, {near.binds}" if near is not None else "on the host"
                numbers.append(page.KeyNumber(f"{program.name}, a step", time_words(program.whole.median), remark))
    return page.key_numbers(numbers)


def _program(program: ProgramProfile, limits: Limits) -> str:
    setting = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in program.setting.items())
    rows = stage_rows(program, limits)
    whole = next((place for place, row in enumerate(rows) if row[0].startswith("whole")), None)
    table = page.table(f"{program.name}: {setting}", HEAD, rows, marked=whole)
    return page.section(program.name, _verdict(program), page.panels([stage_panel(program, limits)]), table)


def _verdict(program: ProgramProfile) -> str:
    """Only where something is wrong: a program that was compiled in the middle of a run."""
    if program.chunk is None or not program.chunk.recompiled:
        return ""
    names = ", ".join(program.chunk.recompiled)
    told = f"After the first chunk nothing should be: shapes and types stay the same. Compiled again: {names}."
    return page.verdict_box(Verdict("bad", "The run compiled again", told), None)


def _limits(limits: Limits) -> str:
    rates = zip(limits.working_sets, limits.bytes_per_second, strict=True)
    rows = [(f"arrays of {amount_words(size, 'B')} together", f"{amount_words(rate, 'B')}/s") for size, rate in rates]
    product = (f"matrix products, side {limits.side}", f"{amount_words(limits.operations_per_second)} operations/s")
    half = ("the same in bfloat16, added up in float32", f"{amount_words(limits.bfloat16_operations_per_second)} operations/s")
    start = ("starting a small operation", time_words(limits.seconds_a_start))
    return page.table("What the machine can do", ("what", "rate"), [product, half, *rows, start])


def _compiling(programs: Sequence[ProgramProfile]) -> str:
    rows = [
        (
            program.name,
            *(time_words(each) for each in (*program.chunk.compile[:3], program.chunk.compile.cold, program.chunk.compile.warm)),
            ", ".join(program.chunk.recompiled) or "nothing",
        )
        for program in programs
        if program.chunk is not None
    ]
    head = ("program", "tracing", "lowering", "XLA", "cold, all three", "warm, all three", "compiled after the first chunk")
    return page.table("Compiling one chunk", head, rows)


def _peers(peers: Sequence[PeerRatio]) -> str:
    if not peers:
        return ""
    rows = [
        (
            each.task,
            each.peer,
            each.quantity,
            each.words,
            str(len(each.ratios)),
            each.benchmark,
            each.commit or MISSING,
            f"{each.processor}, {each.cores} cores",
        )
        for each in peers
    ]
    head = ("task", "peer", "what is compared", "times as fast (range)", "runs", "benchmark", "commit", "machine")
    said = page.paragraph("Each is a ratio within one run on one machine; ratios of different machines or commits do not compare.")
    table = page.table("Times as fast as a peer", head, rows, kind="words")
    return page.section("Beside other libraries", said, page.panels(ratio_panels(peers)), table)


def _machine(machine: dict[str, Any]) -> str:
    load = ", ".join(f"{each:.1f}" for each in machine["load_average"]) if machine.get("load_average") else MISSING
    rows = [
        ("processor", f"{machine['processor']}, {machine['cores']} cores for this process"),
        ("load average at the start", load),
        ("devices of jax", ", ".join(machine.get("devices", []))),
        ("XLA_FLAGS", machine.get("xla_flags") or MISSING),
        ("commit", machine["commit"] or MISSING),
        ("versions", ", ".join(f"{name} {found}" for name, found in {"python": machine["python"], **machine["packages"]}.items())),
    ]
    return page.table("Machine and versions", ("what", "found"), rows, kind="words")
