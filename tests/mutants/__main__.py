"""Tries every mutant: ``python -m tests.mutants [--only WORD] [--numprocesses N] [--table docs/results/mutants.md]``.

Exit code 1 unless all are killed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.every import MUTANTS
from tests.mutants.mutant import Mutant
from tests.mutants.table import page
from tests.mutants.workshop import Outcome, Workshop


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="puts mistakes into a copy of the library, one at a time")
    parser.add_argument("--only", metavar="WORD", default="", help="mutants whose name or file has it")
    parser.add_argument("--table", metavar="FILE", type=Path, help="write the page of all mutants")
    parser.add_argument("--numprocesses", metavar="N", type=int, default=1, help="copies of the library that are sabotaged side by side")
    options = parser.parse_args(arguments)
    if options.table and options.only:
        parser.error("expected --table for all mutants, got it with --only; leave one out")
    chosen = [each for each in MUTANTS if options.only in f"{each.name} {each.file}"]
    if not chosen:
        parser.error(f"expected a word of some mutant, got '{options.only}'; see docs/results/mutants.md")
    problems = [problem for each in chosen for problem in each.problems()]
    if problems:
        print(*problems, sep="\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        outcomes = tried([Workshop(Path(folder) / str(number)) for number in range(max(options.numprocesses, 1))], chosen)
    if options.table and outcomes:
        options.table.write_text(page(outcomes))
    alive = sum(outcome.verdict != "killed" for outcome in outcomes.values())
    print(f"{len(outcomes) - alive} of {len(outcomes)} killed")
    return int(alive > 0 or not outcomes)


def tried(workshops: Sequence[Workshop], mutants: Sequence[Mutant]) -> dict[str, Outcome]:
    """Outcomes by name; none where the mapped tests do not even pass on sound code. Each workshop tries one mutant at a time."""
    tests = list(dict.fromkeys(test for each in mutants for test in each.tests))
    sound = workshops[0].sound(tests)
    print(f"without a mutant: {sound.by}", flush=True)
    if sound.verdict != "SURVIVED":
        return {}
    free: SimpleQueue[Workshop] = SimpleQueue()
    for workshop in workshops:
        free.put(workshop)

    def outcome_of(mutant: Mutant) -> Outcome:
        workshop = free.get()
        try:
            outcome = workshop.outcome(mutant)
        finally:
            free.put(workshop)
        print(f"{outcome.verdict:8}  {mutant.name} ({mutant.file}): {outcome.by}", flush=True)
        return outcome

    with ThreadPoolExecutor(len(workshops)) as pool:
        return dict(zip((each.name for each in mutants), pool.map(outcome_of, mutants), strict=True))


if __name__ == "__main__":
    sys.exit(main())
