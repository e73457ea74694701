"""Arrays of a run of ``triality ebm`` that its report draws: plain numbers, so that the report can be drawn again without the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from triality.energy import Energy
from triality.metrics.calibration import calibration
from triality.metrics.two_sample import LEAST_SAMPLES

if TYPE_CHECKING:
    from triality.cli.density_judgement import Judged
    from triality.cli.density_split import Split
    from triality.cli.density_stages import Fitted

NUM_POINTS, NUM_IMAGES, MOST_COLUMNS, GRID = 2000, 24, 6, 160
"""Points of a scatter plot, images of a sheet, columns of a table that are drawn, and pixels a side of the landscape."""
MARGIN = 0.15
"""Of the landscape around the data, as a share of their range."""


def picture_arrays(split: Split, fitted: Fitted, judged: Judged, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Samples of all sides in the data's own units, the landscape in two dimensions, energies, and the reliability curve."""
    arrays = {
        "data": _own_units(split, split.test, NUM_POINTS),
        "drawn": _own_units(split, judged.drawn, NUM_POINTS),
        "energy_data": np.asarray(judged.energies[0][:NUM_POINTS], float),
        "energy_drawn": np.asarray(judged.energies[1][:NUM_POINTS], float),
    }
    if names:
        arrays["names"] = np.array(names[:MOST_COLUMNS])
    if judged.log_z is not None and fitted.is_tilted:
        arrays["picked"] = _own_units(split, judged.picked, NUM_POINTS)
    if split.space.kind == "continuous" and split.space.dim == 2:
        arrays |= landscape(fitted.energy, split, judged.charged)
    if judged.log_z is not None:
        arrays |= reliability(*judged.log_ratios, judged.charged)
    if judged.wells is not None and fitted.is_tilted:
        arrays["lowest_far"] = _own_units(split, judged.wells.lowest_at[None], 1)[0]
    return arrays


def _own_units(split: Split, z: Array, count: int) -> np.ndarray:
    """Flat rows; of images a sheet's worth, of tables the first columns."""
    if len(split.space.image) == 2:
        return np.asarray(z[:NUM_IMAGES]).reshape(-1, *split.space.image)
    return np.asarray(split.shift + split.scale * z[:count])[:, :MOST_COLUMNS]


def landscape(energy: Energy[Any], split: Split, log_z: float) -> dict[str, np.ndarray]:
    """-log p_theta (E, where there is no log Z) over a box around the data, in the data's units; the truth beside it where it is known."""
    data = np.asarray(split.shift + split.scale * jnp.concatenate([split.train, split.test]))
    low, high = np.percentile(data, 0.1, axis=0), np.percentile(data, 99.9, axis=0)
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    axes = [np.linspace(low[i], high[i], GRID) for i in range(2)]
    points = jnp.asarray(np.stack(np.meshgrid(*axes, indexing="xy"), axis=-1).reshape(-1, 2), float)
    offset = 0.0 if np.isnan(log_z) else log_z + float(jnp.sum(jnp.log(split.scale)))
    values = _mapped(energy, (points - split.shift) / split.scale) + offset
    arrays = {"landscape": np.asarray(values, float).reshape(GRID, GRID), "landscape_x": axes[0], "landscape_y": axes[1]}
    if split.target is not None:
        truth = -_mapped(split.target.log_prob, points)
        arrays["landscape_true"] = np.asarray(truth, float).reshape(GRID, GRID)
    return arrays


@eqx.filter_jit
def _mapped(function: Any, x: Array) -> Float[Array, " n"]:
    return jax.lax.map(function, x, batch_size=4096)


def reliability(on_data: Float[Array, " n"], on_drawn: Float[Array, " m"], log_z: float) -> dict[str, np.ndarray]:
    """Of D = sigmoid(-E - log q - log Z) on test data against as many draws; of a handful there is no curve."""
    count = min(len(on_data), len(on_drawn))
    if count < LEAST_SAMPLES:
        return {}
    on_data, on_drawn = on_data[:count] - log_z, on_drawn[:count] - log_z
    curve = calibration(on_data, on_drawn)
    return {
        "reliability_predicted": np.asarray(curve.predicted, float),
        "reliability_observed": np.asarray(curve.observed, float),
        "reliability_low": np.asarray(curve.low, float),
        "reliability_high": np.asarray(curve.high, float),
    }
