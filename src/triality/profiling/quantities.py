"""Times, amounts and shares as people read them."""

from __future__ import annotations

import math

MISSING = "\N{EN DASH}"
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def time_words(seconds: float | None) -> str:
    """Three digits, in the unit that fits.

    Example:
        >>> time_words(0.01234), time_words(2.5e-6), time_words(12.34), time_words(None)
        ('12.3 ms', '2.50 µs', '12.3 s', '–')
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    scale, unit = next(((scale, unit) for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")) if abs(seconds) >= scale), (1e-9, "ns"))
    return f"{_digits(seconds / scale)} {unit}"


def amount_words(amount: float | None, unit: str = "") -> str:
    """Three digits with a prefix of powers of a thousand.

    Example:
        >>> amount_words(1.234e9, "B"), amount_words(999.0), amount_words(0.0), amount_words(None)
        ('1.23 GB', '999', '0', '–')
    """
    if amount is None or not math.isfinite(amount):
        return MISSING
    if amount == 0:
        return f"0 {unit}".strip()
    scale, prefix = next(((scale, prefix) for scale, prefix in PREFIXES if abs(amount) >= scale), (1.0, ""))
    return f"{_digits(amount / scale)} {prefix}{unit}".strip()


def share_words(share: float | None) -> str:
    """In percent.

    Example:
        >>> share_words(0.4321), share_words(0.00123), share_words(None)
        ('43 %', '0.12 %', '–')
    """
    if share is None or not math.isfinite(share):
        return MISSING
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def _digits(value: float) -> str:
    """Three significant ones."""
    return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.1f}" if abs(value) >= 9.995 else f"{value:.2f}"
