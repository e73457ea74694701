"""One color a role, for light and dark; figures are drawn in the light ones and follow the reader's scheme by CSS variables."""

from __future__ import annotations

from typing import NamedTuple


class Shades(NamedTuple):
    """A color in the light scheme and in the dark one."""

    light: str
    dark: str


PAPER = Shades("#fefefe", "#14181d")
SURFACE = Shades("#f5f6f8", "#1d232a")
INK = Shades("#1d2329", "#e8eaed")
MUTED = Shades("#57616c", "#a6b0bb")
RULE = Shades("#dde1e6", "#38414b")
DATA = Shades("#0f6a8f", "#5fbce6")
DRAWN = Shades("#b8470e", "#ff9a5c")
OTHER = Shades("#6b4fa0", "#b9a3ec")
GOOD = Shades("#1e7a45", "#5fce8f")
CAUTION = Shades("#875f00", "#efc04c")
BAD = Shades("#b3261e", "#ff8f86")

ROLES = {
    "paper": PAPER,
    "surface": SURFACE,
    "ink": INK,
    "muted": MUTED,
    "rule": RULE,
    "data": DATA,
    "drawn": DRAWN,
    "other": OTHER,
    "good": GOOD,
    "caution": CAUTION,
    "bad": BAD,
}
"""By the name of their CSS variable. Demonstrations are always ``data``, what the policy does always ``drawn``."""


def css_variables() -> str:
    """Both schemes as CSS: the light one, and the dark one for readers who prefer it."""
    light, dark = (" ".join(f"--{role}: {shades[scheme]};" for role, shades in ROLES.items()) for scheme in (0, 1))
    return f":root {{ color-scheme: light dark; {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def follow_scheme(svg: str) -> str:
    """Every color of the light scheme in a figure replaced by its CSS variable; the color itself stays as fallback.

    Example:
        >>> follow_scheme('<path style="stroke: #0f6a8f"/>')
        '<path style="stroke: var(--data, #0f6a8f)"/>'
    """
    for role, shades in ROLES.items():
        svg = svg.replace(shades.light, f"var(--{role}, {shades.light})")
    return svg
