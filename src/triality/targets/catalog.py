"""Known laws by the names that the command and the benchmarks give them. Each has draws, an exact density, ``energy`` and ``log_z``.

| name | dimensions | what is hard about it |
|---|---:|---|
| ring, grid | 2 | eight and 25 narrow modes, which generators drop (VEEGAN, PacGAN) |
| eight-gaussians | 2 | the modes of flow contrastive estimation's tables |
| two-moons, spirals, rings, pinwheel | 2 | mass along bent lines |
| checkerboard | 2 | edges: no smooth energy is right |
| funnel | 10 | scales from 1e-4 to 1e4 in one density |
| forty-gaussians | 2 | modes far apart, found only by what looks for them (FAB) |
| many-well | 32 | 65,536 modes of unequal mass (FAB) |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from triality.sampler import AbstractSampler
from triality.targets.checkerboard import checkerboard
from triality.targets.curves import rings, spirals, two_moons
from triality.targets.funnel import funnel
from triality.targets.many_well import many_well
from triality.targets.mixtures import eight_gaussians, forty_gaussians, grid_of_25, ring_of_eight
from triality.targets.pinwheel import pinwheel

TARGETS: Mapping[str, Callable[[], AbstractSampler[Any]]] = {
    "ring": ring_of_eight,
    "grid": grid_of_25,
    "eight-gaussians": eight_gaussians,
    "two-moons": two_moons,
    "pinwheel": pinwheel,
    "spirals": spirals,
    "checkerboard": checkerboard,
    "rings": rings,
    "funnel": funnel,
    "forty-gaussians": forty_gaussians,
    "many-well": many_well,
}
"""Constructors with their defaults."""
