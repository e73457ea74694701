"""log Z in the report: a number where the verdict allows one, grey points where it does not, and one huge error bar that hides nothing."""

import json
import re

import numpy as np
import pytest

from tests.runs.report.run_folders import ALARM, running_run, summary
from triality.runs.folder import RunFolder
from triality.runs.report.log_z import Bar, shown_range
from triality.runs.report.palette import DRAWN, MUTED
from triality.runs.report.report import write_report


def text_of(path, alarm, stderr=9.8):
    run = RunFolder(running_run(path, 1, 0))
    content = summary(1)
    content["log_z_estimates"]["reciprocal"]["stderr"] = stderr
    run.write_summary({**content, "alarm": alarm})
    return write_report(run.path).read_text(encoding="utf-8")


def figure(text):
    return text[text.index('<figure id="figure-estimates">') :].split("</figure>")[0]


@pytest.mark.parametrize(("alarm", "is_usable"), [("agree: x", True), ("model misfit: x", True), (ALARM, False), ("no estimate: x", False)])
def test_log_z_is_a_number_only_where_the_verdict_allows(tmp_path, alarm, is_usable):
    text = text_of(tmp_path / "run", alarm)
    assert ("<dt>log Z</dt>" in text) == is_usable
    drawing = figure(text)
    assert (DRAWN.light in drawing) == is_usable
    assert ("±" in drawing) == is_usable
    assert ("In grey and without error bars, because " in drawing) != is_usable
    assert MUTED.light in drawing


def test_a_huge_bar_is_cut_and_the_others_stay_readable(tmp_path):
    cut, whole = figure(text_of(tmp_path / "cut", "agree: x", 9e4)), figure(text_of(tmp_path / "whole", "agree: x"))
    assert "An arrow: the bar goes on" in cut
    assert "An arrow" not in whole
    ticks = [float(tick.replace("\N{MINUS SIGN}", "-")) for tick in re.findall(r">(\N{MINUS SIGN}?\d+)</text>", cut)]
    assert np.ptp(ticks) < 200


@pytest.mark.parametrize(
    "bars",
    [
        [Bar("a", 1.0, 0.0)],
        [Bar("a", 1.0, 0.0), Bar("b", 1.0, 0.0)],
        [Bar("a", -400.0, 6.0), Bar("b", -380.0, 19.0)],
        [Bar("a", 5.0, 1e6), Bar("b", 5.0, 1e6)],
    ],
)
def test_the_axis_holds_every_estimate_and_ordinary_bars_whole(bars):
    low, high = shown_range(bars, float("nan"))
    assert low < high
    assert all(low < bar.value - bar.half and bar.value + bar.half < high for bar in bars)


def test_the_reported_value_is_on_the_axis():
    low, high = shown_range([Bar("a", 1.0, 0.1)], 30.0)
    assert low < 1.0
    assert high > 30.0


def test_the_table_keeps_the_numbers_for_the_record(tmp_path):
    text = text_of(tmp_path / "run", ALARM)
    assert "for the record only: see the verdict" in text
    assert "390" not in json.dumps(figure(text))
    assert "\N{MINUS SIGN}391.30" in text
