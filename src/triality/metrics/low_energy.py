"""Is energy low where there are no data? A search with broad proposals for wells that the samples of training never visited.

    far(x) = distance to the nearest of the data > r,     r = 99th percentile of that distance among the data themselves
    low(x) = E(x) < e,                                    e = 99th percentile of E at the data
    share = P_broad(far, low),     mass = P_theta(far, low) = sum w far low / sum w,     w = exp(-E)/q_broad

The mass has a scale: where the model's law is that of the data it is at most 1 % on average, the share of fresh data that is far. The share
has none: proposals in a wide box hit the thin rim of the data's own region too, so compare it between energies, on the same proposals.
Nothing found is no proof: in many dimensions broad proposals miss wells. Take the generator's draws spread out there, not a box.

Reference: LeCun, Chopra, Hadsell, Ranzato, Huang, A tutorial on energy-based learning (2006): a loss must push up what is not data.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.errors import ConfigError
from triality.sampler import Samples


class LowEnergy(NamedTuple):
    """What the search found.

    Fields:
        share: of proposals that are far from the data and of low energy.
        mass: what the model itself puts on such places, within the proposals' support; up to 0.01 is the data's own rim.
        mass_stderr: its standard error, blind to wells that no proposal hit.
        lowest: lowest energy at a far proposal, nats; above ``energy_limit`` where nothing is wrong, +inf where no proposal is far.
        lowest_at: that proposal: where to look, and to take draws from to train on.
        energy_limit: e, nats.
        distance_limit: r, in units of x.
    """

    share: Float[Array, ""]
    mass: Float[Array, ""]
    mass_stderr: Float[Array, ""]
    lowest: Float[Array, ""]
    lowest_at: Float[Array, " dim"]
    energy_limit: Float[Array, ""]
    distance_limit: Float[Array, ""]


def spurious_low_energy(
    data: Float[Array, "n dim"],
    energy_data: Float[Array, " n"],
    proposed: Samples,
    energy_proposed: Float[Array, " m"],
    quantile: float = 0.99,
) -> LowEnergy:
    """Places far from the data that the energy likes as much as it likes data. Distances are Euclidean: put columns on one scale first.

    Args:
        data: held-out or training samples.
        energy_data: E at them, nats, up to a constant.
        proposed: broad draws and their log density: ``box_around``, or a generator's.
        energy_proposed: E at them, with the same constant.
        quantile: of both limits, in (0, 1).

    Raises:
        ConfigError: fewer than two data, or a quantile outside (0, 1).

    Example:
        >>> data, at = jnp.array([[0.0], [1.0], [2.0], [3.0]]), jnp.array([[0.4], [2.5], [9.0]])
        >>> found = spurious_low_energy(data, jnp.zeros(4), Samples.unweighted(at, jnp.zeros(3)), jnp.array([-1.0, 1.0, -2.0]))
        >>> round(float(found.share), 4), round(float(found.mass), 4), found.lowest_at.tolist()  # e^2/(e + e^-1 + e^2)
        (0.3333, 0.7054, [9.0])
    """
    if data.shape[0] < 2:
        raise ConfigError(f"expected at least two data, got {data.shape[0]}; give more")
    if not 0.0 < quantile < 1.0:
        raise ConfigError(f"expected a quantile between 0 and 1, got {quantile}; take 0.99")
    energy_limit = jnp.quantile(energy_data, quantile)
    distance_limit = jnp.quantile(_nearest_other(data), quantile)
    far = _nearest(proposed.x, data) > distance_limit
    found = (far & (energy_proposed < energy_limit)).astype(energy_proposed.dtype)
    weight = jax.nn.softmax(proposed.log_weight - energy_proposed - proposed.log_q)
    mass = jnp.sum(weight * found)
    energy_far = jnp.where(far & ~jnp.isneginf(proposed.log_weight), energy_proposed, jnp.inf)
    return LowEnergy(
        share=jnp.sum(jax.nn.softmax(proposed.log_weight) * found),
        mass=mass,
        mass_stderr=jnp.sqrt(jnp.sum((weight * (found - mass)) ** 2)),
        lowest=jnp.min(energy_far),
        lowest_at=proposed.x[jnp.argmin(energy_far)],
        energy_limit=energy_limit,
        distance_limit=distance_limit,
    )


def box_around(key: Key[Array, ""], data: Float[Array, "n dim"], num_samples: int, margin: float = 0.5) -> Samples:
    """Uniform draws from the data's bounding box, widened on every side by ``margin`` of its length; a few dimensions only.

    Raises:
        ConfigError: a column of the data is constant, so that the box is flat.

    Example:
        >>> x, log_q, _ = box_around(jax.random.key(0), jnp.array([[0.0, 0.0], [2.0, 1.0]]), 100)
        >>> bool(jnp.all((x >= jnp.array([-1.0, -0.5])) & (x <= jnp.array([3.0, 1.5])))), round(float(log_q[0]), 4)  # -log 8
        (True, -2.0794)
    """
    length = jnp.ptp(data, axis=0)
    if not bool(jnp.all(length > 0)):
        raise ConfigError("expected columns that vary, got a constant one; leave it out, since the box would have no volume")
    low, width = jnp.min(data, axis=0) - margin * length, (1.0 + 2.0 * margin) * length
    x = low + width * jax.random.uniform(key, (num_samples, data.shape[1]))
    return Samples.unweighted(x, jnp.full(num_samples, -jnp.sum(jnp.log(width))))


def _nearest(points: Float[Array, "m dim"], data: Float[Array, "n dim"]) -> Float[Array, " m"]:
    """Distance to the nearest of the data."""
    return jax.lax.map(lambda point: jnp.sqrt(jnp.min(jnp.sum((data - point) ** 2, axis=-1))), points, batch_size=64)


def _nearest_other(data: Float[Array, "n dim"]) -> Float[Array, " n"]:
    """Distance of each of the data to the nearest of the rest."""

    def one(i: Int[Array, ""]) -> Float[Array, ""]:
        squared = jnp.sum((data - data[i]) ** 2, axis=-1)
        return jnp.sqrt(jnp.min(squared.at[i].set(jnp.inf)))

    return jax.lax.map(one, jnp.arange(data.shape[0]), batch_size=64)
