"""Annealed importance sampling: log Z along a path from a sampler q to exp(-E), and the same path walked backward, which brackets it.

    E_b(x) = -(1 - b) log q(x) + b E(x),     0 = b_0 < b_1 < ... < b_K = 1,     r = -E - log q
    forward:     x_0 ~ q,        log w = sum_k (b_k - b_{k-1}) r(x_{k-1}),    x_k ~ T_{b_k}(.|x_{k-1}),     E[w] = Z
    backward:    x_K ~ p_theta,  log w = -(the same sum along the walk down),                               E[w] = 1/Z

A weight is taken **before** the move: after it, the sum is that of no importance sampler. With K = 1 these are importance sampling and the
reciprocal. By Jensen, log mean w is below log Z in the mean, and -log mean w of the walk down above it (Grosse et al. 2015); a wider gap
means a walk that is too short. Any kernel will do that leaves E_b invariant; it need not be reversible.

References: Neal, Annealed importance sampling, Statistics and Computing 11 (2001); Grosse, Ghahramani, Adams, Sandwiching the marginal
likelihood using bidirectional Monte Carlo, arXiv:1511.02543.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from triality.energy import Energy
from triality.errors import ConfigError
from triality.kernels.kernel import Kernel
from triality.partition.estimate import Estimate
from triality.partition.importance import importance
from triality.sampler import AbstractSampler, draw


class PathEnergy(eqx.Module):
    """E_b(x) = -(1 - b) log q(x) + b E(x): q at b = 0, p_theta at b = 1, and a geometric path between.

    Example:
        >>> from triality.samplers.gaussian import Gaussian
        >>> path = PathEnergy(lambda x: 3.0 * jnp.sum(x), Gaussian(jnp.zeros(1), jnp.zeros(1)), jnp.array(0.5))
        >>> float(path(jnp.zeros(1)).round(4))
        0.4595
    """

    energy: Energy[Any]
    sampler: AbstractSampler[Any]
    inverse_temperature: Float[Array, ""]

    def __call__(self, x: Any) -> Float[Array, ""]:
        return -(1.0 - self.inverse_temperature) * self.sampler.log_prob(x) + self.inverse_temperature * self.energy(x)

    def log_ratio(self, x: Any) -> Float[Array, ""]:
        """r = -E - log q, in nats: minus the slope of E_b in b."""
        return -self.energy(x) - self.sampler.log_prob(x)


class Annealed(NamedTuple):
    """Walks along the path.

    Fields:
        x: where each walk ended, before a last move; with ``log_weight`` they are weighted samples of the law at the end of the path.
        log_weight: of each walk, in nats; the log of an unbiased estimate of Z_end/Z_start.
        acceptance: mean over walks at each temperature between; near 0 or 1 the kernel's step is far too large or too small there.
        num_energies: evaluations of the energy by each walk.
    """

    x: PyTree
    log_weight: Float[Array, " n"]
    acceptance: Float[Array, " between"]
    num_energies: Int[Array, " n"]


class Bracket(NamedTuple):
    """log Z between two estimates, in nats.

    Fields:
        lower: the forward estimate, below log Z in the mean.
        upper: the backward estimate, above log Z in the mean where its starts were exact samples of the model.
        gap: upper - lower; what is not known. Healthy: below the accuracy that one needs.
        low, high: ends of the bracket widened by 1.96 standard errors a side. Without trust in those, P(lower > log Z + a) < exp(-a)
            for any walk, and the same for the other side, by Markov's inequality.
        crossed: the lower is above the upper by more than three joint standard errors. The backward starts are then no samples of the
            model, or a walk left a mode out that the other one saw.
    """

    lower: Float[Array, "*batch"]
    upper: Float[Array, "*batch"]
    gap: Float[Array, "*batch"]
    low: Float[Array, "*batch"]
    high: Float[Array, "*batch"]
    crossed: Bool[Array, "*batch"]


def sigmoid_temperatures(num_temperatures: int, sharpness: float = 4.0) -> Float[Array, " num_temperatures"]:
    """0 = b_0 < ... < b_K = 1, denser toward both ends: sigmoid(sharpness (2k/K - 1)), rescaled (Grosse et al. 2015, with sharpness 4).

    Raises:
        ConfigError: fewer than two.

    Example:
        >>> sigmoid_temperatures(3).tolist()
        [0.0, 0.5, 1.0]
    """
    if num_temperatures < 2:
        raise ConfigError(f"expected at least two temperatures, q's and the model's, got {num_temperatures}; ask for more")
    curve = jax.nn.sigmoid(sharpness * jnp.linspace(-1.0, 1.0, num_temperatures))
    return ((curve - curve[0]) / (curve[-1] - curve[0])).at[-1].set(1.0)


def walk(
    key: Key[Array, ""],
    energy: Energy[Any],
    q: AbstractSampler[Any],
    kernel: Kernel,
    inverse_temperatures: Float[Array, " temperatures"],
    starts: PyTree,
) -> Annealed:
    """One walk from each start along ``inverse_temperatures``, up or down, a step of the kernel at each temperature between the ends.

    To take more steps, repeat a temperature: between equal ones a weight does not change.

    Raises:
        ConfigError: fewer than two temperatures, or a kernel that leaves no law invariant.
    """
    if not kernel.is_exact:
        raise ConfigError(
            f"expected a kernel that leaves exp(-E) invariant, got {type(kernel).__name__}; use one with a correction, as Mala"
        )
    if inverse_temperatures.shape[0] < 2:
        raise ConfigError(f"expected at least two temperatures, got {inverse_temperatures.shape[0]}; use sigmoid_temperatures")
    num_chains = jax.tree.leaves(starts)[0].shape[0]
    between, last = inverse_temperatures[1:-1], inverse_temperatures[-1]

    def move(key: Key[Array, ""], x: Any, path: PathEnergy):
        state, info = kernel.step(key, kernel.init(x, path), path)
        return state.position, info

    def stage(carry: PyTree, now: PyTree) -> tuple[PyTree, PyTree]:
        x, log_weight, before = carry
        key, inverse_temperature = now
        path = PathEnergy(energy, q, inverse_temperature)
        log_weight = _reweighed(log_weight, jax.vmap(path.log_ratio)(x), inverse_temperature - before)
        x, info = jax.vmap(lambda key, x: move(key, x, path))(jax.random.split(key, num_chains), x)
        return (x, log_weight, inverse_temperature), (jnp.mean(info.acceptance), info.num_energies + 2)

    carry = (starts, jnp.zeros(num_chains, inverse_temperatures.dtype), inverse_temperatures[0])
    (x, log_weight, before), (acceptance, counts) = jax.lax.scan(stage, carry, (jax.random.split(key, between.shape[0]), between))
    log_weight = _reweighed(log_weight, jax.vmap(PathEnergy(energy, q, last).log_ratio)(x), last - before)
    return Annealed(x, log_weight, acceptance, 1 + jnp.sum(counts, axis=0))


def anneal(
    key: Key[Array, ""],
    energy: Energy[Any],
    q: AbstractSampler[Any],
    kernel: Kernel,
    inverse_temperatures: Float[Array, " temperatures"],
    num_chains: int,
) -> Annealed:
    """Forward walks from draws of q: weighted samples of p_theta. Arguments as ``annealed_importance``."""
    key_draw, key_walk = jax.random.split(key)
    return walk(key_walk, energy, q, kernel, _from_zero_to_one(inverse_temperatures), draw(q, key_draw, num_chains).x)


def annealed_importance(
    key: Key[Array, ""],
    energy: Energy[Any],
    q: AbstractSampler[Any],
    kernel: Kernel,
    inverse_temperatures: Float[Array, " temperatures"],
    num_chains: int,
) -> Estimate:
    """log Z by annealing from q: unbiased for Z, and so low in the mean for log Z; the error is the delta method's over walks.

    Blind to a mode that no walk finds; its effective sample size then looks well.

    Args:
        energy: E, in nats, with respect to the measure of q.
        q: where walks start; nearer to p_theta is better, and broader is safer.
        kernel: of one chain; ``Mala`` or ``HamiltonianMonteCarlo`` for real vectors, ``Gibbs`` for 0/1 vectors.
        inverse_temperatures: from 0 to 1, increasing; ``sigmoid_temperatures``.
        num_chains: walks, static.

    Raises:
        ConfigError: as ``walk``, or temperatures that do not rise from 0 to 1 (under ``jit``, where they cannot be seen: nan).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.kernels.langevin import Mala
        >>> from triality.samplers.gaussian import Gaussian
        >>> q = Gaussian(jnp.zeros(2), jnp.zeros(2))
        >>> energy = lambda x: 2.0 * jnp.sum((x - 1.0) ** 2)
        >>> estimate = annealed_importance(jax.random.key(0), energy, q, Mala(0.2), sigmoid_temperatures(40), 500)
        >>> bool(jnp.abs(estimate.value - jnp.log(jnp.pi / 2)) < 3 * estimate.stderr)
        True
    """
    return importance(anneal(key, energy, q, kernel, inverse_temperatures, num_chains).log_weight)


def reverse_annealed(
    key: Key[Array, ""],
    energy: Energy[Any],
    q: AbstractSampler[Any],
    kernel: Kernel,
    inverse_temperatures: Float[Array, " temperatures"],
    exact_samples: PyTree,
) -> Estimate:
    """log Z by annealing down from exact samples of p_theta: unbiased for 1/Z, and so high in the mean for log Z.

    From anything else (data that the model does not fit, the ends of another chain) it is no bound: a walk forgets its start only as far
    as its kernel mixes. Name it so where it is reported.

    Where q is much broader than the model its weights are heavy-tailed, and the error too small at few temperatures. ``pareto_k`` does not
    tell such runs from the others; agreement at twice the temperatures does.

    Args:
        inverse_temperatures: the forward walk's, from 0 to 1, increasing; walked from their end.
        exact_samples: one walk from each; leaves with a leading axis.

    Raises:
        ConfigError: as ``walk``.
    """
    return from_reverse(walk(key, energy, q, kernel, _from_zero_to_one(inverse_temperatures)[::-1], exact_samples))


def from_reverse(annealed: Annealed) -> Estimate:
    """The estimate of log Z that walks down the path give: minus that of log 1/Z."""
    inverse = importance(annealed.log_weight)
    return Estimate(-inverse.value, inverse.stderr, inverse.diagnostics)


def bracket(forward: Estimate, reverse: Estimate) -> Bracket:
    """log Z between a forward and a backward estimate of independent walks.

    Example:
        >>> estimate = importance(jnp.zeros(30))
        >>> float(bracket(estimate, estimate).gap)
        0.0
    """
    gap = reverse.value - forward.value
    low, high = forward.value - 1.96 * forward.stderr, reverse.value + 1.96 * reverse.stderr
    floor = jnp.sqrt(jnp.finfo(gap.dtype).eps) * jnp.maximum(1.0, jnp.abs(forward.value))
    joint = jnp.sqrt(forward.stderr**2 + reverse.stderr**2)
    return Bracket(forward.value, reverse.value, gap, low, high, gap < -3.0 * jnp.maximum(joint, floor))


def _from_zero_to_one(inverse_temperatures: Float[Array, " temperatures"]) -> Float[Array, " temperatures"]:
    valid = (inverse_temperatures[0] == 0) & (inverse_temperatures[-1] == 1) & jnp.all(jnp.diff(inverse_temperatures) >= 0)
    if not isinstance(valid, Tracer) and not valid:
        ends = f"{float(inverse_temperatures[0]):g} .. {float(inverse_temperatures[-1]):g}"
        raise ConfigError(f"expected inverse temperatures that rise from 0 to 1, got {ends}; use sigmoid_temperatures")
    return jnp.where(valid, inverse_temperatures, jnp.nan)


def _reweighed(log_weight: Float[Array, " n"], log_ratio: Float[Array, " n"], rise: Float[Array, ""]) -> Float[Array, " n"]:
    """A walk that lost all its weight stays where it is; between equal temperatures nothing changes, whatever the ratio."""
    dead = jnp.isneginf(log_weight) | (rise == 0)
    return jnp.where(dead, log_weight, log_weight + rise * log_ratio)
