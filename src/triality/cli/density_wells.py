"""Is a learned energy low where there are no data? A search with the generator's draws and with Gaussians as wide as the data or wider.

    x ~ m = (q + N_1 + N_2 + N_4)/4,     N_s = N(mean, (s sd)^2),     mass = sum w 1[far and low]/sum w,     w = exp(-E)/m

The generator's part keeps the weights even where the energy is near it, the Gaussians look where it draws nothing. One mixture density for
all draws (the paper's footnote 3) makes them one sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energies.sum import NegativeLogDensity
from triality.energy import Energy
from triality.metrics.low_energy import LowEnergy, spurious_low_energy
from triality.sampler import AbstractSampler, Samples, draw
from triality.samplers.gaussian import Gaussian, fit_gaussian

if TYPE_CHECKING:
    from triality.cli.density_split import Split

WIDTHS = (1.0, 2.0, 4.0)
"""Of the Gaussians, in standard deviations of the data."""
NUM_EACH, NUM_DATA = 5000, 2000
"""Draws of each part of the mixture, and data whose neighborhood is theirs: every draw is held against every one."""
MOST_COLUMNS = 50
"""Beyond them the Gaussians hit none of what there is to find."""


def is_searchable(split: Split) -> bool:
    """Whether the search has a meaning: distances are those of numbers."""
    return split.space.kind == "continuous" and split.space.dim <= MOST_COLUMNS


def find_wells(key: Key[Array, ""], energy: Energy[Any], sampler: AbstractSampler[Any], split: Split) -> tuple[LowEnergy, LowEnergy]:
    """Of the energy, and of -log q, the generator's own, at the same draws. A place is far if no datum of any part is near."""
    key_data, key_drawn = jax.random.split(key)
    everything = jnp.concatenate([split.train, split.valid, split.test])
    data = jax.random.permutation(key_data, everything)[:NUM_DATA]
    return _search(key_drawn, energy, sampler, data)


@eqx.filter_jit
def _search(
    key: Key[Array, ""], energy: Energy[Any], sampler: AbstractSampler[Any], data: Float[Array, "n dim"]
) -> tuple[LowEnergy, LowEnergy]:
    proposed = _proposals(key, sampler, data)
    found = [
        spurious_low_energy(data, jax.vmap(each)(data), proposed, jax.lax.map(each, proposed.x, batch_size=4096))
        for each in (energy, NegativeLogDensity(sampler))
    ]
    return found[0], found[1]


def _proposals(key: Key[Array, ""], sampler: AbstractSampler[Any], data: Float[Array, "n dim"]) -> Samples:
    """As many draws of every part, each with the density of their mixture."""
    near = fit_gaussian(data)
    parts = [sampler, *(Gaussian(near.mean, near.log_scale + jnp.log(width)) for width in WIDTHS)]
    drawn = [draw(part, each, NUM_EACH).x for part, each in zip(parts, jax.random.split(key, len(parts)), strict=True)]
    x = jnp.concatenate(drawn)
    log_q = jnp.stack([jax.lax.map(part.log_prob, x, batch_size=4096) for part in parts])
    return Samples.unweighted(x, jax.nn.logsumexp(log_q, axis=0) - jnp.log(len(parts)))
