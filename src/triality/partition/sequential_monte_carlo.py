"""Tempered sequential Monte Carlo: a population of particles from q to exp(-E), whose temperatures are chosen as it goes.

    E_b(x) = -(1 - b) log q(x) + b E(x),     r = -E - log q
    while b < 1:     b' = the largest at which weights exp((b' - b) r) keep an effective share rho of the particles
                     log Z^ += log mean exp((b' - b) r);     resample by the weights (systematic);     move by a kernel for E_{b'}

Between two temperatures a particle of small weight gives its place to copies of a large one, which annealed importance sampling cannot do.
Particles of one run depend on each other: the error comes from independent runs. With temperatures fixed in advance Z^ is unbiased; chosen
from the particles themselves it has a bias that vanishes as they grow in number.

References: Del Moral, Doucet, Jasra, Sequential Monte Carlo samplers, JRSS B 68 (2006); Jasra et al., Inference for Lévy-driven
stochastic volatility models via adaptive sequential Monte Carlo, Scand. J. Statist. 38 (2011) (temperatures by effective sample size).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from triality.energy import Energy
from triality.errors import ConfigError
from triality.kernels.kernel import Kernel
from triality.numerics import effective_sample_size, log_mean_exp
from triality.partition.annealed import PathEnergy
from triality.partition.estimate import Estimate
from triality.partition.importance import importance
from triality.sampler import AbstractSampler, draw

# Of the interval of b; more than the resolution of float64.
_NUM_BISECTIONS = 60


class Population(NamedTuple):
    """Particles on their way.

    Fields:
        x: the particles, equally weighted; leaves with a leading axis. Copies of one another as far as moves have not parted them.
        inverse_temperature: b; 1 at the end.
        log_z: of the path up to b, nats; nan where ``max_temperatures`` were not enough.
        num_temperatures: stages so far.
        num_energies: evaluations of the energy by all particles so far, as a float, which cannot overflow.
        acceptance: mean over the particles in the last move, in [0, 1].
    """

    x: PyTree
    inverse_temperature: Float[Array, "*batch"]
    log_z: Float[Array, "*batch"]
    num_temperatures: Int[Array, "*batch"]
    num_energies: Float[Array, "*batch"]
    acceptance: Float[Array, "*batch"]


def tempered(
    key: Key[Array, ""],
    energy: Energy[Any],
    q: AbstractSampler[Any],
    kernel: Kernel,
    num_particles: int,
    num_moves: int = 1,
    ess_share: float = 0.5,
    max_temperatures: int = 1000,
) -> Population:
    """One run: particles at p_theta, and their log Z. Arguments as ``sequential_monte_carlo``."""
    _check(kernel, num_particles, num_moves, ess_share)

    def proceed(carry: tuple[Key[Array, ""], Population]) -> Bool[Array, ""]:
        population = carry[1]
        return (population.inverse_temperature < 1.0) & (population.num_temperatures < max_temperatures)

    def stage(carry: tuple[Key[Array, ""], Population]) -> tuple[Key[Array, ""], Population]:
        key, old = carry
        key, key_resample, key_move = jax.random.split(key, 3)
        log_ratio = jax.vmap(PathEnergy(energy, q, old.inverse_temperature).log_ratio)(old.x)
        b = next_temperature(old.inverse_temperature, log_ratio, ess_share)
        log_weight = (b - old.inverse_temperature) * log_ratio
        index = systematic_resample(key_resample, log_weight)
        x = jax.tree.map(lambda leaf: leaf[index], old.x)
        x, acceptance, count = _move(key_move, PathEnergy(energy, q, b), kernel, x, num_moves)
        log_z = old.log_z + log_mean_exp(log_weight)
        return key, Population(x, b, log_z, old.num_temperatures + 1, old.num_energies + num_particles + count, acceptance)

    key, key_draw = jax.random.split(key)
    x, zero = draw(q, key_draw, num_particles).x, jnp.zeros(())
    start = Population(x, zero, zero, jnp.zeros((), int), zero, jnp.ones(()))
    end = jax.lax.while_loop(proceed, stage, (key, start))[1]
    return end._replace(log_z=jnp.where(end.inverse_temperature < 1.0, jnp.nan, end.log_z))


def sequential_monte_carlo(
    key: Key[Array, ""],
    energy: Energy[Any],
    q: AbstractSampler[Any],
    kernel: Kernel,
    num_particles: int,
    num_repeats: int = 10,
    num_moves: int = 1,
    ess_share: float = 0.5,
    max_temperatures: int = 1000,
) -> Estimate:
    """log of the mean Z^ of independent runs; the error is that of their spread, by the delta method.

    Diagnostics are those of the runs as samples: an ``ess_fraction`` well below 1 means that few runs carry the mean.

    Args:
        energy: E, in nats, with respect to the measure of q.
        q: where the particles start.
        kernel: of one particle; must leave exp(-E) invariant.
        num_particles: of each run, static.
        num_repeats: independent runs, static; at least two. With ten, 95 % is 2.3 standard errors, not 1.96 (Student's nine degrees).
        num_moves: steps of the kernel a temperature, static.
        ess_share: rho; nearer to 1 takes more temperatures.
        max_temperatures: where a run gives up, and its value is nan.

    Raises:
        ConfigError: counts too small, rho outside (0, 1), or a kernel that leaves no law invariant.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.kernels.langevin import Mala
        >>> from triality.samplers.gaussian import Gaussian
        >>> energy, q = lambda x: 2.0 * jnp.sum((x - 1.0) ** 2), Gaussian(jnp.zeros(2), jnp.zeros(2))
        >>> estimate = jax.jit(lambda key: sequential_monte_carlo(key, energy, q, Mala(0.2), 500))(jax.random.key(0))
        >>> bool(jnp.abs(estimate.value - jnp.log(jnp.pi / 2)) < 3 * estimate.stderr)
        True
    """
    if num_repeats < 2:
        raise ConfigError(f"expected at least two repeats, got num_repeats={num_repeats}; one run has no error to show")

    def run(key: Key[Array, ""]) -> Float[Array, ""]:
        return tempered(key, energy, q, kernel, num_particles, num_moves, ess_share, max_temperatures).log_z

    return importance(jax.vmap(run)(jax.random.split(key, num_repeats)))


def next_temperature(now: Float[Array, ""], log_ratio: Float[Array, " n"], ess_share: float) -> Float[Array, ""]:
    """The largest b in (now, 1] at which weights exp((b - now) r) have an effective share of at least ``ess_share``, by bisection.

    Example:
        >>> float(next_temperature(jnp.array(0.2), jnp.zeros(4), 0.5))
        1.0
    """

    def enough(b: Float[Array, ""]) -> Bool[Array, ""]:
        return (b <= now) | (effective_sample_size((b - now) * log_ratio) >= ess_share * log_ratio.shape[0])

    def halve(_: Int[Array, ""], ends: tuple[Float[Array, ""], Float[Array, ""]]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        low, high = ends
        middle = 0.5 * (low + high)
        good = enough(middle)
        return jnp.where(good, middle, low), jnp.where(good, high, middle)

    one = jnp.ones_like(now)
    # The upper end, so that b rises even where no step keeps the share: ratios of -inf cannot be tempered away.
    high = jax.lax.fori_loop(0, _NUM_BISECTIONS, halve, (now, one))[1]
    return jnp.where(enough(one), one, high)


def systematic_resample(key: Key[Array, ""], log_weight: Float[Array, " n"]) -> Int[Array, " n"]:
    """Which particles live on: one uniform, n equal steps through the cumulated weights. Particle i has n w_i copies, rounded up or down.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> systematic_resample(jax.random.key(0), jnp.log(jnp.array([0.25, 0.0, 0.5, 0.25]))).tolist()
        [0, 2, 2, 3]
    """
    n = log_weight.shape[0]
    up_to = jnp.cumsum(jax.nn.softmax(log_weight))
    points = (jnp.arange(n) + jax.random.uniform(key, (), up_to.dtype)) / n
    return jnp.searchsorted(up_to, points * up_to[-1], side="right")


def _move(
    key: Key[Array, ""], path: PathEnergy, kernel: Kernel, x: PyTree, num_moves: int
) -> tuple[PyTree, Float[Array, ""], Float[Array, ""]]:
    """Particles after ``num_moves`` steps, the mean acceptance, and the number of evaluations by all."""
    num_particles = jax.tree.leaves(x)[0].shape[0]

    def step(states: PyTree, key: Key[Array, ""]) -> tuple[PyTree, PyTree]:
        return jax.vmap(lambda key, state: kernel.step(key, state, path))(jax.random.split(key, num_particles), states)

    states = jax.vmap(lambda x: kernel.init(x, path))(x)
    states, info = jax.lax.scan(step, states, jax.random.split(key, num_moves))
    return states.position, jnp.mean(info.acceptance), num_particles + jnp.sum(info.num_energies.astype(float))


def _check(kernel: Kernel, num_particles: int, num_moves: int, ess_share: float) -> None:
    if not kernel.is_exact:
        raise ConfigError(
            f"expected a kernel that leaves exp(-E) invariant, got {type(kernel).__name__}; use one with a correction, as Mala"
        )
    if num_particles < 2 or num_moves < 1:
        raise ConfigError(f"expected at least two particles and one move, got {num_particles} and {num_moves}; ask for more")
    if not 0.0 < ess_share < 1.0:
        raise ConfigError(f"expected an effective share between 0 and 1, got ess_share={ess_share}; 0.5 is usual")
