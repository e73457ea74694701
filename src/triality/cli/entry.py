"""Where the command begins: from here on ctrl-C ends it in one line, while its own modules are still being imported too."""

from __future__ import annotations

from triality.runs.interrupts import INTERRUPTED, interrupts, say_interrupted


def main() -> int:
    """Entry point; returns the exit code."""
    with interrupts() as heeded:
        try:
            from triality.cli.main import main as command
        except BaseException:  # an import may have made anything of it
            if not heeded.asked:
                raise
            say_interrupted()
            return INTERRUPTED
        return command()
