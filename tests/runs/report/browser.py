"""A real browser looks at a page: what it complains about, what it shows, and what sticks out at a phone's width."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=8000",
    "--window-size=1400,1000",
    "--dump-dom",
)

# Each page stands in a frame of its own width: headless windows cannot be made as narrow as a phone. The pages themselves are untouched,
# so that their own policy against scripts is in force. Frames run no script; the wrapper measures them from outside.
MEASURE = """
function measure(frame) {
  const page = frame.contentDocument, root = page.documentElement, width = root.clientWidth;
  const box = element => { const b = element.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; };
  const scrolls = element => element.closest('.scroll, pre') !== null;
  const sticking = [...page.body.querySelectorAll('*')].filter(
    e => !e.closest('svg') && !scrolls(e) && e.getBoundingClientRect().right > width + 1);
  const clipped = [...page.querySelectorAll('figure svg text')].filter(e => {
    const t = e.getBoundingClientRect(), s = e.closest('svg').getBoundingClientRect();
    return t.width > 0 && (t.left < s.left - 2 || t.right > s.right + 2 || t.top < s.top - 2 || t.bottom > s.bottom + 2); });
  const drawn = text => {
    const svg = text.closest('svg');
    return parseFloat(getComputedStyle(text).fontSize) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width; };
  const fonts = [...page.querySelectorAll('figure svg text')].map(drawn);
  return {
    width: width, scroll_width: root.scrollWidth,
    figures: [...page.querySelectorAll('figure')].map(e => [e.id, box(e.querySelector('svg'))]),
    sticking: sticking.map(e => e.tagName + '.' + e.className), clipped: clipped.map(e => e.textContent),
    smallest_text: fonts.length ? Math.min(...fonts) : null, title: page.title };
}
addEventListener('load', () => {
  const result = [...document.querySelectorAll('iframe')].map(measure);
  const out = document.createElement('pre'); out.id = 'measured'; out.textContent = JSON.stringify(result); document.body.append(out);
});
"""


@dataclass(frozen=True)
class Look:
    """What the browser saw of one page at one width; widths in CSS pixels."""

    title: str
    width: float
    scroll_width: float
    figures: dict[str, tuple[float, float, float, float]]
    sticking: tuple[str, ...]
    clipped: tuple[str, ...]
    smallest_text: float | None


def find_browser() -> str | None:
    """Path of a Chromium, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def look_at(pages: list[tuple[Path, int]], scratch: Path) -> tuple[list[Look], list[str]]:
    """Every page at its width, and every line that the browsers' consoles said about any of them."""
    frames = "\n".join(
        f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{html.escape(path.read_text(encoding="utf-8"))}"></iframe>'
        for path, width in pages
    )
    wrapper = scratch / "wrapper.html"
    wrapper.write_text(
        f'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body>{frames}<script>{MEASURE}</script>', "utf-8"
    )
    browser = find_browser()
    assert browser is not None
    command = [browser, *FLAGS, f"--user-data-dir={scratch / 'profile'}", wrapper.as_uri()]
    environment = {**os.environ, "HOME": str(scratch)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    found = re.search(r'<pre id="measured">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, f"the browser measured nothing: {done.stderr[-2000:]}"
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return [_look(each) for each in json.loads(html.unescape(found.group(1)))], complaints


def _look(measured: dict) -> Look:
    figures = {name: tuple(box) for name, box in measured.pop("figures")}
    lists = {name: tuple(measured.pop(name)) for name in ("sticking", "clipped")}
    return Look(figures=figures, **lists, **measured)
