"""The page of all mutants and of what killed them."""

from __future__ import annotations

from collections.abc import Mapping

from tests.mutants.every import FIELDS
from tests.mutants.workshop import Outcome

HEAD = """---
orphan: true
---

# Sabotaged mathematics

Do the tests notice when a sign, a weight or a factor is wrong? Each line is a mutant: one small change of the library, of the kind that
practitioners make, put into a copy of the sources. The tests that are named for it run against that copy, and one of them has to fail,
by its own claim: code that no longer runs, or arrays that no longer fit, count as no kill. The same tests pass on the sound copy, and a
change of a docstring survives them."""


def page(outcomes: Mapping[str, Outcome]) -> str:
    """Markdown, from outcomes by the names of the mutants."""
    killed = sum(outcome.verdict == "killed" for outcome in outcomes.values())
    lines = [HEAD, "", f"**{killed} of {len(outcomes)} are killed.**"]
    for field, mutants in FIELDS.items():
        lines += ["", f"## {field}", "", "| mutant | file | what it stands for | killed by |", "|---|---|---|---|"]
        lines += [f"| {each.name} | `{each.file}` | {each.stands_for} | {_killer(outcomes[each.name])} |" for each in mutants]
    return "\n".join([*lines, "", "`python -m tests.mutants --table docs/results/mutants.md`", ""])


def _killer(outcome: Outcome) -> str:
    return f"`{outcome.by}`" if outcome.verdict == "killed" else f"**{outcome.verdict}**: {outcome.by}"
