"""The HTML page: a few builders of escaped markup, and the frame that they stand in. No script, and no address to load anything from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from typing import NamedTuple

from triality.runs.report.alarms import Verdict
from triality.runs.report.figures import Panel
from triality.runs.report.palette import css_variables

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The browser itself then refuses scripts and anything from elsewhere, whatever text a run folder brings in."""


class KeyNumber(NamedTuple):
    """One number of the strip at the top: its name, its value, and what puts it in proportion."""

    name: str
    value: str
    remark: str = ""


def page(title: str, header: str, sections: Iterable[str], footer: str) -> str:
    """The whole document."""
    style = css_variables() + resources.files("triality.runs.report").joinpath("page.css").read_text(encoding="utf-8")
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>",
            f"<header>\n{header}\n</header>\n<main>",
            *sections,
            f"</main>\n<footer>\n{footer}\n</footer>\n</body>\n</html>\n",
        )
    )


def section(title: str, *parts: str) -> str:
    """A section under a heading; nothing at all if it has no content."""
    content = [part for part in parts if part]
    if not content:
        return ""
    name = "section-" + "-".join(title.lower().split())
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n' + "\n".join(content) + "\n</section>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; nothing for an empty text."""
    return f"<p{_class(kind)}>{escape(text)}</p>" if text else ""


def panels(shown: Sequence[Panel | None]) -> str:
    """Figures side by side where there is room."""
    figures = [_figure(panel) for panel in shown if panel is not None]
    return '<div class="panels">\n' + "\n".join(figures) + "\n</div>" if figures else ""


def progress(share: float, label: str) -> str:
    """A bar that is filled to ``share``; nothing where that is not known."""
    return f'<progress value="{share:.4f}" max="1" aria-label="{escape(label)}"></progress>' if share == share else ""


def key_numbers(numbers: Sequence[KeyNumber]) -> str:
    """The strip of key numbers."""
    cells = (_key_number(each) for each in numbers)
    return '<dl class="keys">\n' + "\n".join(cells) + "\n</dl>" if numbers else ""


def verdict_box(verdict: Verdict, literal: str | None) -> str:
    """A verdict in a box: a few words, the explanation, and the words of the run itself."""
    said = paragraph(f"In the run's own words: {literal}", "note") if literal else ""
    explained = paragraph(verdict.explanation)
    return f'<div class="verdict level-{verdict.level}"><strong>{escape(verdict.headline)}</strong>\n{explained}\n{said}</div>'


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], marked: int | None = None, kind: str = "") -> str:
    """A table that scrolls inside itself on a narrow screen; the first cell of a row is its heading, row ``marked`` stands out."""
    if not rows:
        return ""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "\n".join(
        f'<tr{_class("this" if place == marked else "")}><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for place, row in enumerate(rows)
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">\n<table{_class(kind)}>\n'
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def commands(lines: Sequence[str]) -> str:
    """Lines for a terminal."""
    return f'<pre tabindex="0"><code>{escape(chr(10).join(lines))}</code></pre>'


def listing(items: Sequence[str]) -> str:
    """A list of sentences."""
    return "<ul>\n" + "\n".join(f"<li>{escape(item)}</li>" for item in items) + "\n</ul>" if items else ""


def _figure(panel: Panel) -> str:
    # The drawing is one image with one description; its ticks and labels are not read out one by one.
    drawing = panel.svg.replace("<svg ", f'<svg role="img" aria-label="{escape(panel.alt)}" ', 1)
    caption = f"<figcaption>{escape(panel.caption)}</figcaption>"
    return f'<figure id="figure-{panel.name}">\n<h3>{escape(panel.title)}</h3>\n{drawing}\n{caption}\n</figure>'


def _key_number(each: KeyNumber) -> str:
    remark = f"<small>{escape(each.remark)}</small>" if each.remark else ""
    return f"<div><dt>{escape(each.name)}</dt><dd>{escape(each.value)}{remark}</dd></div>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
