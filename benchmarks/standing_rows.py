"""Rows of a table's page whose runs are recorded nowhere: they stay as they stand when the page is written anew, and are named as such.

Runs made before ``study_of_runs`` kept records left nothing but their row. Its IQM took quarters by share (of five values the middle three
with weights 3/4, 1, 3/4; of three 1/4, 1, 1/4), and the seeds it was taken of are not there to take it again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

COMMITS = re.compile(r"Commits of the (?:runs|standing rows): (.*?)\.(?:\s|$)")
LOAD = re.compile(r"load average at the start of a job (\d+\.\d+) to (\d+\.\d+)")
WHERE = re.compile(r"(?:Table|They were) made on (.*?)\. (?:Python|Commits)")
NAMED = re.compile(r"^\*\*Standing rows\*\*.*$", re.MULTILINE)


class Standing(NamedTuple):
    """What a page holds.

    Fields:
        rows: by section, row and number of demonstrations, the line of the table.
        commits: of the runs behind them.
        where: the machine, and its load, that they were made on.
        loads: lowest and highest load average that the page names; none where it names none.
    """

    rows: Mapping[tuple[str, str, int], str]
    commits: str
    where: str = ""
    loads: tuple[float, ...] = ()

    def note(self, kept: list[str]) -> str:
        """What is to be known of the rows that were kept; they are counted, since a page may keep nearly all."""
        return (
            f"**Standing rows** ({len(kept)}: {'; '.join(kept)}) are of runs whose records are "
            "not kept. Their IQM takes quarters by share: of five seeds the middle three with weights 3/4, 1, 3/4, of three 1/4, 1, 1/4. "
            "It differs by little from that of the other rows. They were made on "
            f"{self.where or 'a machine not recorded'}. Commits of the standing rows: {self.commits or 'not recorded'}."
        )


def standing_in(page: Path | None) -> Standing:
    """The rows of a page as it is; none where there is no page.

    Example: a page of one section ``## Methods`` with the line ``| cloning | 5 | **0.9** |`` has the row ("Methods", "cloning", 5).
    """
    if page is None or not page.is_file():
        return Standing({}, "")
    text = page.read_text()
    rows, section = {}, ""
    for line in text.splitlines():
        section = line.removeprefix("## ") if line.startswith("## ") else section
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) > 2 and cells[1].isdigit():
            rows[section, cells[0], int(cells[1])] = line
    marked = NAMED.search(text)
    found = COMMITS.search(marked.group() if marked else text)
    load, where = LOAD.search(text), WHERE.search(marked.group() if marked else text)
    return Standing(
        rows, found.group(1) if found else "", where.group(1) if where else "", tuple(map(float, load.groups())) if load else ()
    )
