"""The options of ``triality check-env``, as a plain dataclass. Imports no jax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro


@dataclass(frozen=True)
class CheckEnvOptions:
    """Check an environment before anything is learned in it: everything that is wrong with it, where it shows, and how to mend it.

    For one of your own, register it with Gymnasium in a module that Python finds, and name it module:Id:
    PYTHONPATH=. triality check-env reach:Reach-v0.
    It is made twice, reset and stepped by random actions. Found are: what raises or hangs; NaN and infinity; other shapes and types than
    the spaces say, and numbers outside of them; a reward or flags that are none; observations that change after they were handed out; a
    seed that does not decide start and steps; no time limit, or one reported as termination; actions without bounds.
    It is looked at in a process of its own: that it crashes there, in native code too, or hangs, is found as well, and at which call.
    The exit code is 0 where there is nothing to mend, and 4 where there is.
    """

    env: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ENV")]
    """Environment, by id: any that Gymnasium has, module:Id for one of your own, or a compiled one of triality irl."""
    steps: int = 2000
    """Random steps in all; a tenth of them, at most 100, is played three times more. Long episodes need more to show their ends."""
    seed: int = 0
    """Of the first episode and of the actions."""
    patience: float = 60.0
    """Seconds that one step may take: what takes longer hangs."""
    host: bool = False
    """Check Gymnasium's own environment, also where there is a compiled one."""
