"""Paragraphs, items and numbers of the page of ``known_densities.py``."""

from __future__ import annotations

import textwrap


def prose(*pieces: str) -> list[str]:
    """One paragraph. No piece may have a plus or a dash between spaces: where a line begins with it, Markdown opens a list."""
    return _wrapped("", "", *pieces)


def item(*pieces: str) -> list[str]:
    """One item of a list."""
    return _wrapped("- ", "  ", *pieces)


def _wrapped(first: str, others: str, *pieces: str) -> list[str]:
    text = " ".join(pieces)
    return textwrap.wrap(text, 150, initial_indent=first, subsequent_indent=others, break_long_words=False, break_on_hyphens=False)


def estimate(pair: list[float]) -> str:
    """Value and standard error, bold where the 95 % interval leaves out zero."""
    text = f"{pair[0]:.3f} ± {pair[1]:.3f}" if abs(pair[0]) < 10 else f"{pair[0]:.0f} ± {pair[1]:.1f}"
    return text if abs(pair[0]) <= 1.96 * pair[1] else f"**{text}**"


def share(value: float) -> str:
    """Two digits, one where it is small; powers of ten below a millionth."""
    return f"{value:.2f}" if value >= 0.095 else f"{value:.1g}"
