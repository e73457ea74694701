"""Ranges of options: one line for each that is outside, with the value that was given. Imports no jax.

The functions return problems instead of raising, so that ``refuse`` can list those of a whole command together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from triality.errors import ConfigError

MAX_SEED = 2**31 - 1  # the largest whole number of 32 bits: more is no seed without float64


def counts(options: Any, *names: str, least: int = 1) -> list[str]:
    """Problems of whole numbers that have to be ``least`` or more.

    Example:
        >>> from types import SimpleNamespace
        >>> counts(SimpleNamespace(num_demos=0, seeds=3), "num_demos", "seeds")
        ['expected --num-demos of at least 1, got 0; give a whole number from 1 up']
    """
    wrong = {name: value for name in names if (value := getattr(options, name)) < least}
    return [f"expected {flag(name)} of at least {least}, got {value}; give a whole number from {least} up" for name, value in wrong.items()]


def seeds(options: Any, num_seeds: int = 1) -> list[str]:
    """Problems of ``--seed``, the first of ``num_seeds`` seeds."""
    last = MAX_SEED - max(num_seeds, 1) + 1
    if 0 <= options.seed <= last:
        return []
    return [f"expected --seed between 0 and {last}, got {options.seed}; give a whole number from 0 up"]


def rates(options: Any, *names: str) -> list[str]:
    """Problems of learning rates; None stands for the default."""
    wrong = {name: value for name in names if (value := getattr(options, name)) is not None and not 0 < value < 1}
    return [f"expected {flag(name)} between 0 and 1, got {value}; the default is a good start" for name, value in wrong.items()]


def weights(options: Any, *names: str) -> list[str]:
    """Problems of finite numbers that may be zero."""
    wrong = {name: value for name in names if not 0 <= (value := getattr(options, name)) < math.inf}
    return [f"expected {flag(name)} of at least 0, got {value}; give a finite number" for name, value in wrong.items()]


def temperatures(options: Any) -> list[str]:
    """Problems of ``--temperature``: at zero there is no soft policy, since the best one has no density."""
    if 0 < options.temperature < math.inf:
        return []
    return [f"expected --temperature above 0, got {options.temperature}; give a small number for a policy with little entropy"]


def hosting(options: Any, on_host: bool) -> list[str]:
    """Problems of how simulators are hosted, which only those on the host are."""
    problems = counts(options, "workers", "max_restarts", least=0)
    if not 0 < options.patience < math.inf:
        problems.append(f"expected --patience above 0, got {options.patience}; give the seconds that one step may take")
    if options.workers > 0 and not on_host:
        problems.append(f"expected no --workers with {options.env}, got {options.workers}: it is compiled; add --host, or leave them out")
    return problems


def refuse(problems: Sequence[str]) -> None:
    """Raise if there is a problem.

    Raises:
        ConfigError: lists all of them.
    """
    if problems:
        raise ConfigError(problems[0] if len(problems) == 1 else "\n  ".join([f"{len(problems)} options cannot be used:", *problems]))


def flag(name: str) -> str:
    """The option of a field.

    Example:
        >>> flag("num_demos")
        '--num-demos'
    """
    return f"--{name.replace('_', '-')}"
