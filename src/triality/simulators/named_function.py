"""Functions that another process finds by their name: nothing of them is sent but ``module:name``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import reduce
from importlib import import_module
from typing import Any

from triality.errors import ConfigError


def name_of_function(function: Callable[..., Any]) -> str:
    """``module:name`` of a function or class of a module.

    Raises:
        ConfigError: it has no such name, as a lambda, a partial or a function within a function has none.

    Example:
        >>> from triality.envs.gymnasium_eval import make_gymnasium
        >>> name_of_function(make_gymnasium)
        'triality.envs.gymnasium_eval:make_gymnasium'
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if module is None or name is None or module == "__main__" or not _is_found(function, module, name):
        raise ConfigError(
            f"expected a function of a module, which a worker finds by its name, got {function!r}; "
            "write it at the top of a module that Python finds, not of the script that runs, and give it no arguments"
        )
    return f"{module}:{name}"


def function_of(name: str) -> Callable[..., Any]:
    """The function of that name; its module is imported."""
    module, _, path = name.partition(":")
    return reduce(getattr, path.split("."), import_module(module))


def _is_found(function: Callable[..., Any], module: str, name: str) -> bool:
    try:
        return reduce(getattr, name.split("."), sys.modules[module]) is function
    except (KeyError, AttributeError):
        return False
