"""What a benchmark measured, kept as JSON under benchmarks/results, and the page of docs/results that is made from that file alone."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import ROOT, describe_machine

RESULTS, PAGES, PICTURES = ROOT / "benchmarks" / "results", ROOT / "docs" / "results", ROOT / "docs" / "_static"

Record = dict[str, Any]


@dataclass(frozen=True)
class ResultPage:
    """One script's record and page.

    Fields:
        name: of the script, its record and its page.
        measure: yields the record as far as it has come; each is written at once, with the machine, unless the record names one.
        lines: of the page, from a record. The command and the machine are put below them.
    """

    name: str
    measure: Callable[[argparse.Namespace], Iterator[Record]]
    lines: Callable[[Record], list[str]]

    def parser(self, description: str | None) -> argparse.ArgumentParser:
        """``--out``, ``--table`` and ``--fragment``; a script adds its own."""
        parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--out", type=Path, default=RESULTS / f"{self.name}.json", help="the record (default %(default)s)")
        parser.add_argument("--table", action="store_true", help="measure nothing, write the page from --out")
        parser.add_argument("--fragment", type=Path, default=PAGES / f"{self.name}.md", help="the page (default %(default)s)")
        return parser

    def run(self, options: argparse.Namespace) -> int:
        """Measure and keep, or with ``--table`` write the page; show it either way."""
        if not options.table:
            machine = describe_machine()
            for record in self.measure(options):
                options.out.parent.mkdir(parents=True, exist_ok=True)
                options.out.write_text(json.dumps({"machine": machine} | record, indent=1) + "\n")
        elif not options.out.is_file():
            raise SystemExit(f"expected a record at {options.out}, got none; run without --table first")
        text = self.page(kept(options.out))
        if options.table:
            options.fragment.parent.mkdir(parents=True, exist_ok=True)
            options.fragment.write_text("---\norphan: true\n---\n\n" + text)
        print(text)
        return 0

    def page(self, record: Record) -> str:
        """Markdown."""
        machine = record["machine"]
        made_by = f"`python benchmarks/{self.name}.py`. {machine['processor']}, {_cores(machine['cores'])}, commit {machine['commit']}."
        return "\n".join([*self.lines(record), "", made_by, ""])


def _cores(count: int) -> str:
    return f"{count} core{'s' if count != 1 else ''}"


def kept(out: Path) -> Record:
    """The record in a file; empty where there is none."""
    return json.loads(out.read_text()) if out.is_file() else {}
