"""The page names every stage and every ratio, says what binds, and shouts where a run compiled again."""

import re

import pytest

from tests.profiling.instances import LIMITS, bench_record
from tests.runs.report.browser import find_browser, look_at
from triality.profiling.bench_page import render_bench_page, write_bench_page
from triality.profiling.stage_rows import HEAD, stage_rows


@pytest.fixture(scope="module")
def text():
    return render_bench_page(bench_record())


def test_every_stage_and_every_ratio_is_there(text):
    record = bench_record()
    for program in record.programs:
        for stage in (*program.stages, program.whole):
            assert f'<th scope="row">{stage.name}</th>' in text
    for each in record.peers:
        assert each.task in text
        assert each.words in text
    assert "A &lt;processor&gt;" in text
    assert "<script" not in text
    assert not re.search(r'(src|href)="http', text)


def test_rows_by_hand():
    rows = {row[0]: dict(zip(HEAD, row, strict=True)) for row in stage_rows(bench_record().programs[0], LIMITS)}
    assert rows["cost update"]["time"] == "60.0 ms"  # three times twenty
    assert rows["cost update"]["operations"] == "3.00 G"
    assert rows["cost update"]["share of the limit"] == "50 %"
    assert rows["cost update"]["what binds"] == "arithmetic"
    assert rows["policy update"]["operations"].startswith("at least")
    assert rows["policy update"]["what binds"] == "memory"
    assert rows["collect"]["what binds"] == "latency: small operations"
    assert rows["stages of a step together"]["time"] == "100 ms"
    assert rows["stages of a step together"]["middle half"] == "91 % of the whole"


def test_what_is_no_part_of_a_step_or_within_another_stage_is_not_in_the_sum():
    compiled, on_host = bench_record().programs
    assert compiled.sum == pytest.approx(0.010 + 3 * 0.020 + 0.030)
    assert on_host.sum == pytest.approx(0.45)


def test_a_run_that_compiled_again_and_a_busy_machine_are_told(text):
    assert "The run compiled again" not in text
    assert "The machine was busy" not in text
    record = bench_record(["jit_step"])
    program = record.programs[0]
    slow = program._replace(chunk=program.chunk._replace(seconds=program.chunk.seconds._replace(processor_share=0.5)))
    told = render_bench_page(record._replace(programs=(slow,), peers=()))
    assert "The run compiled again" in told
    assert "jit_step" in told
    assert "The machine was busy" in told


def test_a_device_beside_the_processor_is_not_taken_for_a_busy_machine():
    record = bench_record()
    program = record.programs[0]
    slow = program._replace(chunk=program.chunk._replace(seconds=program.chunk.seconds._replace(processor_share=0.5)))
    assert record.disturbed == ()
    assert record._replace(programs=(slow,)).disturbed == ("irl",)
    assert record._replace(programs=(slow,), machine={**record.machine, "devices": ["CudaDevice(id=0)"]}).disturbed == ()


@pytest.mark.slow
@pytest.mark.skipif(find_browser() is None, reason="no Chromium here; install the system's package 'chromium' to run this")
def test_in_a_browser_nothing_is_cut_off(tmp_path):
    page = tmp_path / "bench.html"
    write_bench_page(page, bench_record())
    looks, complaints = look_at([(page, 390), (page, 1280)], tmp_path)
    assert complaints == []
    for look in looks:
        assert len(look.figures) == 6
        assert look.sticking == ()
        assert look.clipped == ()
        assert look.scroll_width <= look.width
