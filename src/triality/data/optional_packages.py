"""Packages that only some formats need, imported when such a file is read. Imports no jax."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from triality.errors import ConfigError


def import_package(name: str, extra: str = "demos") -> Any:
    """The module of that name, of an extra.

    Raises:
        ConfigError: it is not installed; names the extra.

    Example:
        >>> import_package("no_such.module")
        Traceback (most recent call last):
        triality.errors.ConfigError: expected the package no_such, got none installed; do pip install "triality[demos]"
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ConfigError(f'expected the package {package}, got none installed; do pip install "triality[{extra}]"') from error
