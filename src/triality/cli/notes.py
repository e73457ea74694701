"""What the user should know beside the result. Imports no jax."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

console = Console()


def print_note(note: str) -> None:
    """One sentence.

    Example:
        >>> print_note("2 steps were not taken")
        note 2 steps were not taken
    """
    console.print(f"[yellow]note[/yellow] {escape(note)}")
