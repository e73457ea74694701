"""The report in a real browser: silent console, every figure visible, nothing wider than the screen, text large enough."""

import pytest

from tests.runs.report.browser import find_browser, look_at
from tests.runs.report.run_folders import finished_run, running_run
from triality.runs.report.report import write_report

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium here; install the system's package 'chromium' to run this")

PHONE, DESKTOP = 390, 1280
BROKEN = """<!doctype html><html><head><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>broken</title></head><body><p style="width:700px">wide</p><img src="https://example.invalid/picture.png" alt="">
<figure id="figure-empty"><svg viewBox="0 0 10 10" style="display:none"></svg></figure>
<figure id="figure-clipped"><svg viewBox="0 0 100 100" style="width:300px;overflow:visible">
<text x="90" y="50">a label too long</text></svg></figure>
</body></html>"""


@pytest.fixture(scope="module")
def looks(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("browser")
    finished, running = write_report(finished_run(scratch / "finished")), write_report(running_run(scratch / "running", 2, 3))
    pages = [(finished, PHONE), (finished, DESKTOP), (running, PHONE)]
    return look_at(pages, scratch)


def test_the_console_stays_silent(looks):
    assert looks[1] == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_figure_is_visible_inside_the_page(looks, place):
    look = looks[0][place]
    assert len(look.figures) >= (18 if place < 2 else 8)
    for name, (left, _, width, height) in look.figures.items():
        assert width > 250, name
        assert height > 100, name
        assert left >= 0, name
        assert left + width <= look.width + 1, name


@pytest.mark.parametrize("place", [0, 1, 2])
def test_nothing_is_wider_than_the_screen_or_cut_off(looks, place):
    look = looks[0][place]
    assert look.scroll_width <= look.width
    assert look.sticking == ()
    assert look.clipped == ()


def test_labels_stay_readable_on_a_phone(looks):
    assert looks[0][0].width == PHONE
    assert looks[0][0].smallest_text > 9


def test_two_figures_stand_side_by_side_on_a_desktop(looks):
    look = looks[0][1]
    first, second = (look.figures[f"figure-{name}"] for name in ("learned-cost", "true-cost"))
    assert abs(first[1] - second[1]) < 2
    assert first[0] + first[2] < second[0]


def test_a_broken_page_would_have_been_noticed(tmp_path):
    page = tmp_path / "broken.html"
    page.write_text(BROKEN, "utf-8")
    (look,), complaints = look_at([(page, PHONE)], tmp_path)
    assert any("picture.png" in line for line in complaints)
    assert look.scroll_width > look.width
    assert look.sticking
    assert look.figures["figure-empty"][2] == 0
    assert look.clipped == ("a label too long",)
