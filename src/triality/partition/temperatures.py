"""Temperatures for annealing, chosen by a pilot population so that the same share of its weight is lost at every step.

    b_0 = 0,     b_{k+1} = the largest b <= 1 at which weights exp((b - b_k) r) keep an effective share rho of particles that follow E_{b_k}

Where q and the model differ slowly the steps are long, and short where the law changes fast, such as where modes part. Fixed before the
walks that use them, they leave annealed importance sampling unbiased; chosen on the very walks, they would not.

Reference: Jasra et al., Inference for Lévy-driven stochastic volatility models via adaptive sequential Monte Carlo, Scand. J. Statist. 38
(2011).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from triality.energy import Energy
from triality.errors import ConfigError
from triality.kernels.chains import run_chains
from triality.kernels.kernel import Kernel
from triality.partition.annealed import PathEnergy
from triality.partition.sequential_monte_carlo import next_temperature, systematic_resample
from triality.sampler import AbstractSampler, draw


def adaptive_temperatures(
    key: Key[Array, ""],
    energy: Energy[Any],
    q: AbstractSampler[Any],
    kernel: Kernel,
    num_particles: int,
    max_temperatures: int,
    ess_share: float = 0.95,
    num_moves: int = 1,
) -> Float[Array, " max_temperatures"]:
    """``max_temperatures`` inverse temperatures from 0 to 1; ones at the end where fewer were enough.

    The pilot costs about ``num_particles * max_temperatures`` times a step of the kernel and two evaluations. Where ``max_temperatures`` do
    not reach 1, the last jumps there: the walks stay unbiased, and their effective sample size says what that jump cost.

    Args:
        energy: E, in nats, with respect to the measure of q.
        q: where walks start.
        kernel: of one chain; the one of the walks is a good choice.
        num_particles: of the pilot, static; a few hundred.
        max_temperatures: static.
        ess_share: rho; nearer to 1 takes more temperatures.
        num_moves: steps of the kernel at each temperature, static.

    Raises:
        ConfigError: fewer than two temperatures or particles, or rho outside (0, 1).

    Example:
        >>> from triality.kernels.langevin import Mala
        >>> from triality.samplers.gaussian import Gaussian
        >>> energy, q = lambda x: 5.0 * jnp.sum((x - 1.0) ** 2), Gaussian(jnp.zeros(2), jnp.zeros(2))
        >>> temperatures = adaptive_temperatures(jax.random.key(0), energy, q, Mala(0.1), 500, 60)
        >>> used = int(jnp.sum(temperatures < 1)) + 1
        >>> used < 60, bool(jnp.diff(temperatures)[0] < jnp.diff(temperatures)[used - 3])  # small steps first
        (True, True)
    """
    if max_temperatures < 2 or num_particles < 2:
        raise ConfigError(f"expected two temperatures and particles at least, got {max_temperatures} and {num_particles}; ask for more")
    if not 0.0 < ess_share < 1.0:
        raise ConfigError(f"expected an effective share between 0 and 1, got ess_share={ess_share}; 0.95 is a place to start")

    def stage(carry: tuple[PyTree, Float[Array, ""]], key: Key[Array, ""]) -> tuple[tuple[PyTree, Array], Array]:
        x, now = carry
        key_resample, key_move = jax.random.split(key)
        log_ratio = jax.vmap(PathEnergy(energy, q, now).log_ratio)(x)
        b = next_temperature(now, log_ratio, ess_share)
        index = systematic_resample(key_resample, (b - now) * log_ratio)
        x = jax.tree.map(lambda leaf: leaf[index], x)
        return (run_chains(key_move, kernel, PathEnergy(energy, q, b), x, num_moves).x, b), b

    key_draw, key_stages = jax.random.split(key)
    start = draw(q, key_draw, num_particles)
    zero = jnp.zeros((), start.log_q.dtype)
    between = jax.lax.scan(stage, (start.x, zero), jax.random.split(key_stages, max_temperatures - 1))[1]
    return jnp.concatenate([zero[None], between]).at[-1].set(1.0)
