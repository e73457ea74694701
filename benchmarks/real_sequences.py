"""Real text and music by the command: characters of Shakespeare, captions of COCO, chorales of Bach; generator and tilted model, held out.

    python benchmarks/real_sequences.py                    # what is not done yet; about an hour on one core
    python benchmarks/real_sequences.py --only captions
    python benchmarks/real_sequences.py --table            # docs/results/real_sequences.md from the record

Each is one run of ``triality seq``; its options stand in the page. The files belong to their authors and are not part of this project
(--data). BLEU and self-BLEU by Texygen's definitions over 10,000 samples; beside them what sentences of the training set themselves have,
by this program, which is the check that the definitions are the same: Texygen's table has that row too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import ROOT
from result_page import Record, ResultPage, kept

from triality.data.vocabularies import WORDS
from triality.metrics.bleu import bleu, self_bleu

RUNS = {
    "Shakespeare, characters": (
        "tinyshakespeare.txt",
        (
            "--cut",
            "windows",
            "--tokens",
            "characters",
            "--length",
            "64",
            "--hidden",
            "128",
            "--generator-steps",
            "6000",
            "--dropout",
            "0.1",
        ),
    ),
    "COCO captions, words": (
        "coco_captions_train.txt",
        ("--hidden", "64", "--generator-steps", "6000", "--generator-learning-rate", "0.005"),
    ),
    "JSB chorales, four voices": (
        "jsb_chorales.npz",
        ("--length", "128", "--hidden", "128", "--generator-steps", "4000", "--dropout", "0.3"),
    ),
}
TEST_FILES = {"COCO captions, words": "coco_captions_test.txt"}
ORDERS = (2, 3, 4, 5)
TEXYGEN = {
    "training set": ((0.740, 0.520, 0.337, 0.218), (0.892, 0.747, 0.573, 0.415)),
    "SeqGAN": ((0.745, 0.498, 0.294, 0.180), (0.950, 0.840, 0.670, 0.489)),
    "LeakGAN": ((0.746, 0.528, 0.355, 0.230), (0.966, 0.913, 0.848, 0.780)),
}
"""BLEU-2 to 5 on the test set, self-BLEU-2 to 5, as published with the Texygen benchmark (Zhu et al., arXiv:1802.01886)."""


def main() -> int:
    result = ResultPage("real_sequences", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the files (%(default)s)")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "real_sequences", help="folder of the run folders (%(default)s)")
    parser.add_argument("--only", default="", help="data sets whose name contains it")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    found: dict[str, Any] = kept(options.out).get("runs", {})
    of_training = kept(options.out).get("training_sentences") or training_sentences(options.data)
    for name, (file, settings) in RUNS.items():
        if options.only not in name or name in found:
            continue
        out = options.runs / name.split(",")[0].replace(" ", "_").lower()
        command = [sys.executable, "-m", "triality", "seq", "--data", str(options.data / file), *settings, "--out", str(out), "--overwrite"]
        command += ["--test", str(options.data / TEST_FILES[name])] if name in TEST_FILES else []
        subprocess.run(command, check=True)
        summary = json.loads((out / "summary.json").read_text())
        settings_told = [*settings, *(["--test", TEST_FILES[name]] if name in TEST_FILES else [])]
        kept_fields = {field: summary[field] for field in ("iqm", "alarm", "log_z_estimates", "seconds")}
        sizes = {field: summary["config"][field] for field in ("num_train", "num_test", "found_length", "found_vocabulary")}
        found[name] = {"file": file, "settings": settings_told, **kept_fields, **sizes}
        yield {"runs": found, "training_sentences": of_training}
    yield {"runs": found, "training_sentences": of_training}


def training_sentences(folder: Path) -> dict[str, list[float]]:
    """BLEU of training captions against the test captions, and among themselves."""
    train, test = (
        [WORDS.findall(line) for line in (folder / f"coco_captions_{part}.txt").read_text().splitlines()] for part in ("train", "test")
    )
    return {"bleu": [bleu(train[:1000], test, n) for n in ORDERS], "self_bleu": [self_bleu(train, n) for n in ORDERS]}


def page(record: Record) -> list[str]:
    lines = ["# Real text and music", ""]
    lines += [
        "| data | sequences | tokens | NLL, generator | NLL, tilted | gain | perplexity, generator | tilted, bounds | effective share |"
    ]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    lines += [_row(name, run) for name, run in record["runs"].items()]
    lines += [
        "",
        "Nats a token on held-out sequences, end tokens counted; *gain* of the tilted model on the same sequences, ± 1.96 standard errors,",
    ]
    lines += ["log Z charged at the upper end of its 95 % interval; *bounds* with the two bounds of log Z (Deng et al. 2020).", ""]
    lines += [
        "| captions | " + " | ".join([f"BLEU-{n}" for n in ORDERS] + [f"self-BLEU-{n}" for n in ORDERS]) + " |",
        "|---|" + "---:|" * 8,
    ]
    captions = record["runs"].get("COCO captions, words")
    if captions:
        metrics = captions["iqm"]["metrics"]
        lines += [
            _bleu_row(title, [metrics.get(f"{prefix}{kind}_{n}") for kind in ("bleu", "self_bleu") for n in ORDERS])
            for title, prefix in (("generator", ""), ("tilted", "energy_"))
        ]
    own = record["training_sentences"]
    lines += [_bleu_row("training sentences, by this program", [*own["bleu"], *own["self_bleu"]])]
    lines += [_bleu_row(f"{name}, Texygen's table", [*values[0], *values[1]]) for name, values in TEXYGEN.items()]
    lines += [
        "",
        "Higher BLEU is likelier text, lower self-BLEU more variety. A generator of the data's own law has the training sentences' row.",
        "",
    ]
    for name, run in record["runs"].items():
        command = f"triality seq --data {run['file']} {' '.join(run['settings'])}"
        lines.append(f"- {name}: `{command}`, {run['seconds']:.0f} s. Alarm: {run['alarm'].split(':')[0]}.")
    return lines


def _row(name: str, run: dict[str, Any]) -> str:
    metrics = run["iqm"]["metrics"]
    gain = f"{metrics['gain']:+.4f} ± {1.96 * metrics['gain_stderr']:.4f}" if metrics.get("gain") is not None else "none was better"
    tilted = f"{metrics['energy_nll_test']:.4f}" if metrics.get("energy_nll_test") is not None else ""
    bounds = f"{metrics['energy_perplexity_low']:.2f} to {metrics['energy_perplexity_high']:.2f}" if tilted else ""
    share = f"{metrics['ess_fraction']:.2f}" if tilted else ""
    sizes = f"{run['num_train']:,} + {run['num_test']:,} | {run['found_length']} of {run['found_vocabulary']:,}"
    return f"| {name} | {sizes} | {metrics['nll_test']:.4f} | {tilted} | {gain} | {metrics['perplexity']:.2f} | {bounds} | {share} |"


def _bleu_row(title: str, values: list[float | None]) -> str:
    return f"| {title} | " + " | ".join("" if value is None else f"{value:.3f}" for value in values) + " |"


if __name__ == "__main__":
    sys.exit(main())
