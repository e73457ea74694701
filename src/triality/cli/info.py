"""``triality info``: what is installed, and what it runs on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.table import Table

from triality.cli.compiled_programs import Kept, kept_programs
from triality.cli.options import InfoOptions

PACKAGES = ("triality", "jax", "jaxlib", "equinox", "optax", "jaxtyping", "numpy", "tyro", "rich", "matplotlib", "gymnasium")


def run(options: InfoOptions) -> int:
    """Print versions and devices; returns the exit code."""
    del options
    import jax

    table = Table(title="triality")
    table.add_column("what")
    table.add_column("found")
    table.add_row("python", platform.python_version())
    for name in PACKAGES:
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed" + (" (pip install 'triality[envs]')" if name == "gymnasium" else "")
        table.add_row(name, found)
    table.add_row("devices", ", ".join(str(device) for device in jax.devices()))
    table.add_row("float64", "on" if jax.config.read("jax_enable_x64") else "off (triality paper turns it on for itself)")
    table.add_row("compiled programs", _said(kept_programs(os.environ)))
    Console().print(table)
    return 0


def _said(kept: Kept) -> str:
    if kept.folder is None:
        return kept.reason
    return f"{kept.num_programs:,} of {kept.num_bytes / 1e6:,.1f} MB in {kept.folder}"
