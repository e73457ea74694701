"""What becomes of damaged files: noticed, harmless, or silently something else, in every format that the library reads.

    python benchmarks/damaged_files.py            # about ten minutes
    python benchmarks/damaged_files.py --table    # docs/results/damaged_files.md from the result file

Files of a few kilobytes, damaged at random places and read by the library: one flipped bit; a cut; bytes inserted, deleted, copied
elsewhere; numbers of headers replaced; and in zips a member written twice, or damage under checksums that were made anew. Beside them the
two formats that such arrays are kept in most often, read by their own libraries, numpy and safetensors. The trials are those of
``tests/faults``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from machine import ROOT
from result_page import Record, ResultPage, kept

sys.path.insert(0, str(ROOT))

from tests.faults.formats import FORMATS, RAW
from tests.faults.trials import run_trials

COUNTS = {"flip": 5000, "cut": 500, "insert": 500, "delete": 500, "splice": 500, "number": 1000, "member twice": 200, "resealed": 500}
WORDS = {
    "flip": "a flipped bit",
    "cut": "cut off",
    "insert": "bytes inserted",
    "delete": "bytes deleted",
    "splice": "bytes copied elsewhere",
    "number": "a number replaced",
    "member twice": "a member or line twice",
    "resealed": "inside, checksums anew",
}
OURS = tuple(name for name, form in FORMATS.items() if form.is_checked)
"""Formats with a checksum over all that is read."""


def measure(options: argparse.Namespace) -> Iterator[Record]:
    record: Record = kept(options.out) if options.formats else {}
    record |= {"counts": COUNTS, "formats": record.get("formats", {})}
    for name in options.formats or [*FORMATS, *RAW]:
        with tempfile.TemporaryDirectory() as folder:
            (found,) = run_trials([name], COUNTS, Path(folder) / "files", seed=options.seed)
        if name in RAW:  # other libraries have errors of their own
            for kind, counts in found["kinds"].items():
                counts["noticed"] = COUNTS[kind] - counts["harmless"] - counts["silent"]
            found["violations"] = []
        record["formats"][name] = {"kinds": found["kinds"], "growth": found["growth"], "broken": found["violations"]}
        print(name, {kind: tuple(counts.values()) for kind, counts in found["kinds"].items()}, found["violations"][:3], flush=True)
        yield record


def lines(record: Record) -> list[str]:
    formats = record["formats"]
    flips, others = record["counts"]["flip"], [kind for kind in record["counts"] if kind != "flip"]
    checked = sum(sum(each["kinds"]["flip"].values()) for name, each in formats.items() if name in OURS)
    silent = sum(each["kinds"]["flip"]["silent"] for name, each in formats.items() if name in OURS)
    broken = sum(len(each["broken"]) for each in formats.values())
    text = [
        "# What becomes of damaged files",
        "",
        f"{flips:,} files of each format, one bit flipped at random. *Noticed*: refused with an error of the library. *Harmless*: what",
        "is read is what was written. *Silent*: something else is read, and nothing is said.",
        "",
        "| format | noticed | harmless | silent |",
        "|---|---:|---:|---:|",
    ]
    order = [*(name for name in formats if name in OURS), *(name for name in formats if name not in OURS and name not in RAW), *RAW]
    for name in (each for each in order if each in formats):
        counts = formats[name]["kinds"]["flip"]
        bold = ("**", "**") if name in OURS else ("", "")
        text.append(f"| {name} | {counts['noticed']:,} | {counts['harmless']:,} | {bold[0]}{counts['silent']:,}{bold[1]} |")
    text += [
        "",
        f"Bold: the formats with a checksum over all that is read, {silent} silent of {checked:,}. In the others a changed number is a",
        "number: keep demonstrations as npz (`triality demos convert`). Harmless flips fall on dates, padding, and what is not read.",
        "",
        "## Silent, of other damage",
        "",
        f"| format | {' | '.join(WORDS[kind] for kind in others)} |",
        f"|---|{'---:|' * len(others)}",
    ]
    for name in (each for each in order if each in formats):
        kinds = formats[name]["kinds"]
        text.append(f"| {name} | {' | '.join(str(kinds[kind]['silent']) for kind in others)} |")
    text += [
        "",
        f"Of {', '.join(str(record['counts'][kind]) for kind in others)}.",
        "A zip whose members are damaged and whose checksums are made anew is no accident; checkpoints and exported models",
        "keep hashes of their own, and notice it.",
        "",
        f"Of the {_num_files(formats):,} files that the library read, {broken or 'none'} ended in another error than its own, took more",
        "than a second of the processor, or more than 200 MB of memory.",
    ]
    return text


def _num_files(formats: Record) -> int:
    return sum(sum(counts.values()) for name, each in formats.items() if name not in RAW for counts in each["kinds"].values())


PAGE = ResultPage("damaged_files", measure, lines)


def main() -> int:
    parser = PAGE.parser(__doc__)
    parser.add_argument("--formats", nargs="+", help="measure these alone, and keep the others of the record")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default %(default)s)")
    return PAGE.run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
