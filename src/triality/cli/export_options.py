"""The options of ``triality export``. Imports no jax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class ExportOptions:
    """Write the learned cost and policy of a run as plain files, to be used without jax.

    Writes cost.json with cost.safetensors, and policy.json with policy.safetensors. Read them with triality.export.NumpyCost and
    NumpyPolicy, which need numpy alone, or train on the cost in Gymnasium or stable-baselines3 with triality.export.LearnedRewardWrapper.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A folder that triality irl wrote."""
    out: Path
    """Folder to write the files to; it is made."""
    seed: Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: the first of the run)")] = None
    """Which seed of the run."""
    overwrite: bool = False
    """Replace files that an earlier export left in --out."""
