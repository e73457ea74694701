"""What a learned density is worth, on test data that trained and chose nothing: log Z by every estimator, likelihoods, samples.

log p_theta(x) = -E(x) - log Z - sum log scale,     charged the exact log Z, or the upper end of importance sampling's 95 % interval
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from triality.algorithms.density_estimation import resample
from triality.cli.density_names import OBJECTIVES, is_installed
from triality.cli.density_parts import make_kernel
from triality.cli.density_samples import sample_metrics
from triality.cli.density_wells import find_wells, is_searchable
from triality.cli.options import EbmOptions
from triality.energy import Energy
from triality.kernels.warm_up import warm_up
from triality.metrics.calibration import calibration
from triality.metrics.divergence import monte_carlo_kl
from triality.metrics.effective_sample_size import forward_share, reverse_share
from triality.metrics.likelihood import bits_per_dim, log_likelihood, paired_difference
from triality.metrics.low_energy import LowEnergy
from triality.metrics.modes import mode_counts
from triality.numerics import log_mean_exp
from triality.partition import table
from triality.partition.alarm import three_way_alarm
from triality.partition.annealed import annealed_importance, reverse_annealed, sigmoid_temperatures
from triality.partition.estimate import Estimate
from triality.partition.exact import binary_vectors, trapezoid
from triality.partition.fusion import fusion
from triality.partition.sequential_monte_carlo import sequential_monte_carlo
from triality.sampler import AbstractSampler, draw

if TYPE_CHECKING:
    from triality.cli.density_split import Split
    from triality.cli.density_stages import Fitted

NUM_WALKS, NUM_PARTICLES = 200, 200
ENUMERABLE = 16
"""Columns of 0 and 1 up to which log Z is summed over all states."""
MOST_SITES = 64
"""Columns of 0 and 1 up to which Gibbs walks are affordable: each step of a walk evaluates the energy at every one."""
GRID_POINTS, GRID_REACH = (400, 600), 8.0
"""Two resolutions of the quadrature in two dimensions, and how far it reaches in standard deviations beyond the data."""


class Judged(NamedTuple):
    """What was found of one seed.

    Fields:
        log_z: the table of all estimates with the verdict; None where the energy is no density.
        charged: log Z that likelihoods are charged, nats; nan where there is none.
        metrics: by name.
        drawn: draws of the generator, standardized.
        picked: the same resampled by their importance weights: samples of the energy.
        energies: of test data and of draws, nats.
        log_ratios: -E - log q of both, nats.
        wells: of the energy far from all data; None where they are not searched for.
    """

    log_z: table.LogZTable | None
    charged: float
    metrics: dict[str, float]
    drawn: Array
    picked: Array
    energies: tuple[Array, Array]
    log_ratios: tuple[Array, Array]
    wells: LowEnergy | None


def judge(key: Key[Array, ""], fitted: Fitted, split: Split, options: EbmOptions) -> Judged:
    """Everything, on fresh draws and on test data."""
    keys = jax.random.split(key, 6)
    sides = _sides(keys[0], fitted.energy, fitted.sampler, split.test, options.num_drawn)
    is_density = OBJECTIVES[options.objective].is_density
    found = log_z_table(keys[1], fitted, split, options, sides) if is_density else None
    charged = charge(found) if found else math.nan
    log_ratio = sides.on_drawn if is_density else jnp.zeros_like(sides.on_drawn)
    picked = sides.drawn[resample(keys[2], log_ratio, options.num_drawn)]
    metrics = {**_likelihoods(fitted, split, sides, charged), **_weights(sides, is_density)}
    metrics |= sample_metrics(keys[3], split, sides.drawn, math.inf, "generator_")
    if is_density and fitted.is_tilted:
        metrics |= sample_metrics(keys[4], split, picked, metrics["ess_fraction"] * options.num_drawn, "")
    wells = None
    if is_density and is_searchable(split):
        wells, own = find_wells(keys[5], fitted.energy, fitted.sampler, split)
        metrics |= _of_wells(own, "generator_")
        if fitted.is_tilted:
            metrics |= _of_wells(wells, "")
    if split.target is not None:
        metrics |= _against_truth(fitted, split, sides, picked, charged)
    energies, log_ratios = (sides.energy_data, sides.energy_drawn), (sides.on_data, sides.on_drawn)
    return Judged(found, charged, metrics, sides.drawn, picked, energies, log_ratios, wells)


class _Sides(NamedTuple):
    """Test data and draws, with energies E and log ratios -E - log q of both."""

    drawn: Array
    log_q_data: Float[Array, " n"]
    log_q_drawn: Float[Array, " m"]
    energy_data: Float[Array, " n"]
    energy_drawn: Float[Array, " m"]

    @property
    def on_data(self) -> Float[Array, " n"]:
        return -self.energy_data - self.log_q_data

    @property
    def on_drawn(self) -> Float[Array, " m"]:
        return -self.energy_drawn - self.log_q_drawn


@eqx.filter_jit
def _sides(key: Key[Array, ""], energy: Energy[Any], sampler: AbstractSampler[Any], data: Array, num_drawn: int) -> _Sides:
    drawn = draw(sampler, key, num_drawn)
    return _Sides(drawn.x, jax.vmap(sampler.log_prob)(data), drawn.log_q, jax.vmap(energy)(data), jax.vmap(energy)(drawn.x))


def log_z_table(key: Key[Array, ""], fitted: Fitted, split: Split, options: EbmOptions, sides: _Sides) -> table.LogZTable:
    """Every estimator that these samples allow, and the exact value where it can be had."""
    keys = jax.random.split(key, 3)
    alarm = jax.jit(three_way_alarm)(sides.on_data, sides.on_drawn)
    rows: list[table.Row] = []
    if options.sampler_gradient != "fixed" and fitted.is_tilted:
        rows.append(_fused(keys[0], fitted, options.num_drawn // 2))
    space = split.space
    is_walkable = space.kind == "continuous" or (space.kind == "binary" and len(space.shape) == 1 and space.dim <= MOST_SITES)
    can_walk = is_walkable and (space.kind == "binary" or is_installed("blackjax"))
    if options.temperatures > 1 and fitted.is_tilted and can_walk:
        rows += _annealed(keys[1], fitted, split, options.temperatures)
    exact = exact_log_z(fitted.energy, split)
    if exact is not None:
        rows.append(exact)
    return table.log_z_table(alarm, len(split.test), options.num_drawn, rows)


def charge(found: table.LogZTable) -> float:
    """The log Z that likelihoods are charged: the exact one, else the upper end of importance sampling's interval."""
    by_name = {row.method.name: row for row in found.rows}
    exact = by_name.get(table.EXACT.name)
    return exact.high if exact else by_name[table.IMPORTANCE.name].high


@eqx.filter_jit
def _fusion(key: Key[Array, ""], energy: Energy[Any], samplers: tuple[AbstractSampler[Any], ...], num_each: int) -> Estimate:
    drawn = [draw(q, k, num_each).x for q, k in zip(samplers, jax.random.split(key, len(samplers)), strict=True)]
    x = jnp.concatenate(drawn)
    matrix = jnp.stack([jax.vmap(q.log_prob)(x) for q in samplers])
    return fusion(-jax.vmap(energy)(x), matrix, jnp.repeat(jnp.arange(len(samplers)), num_each))


def _fused(key: Key[Array, ""], fitted: Fitted, num_each: int) -> table.Row:
    return table.row(table.FUSION, _fusion(key, fitted.energy, (fitted.first, fitted.sampler), num_each), 2 * num_each)


def _annealed(key: Key[Array, ""], fitted: Fitted, split: Split, num_temperatures: int) -> list[table.Row]:
    """Walks up from the generator, down from test data, and populations; of numbers with a Langevin step found by a warm-up."""
    space, starts = split.space, split.test[:NUM_WALKS]

    @eqx.filter_jit
    def estimates(key: Key[Array, ""], energy: Energy[Any], q: AbstractSampler[Any]) -> tuple[Estimate, Estimate, Estimate]:
        keys = jax.random.split(key, 4)
        kernel = make_kernel(space, 0.1)
        if space.kind == "continuous":
            found = warm_up(keys[0], lambda step: make_kernel(space, step), energy, starts[:50], 100, 0.57)
            kernel = make_kernel(space, found.step_size)
        temperatures = sigmoid_temperatures(num_temperatures)
        return (
            annealed_importance(keys[1], energy, q, kernel, temperatures, NUM_WALKS),
            reverse_annealed(keys[2], energy, q, kernel, temperatures, starts),
            sequential_monte_carlo(keys[3], energy, q, kernel, NUM_PARTICLES),
        )

    up, down, population = estimates(key, fitted.energy, fitted.sampler)
    each = space.dim if space.kind == "binary" else 1
    count = NUM_WALKS * num_temperatures * (each + 2)
    return [
        table.row(table.ANNEALED, up, count),
        table.row(table.ANNEALED_FROM_DATA, down, count),
        table.row(table.SEQUENTIAL_MONTE_CARLO, population, count),
    ]


def exact_log_z(energy: Energy[Any], split: Split) -> table.Row | None:
    """Summed over all states, or by quadrature in two dimensions, the change from a coarser grid as error; None where neither can."""
    space = split.space
    if space.kind == "binary" and space.dim <= ENUMERABLE:
        states = binary_vectors(space.dim).reshape(-1, *space.shape)
        return table.exact_row(jax.nn.logsumexp(-_energies(energy, states)), len(states))
    if space.kind == "continuous" and space.dim == 2:
        everything = np.concatenate([np.asarray(part) for part in (split.train, split.valid, split.test)])
        low, high = everything.min(axis=0) - GRID_REACH, everything.max(axis=0) + GRID_REACH
        coarse, fine = (_quadrature(energy, low, high, points) for points in GRID_POINTS)
        row = table.exact_row(fine, GRID_POINTS[1] ** 2)
        stderr = abs(fine - coarse)
        return row._replace(stderr=stderr, low=fine - 1.96 * stderr, high=fine + 1.96 * stderr)
    return None


def _quadrature(energy: Energy[Any], low: np.ndarray, high: np.ndarray, num_points: int) -> float:
    grid = trapezoid(low.tolist(), high.tolist(), num_points)
    return float(jax.nn.logsumexp(-_energies(energy, grid.points) + grid.log_volume))


@eqx.filter_jit
def _energies(energy: Energy[Any], x: Array) -> Float[Array, " n"]:
    return jax.lax.map(energy, x, batch_size=4096)


def _likelihoods(fitted: Fitted, split: Split, sides: _Sides, charged: float) -> dict[str, float]:
    """Mean test log likelihoods in nats a sample, in the units of the data."""
    log_scale = float(jnp.sum(jnp.log(split.scale)))
    own = sides.log_q_data - log_scale
    first = own if fitted.sampler is fitted.first else jax.jit(jax.vmap(fitted.first.log_prob))(split.test) - log_scale
    generator, before = log_likelihood(own), log_likelihood(first)
    found = {
        "generator_test_log_likelihood": float(generator.mean),
        "generator_stderr": float(generator.stderr),
        "likelihood_generator_test_log_likelihood": float(before.mean),
        "num_impossible": float(generator.num_impossible),
    }
    model = own if math.isnan(charged) else -sides.energy_data - charged - log_scale
    mine = log_likelihood(model)
    gain = paired_difference(model, first)
    found |= {"test_log_likelihood": float(mine.mean), "test_log_likelihood_stderr": float(mine.stderr)}
    found |= {"gain": float(gain.mean), "gain_stderr": float(gain.stderr)}
    if split.space.kind != "continuous":
        found["bits_per_dim"] = float(bits_per_dim(mine.mean, split.space.dim))
    return found


def _weights(sides: _Sides, is_density: bool) -> dict[str, float]:
    """Health of the importance weights, and whether D = sigmoid(log p_theta - log q) is calibrated on test data and draws."""
    if not is_density:
        return {}
    log_z = float(log_mean_exp(sides.on_drawn))
    reliability = calibration(sides.on_data - log_z, sides.on_drawn - log_z)
    return {
        "ess_fraction": float(reverse_share(sides.on_drawn)),
        "forward_share": float(forward_share(sides.on_data)),
        "log_weight_std": float(jnp.std(sides.on_drawn)),
        "overlap": float(jnp.exp(log_mean_exp(-jax.nn.softplus(sides.on_data - log_z)))),
        "calibration_error": float(reliability.expected_error),
    }


def _of_wells(found: LowEnergy, prefix: str) -> dict[str, float]:
    """Mass far from all data, at energies as low as theirs."""
    return {f"{prefix}spurious_mass": float(found.mass), f"{prefix}spurious_mass_stderr": float(found.mass_stderr)}


def _against_truth(fitted: Fitted, split: Split, sides: _Sides, picked: Array, charged: float) -> dict[str, float]:
    """Divergences from the law itself both ways, nats; modes where it has them."""
    target, log_scale = split.target, float(jnp.sum(jnp.log(split.scale)))

    def true(z: Array) -> Array:
        return jax.jit(jax.vmap(target.log_prob))(split.shift + split.scale * z)

    found = {}
    if not math.isnan(charged):
        found["kl_forward"] = float(monte_carlo_kl(true(split.test), -sides.energy_data - charged - log_scale).value)
    found["generator_kl_forward"] = float(monte_carlo_kl(true(split.test), sides.log_q_data - log_scale).value)
    found["generator_kl_reverse"] = float(monte_carlo_kl(sides.log_q_drawn - log_scale, true(sides.drawn)).value)
    if hasattr(target, "modes"):
        for prefix, z in (("generator_", sides.drawn), ("", picked)):
            counts = mode_counts(split.shift + split.scale * z[:2500], target.modes, target.mode_scale, target.mode_weights)
            found |= {f"{prefix}modes": float(counts.captured), f"{prefix}high_quality": float(counts.high_quality)}
            found |= {f"{prefix}kl_histogram": float(counts.kl_histogram)}
    return found
