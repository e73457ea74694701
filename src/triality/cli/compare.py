"""``triality compare``: runs side by side in one page."""

from __future__ import annotations

from rich.console import Console

from triality.cli.options import CompareOptions
from triality.cli.outputs import check_file
from triality.errors import ConfigError


def run(options: CompareOptions) -> int:
    """Check, then write the page; returns the exit code.

    Raises:
        ConfigError: the page exists, or the runs cannot be compared.
    """
    check_file(options.out)
    if options.out.exists() and not options.overwrite:
        raise ConfigError(f"{options.out}: expected a new file, got an existing one; add --overwrite or choose another --out")
    from triality.runs.report.comparison import write_comparison

    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_comparison(options.runs, options.out)
    Console().print(f"comparison: {options.out}", soft_wrap=True)
    return 0
