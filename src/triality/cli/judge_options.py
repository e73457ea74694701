"""The options of ``triality judge``. Imports no jax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

TRUE = "true"


@dataclass(frozen=True)
class JudgeOptions:
    """Say how far the learned cost of a run is from the true one, or from another run's.

    Every seed's cost is held against minus the environment's reward, over fresh roll-outs of the learned policies and of random actions.
    What orders policies alike counts as equal: potential shaping, a positive scale and a constant make no difference.
    0: the same but for these; 0.71: unrelated; 1: the opposite.
    Writes judgement.json and judgement.html (open that one) into RUN. Whether a fresh policy learns from the cost: triality retrain RUN.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A folder that triality irl wrote."""
    against: Annotated[str, tyro.conf.arg(metavar="RUN|true")] = TRUE
    """true: minus the environment's reward. Or the folder of another run over the same environment; its first seed is taken."""
    episodes: int = 20
    """Roll-outs of each seed's policy, and as many of random actions."""
    discount: float = 0.99
    """gamma of the shaping that makes no difference; 0.99 is that of the policies' updates and of --algorithm airl."""
    pairs: int = 64
    """Actions and states, drawn from the roll-outs, that EPIC averages over at every step."""
    waves: int = 64
    """Random waves of the observation in potentials, beside its coordinates: more is a richer class, and wants more episodes."""
    seed: int = 0
    """Of the roll-outs and of every draw."""
