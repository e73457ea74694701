"""log Z as the discriminator's optimal bias: Bennett's acceptance ratio (fact 1 of the paper, section 3.2.1; D2).

    log sum_p w (1 - D) = log sum_q w D,   D = sigmoid(r - b - log nu),   r = -E - log q,   nu = (weight drawn) / (weight of the data)

The root b is the log Z at which as many data are taken for drawn as drawn for data. It is unique (the discriminator's loss is strictly
convex in b) and lies between the smallest and the largest r. It estimates the true log Z where the data follow p_theta, or q = p_theta
(X8).

Solved by Newton's method inside a bracket, on the logarithms: where D is saturated, sum D = n_p is flat to 1e-9 over 26 nats and says
nothing. Differentiable in every argument, by the implicit function theorem. The error is the sandwich of D2, stratified by sampler.

Reference: Bennett, Efficient estimation of free energy differences from Monte Carlo data, J. Comput. Phys. 22 (1976).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from triality.numerics import log_mean_exp
from triality.partition.diagnostics import diagnose
from triality.partition.estimate import Estimate
from triality.partition.influence import influence_variance, weights_or_ones, where_present
from triality.partition.newton import bracketed_newton
from triality.reduction import HERE, Reduction


class Sides(NamedTuple):
    """Log ratios r and log weights of both sides.

    Fields:
        data: r at the data.
        drawn: r at the drawn samples.
        weight_data: log weights of the data.
        weight_drawn: log weights of the drawn samples.
    """

    data: Float[Array, " n"]
    drawn: Float[Array, " m"]
    weight_data: Float[Array, " n"]
    weight_drawn: Float[Array, " m"]

    def log_nu(self, over: Reduction = HERE) -> Float[Array, ""]:
        """log of the noise ratio."""
        drawn, data = over.log_sum_exps(self.weight_drawn, self.weight_data)
        return drawn - data


class LogMistakes(NamedTuple):
    """Per-sample log weights of the four ways to be judged: w(1 - D) and w D on the data, w D and w(1 - D) on drawn samples."""

    data_as_drawn: Float[Array, " n"]
    data_as_data: Float[Array, " n"]
    drawn_as_data: Float[Array, " m"]
    drawn_as_drawn: Float[Array, " m"]


def log_odds(log_z: Float[Array, ""], sides: Sides, log_nu: Float[Array, ""]) -> tuple[Float[Array, " n"], Float[Array, " m"]]:
    """s = r - log_z - log nu on either side, of which D is the sigmoid (D1)."""
    return sides.data - log_z - log_nu, sides.drawn - log_z - log_nu


def log_mistakes(log_z: Float[Array, ""], sides: Sides, log_nu: Float[Array, ""]) -> LogMistakes:
    """How the discriminator with bias -log_z judges each sample, in log space. log D = -softplus(-s), log(1 - D) = -softplus(s) (D1)."""
    on_data, on_drawn = log_odds(log_z, sides, log_nu)
    return LogMistakes(
        sides.weight_data - jax.nn.softplus(on_data),
        sides.weight_data - jax.nn.softplus(-on_data),
        sides.weight_drawn - jax.nn.softplus(-on_drawn),
        sides.weight_drawn - jax.nn.softplus(on_drawn),
    )


def residual(log_z: Float[Array, ""], sides: Sides, log_nu: Float[Array, ""] | None = None, over: Reduction = HERE) -> Float[Array, ""]:
    """log sum_p w(1 - D) - log sum_q w D, increasing in log_z, zero at the root.

    At nu = 1 the root is also that of the same equation in odds, which keeps its slope where data and drawn samples are judged the wrong
    way round (there both sums stand at their maximum, and their logarithms are flat).
    """
    log_nu = sides.log_nu(over) if log_nu is None else log_nu
    data_as_drawn, data_as_data, drawn_as_data, drawn_as_drawn = over.log_sum_exps(*log_mistakes(log_z, sides, log_nu))
    plain = data_as_drawn - drawn_as_data
    return jnp.where(log_nu == 0, plain + drawn_as_drawn - data_as_data, plain)


def residual_and_slope(
    log_z: Float[Array, ""], sides: Sides, log_nu: Float[Array, ""], over: Reduction = HERE
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """``residual`` and its derivative by log_z, in an exponential for each sum and one for all: what Newton's method calls.

    With s = r - log_z - log nu and t = exp(-|s|), sigmoid(s) = exp(min(s, 0)) / (1 + t): no logarithm, and nothing that overflows. Each sum
    is scaled by the largest w exp(min(+-s, 0)), which is within a factor two of its largest term. The derivative of log sum w sigmoid(s)
    is minus the mean of 1 - sigmoid(s) under those terms.

    Example:
        >>> sides = Sides(jnp.array([1.0]), jnp.array([0.0]), jnp.zeros(1), jnp.zeros(1))
        >>> value, slope = residual_and_slope(jnp.array(0.5), sides, jnp.array(0.0))
        >>> float(value), bool(slope > 0)
        (0.0, True)
    """
    on_data, on_drawn = log_odds(log_z, sides, log_nu)
    # (1 - D) on the data, D on the draws; then the same the other way round, which is needed at nu = 1.
    signed = (-on_data, on_drawn, -on_drawn, on_data)
    weights = (sides.weight_data, sides.weight_drawn, sides.weight_drawn, sides.weight_data)
    rest_data, rest_drawn = jnp.exp(-jnp.abs(on_data)), jnp.exp(-jnp.abs(on_drawn))
    rests = (rest_data, rest_drawn, rest_drawn, rest_data)
    scaled = [weight + jnp.minimum(s, 0.0) for s, weight in zip(signed, weights, strict=True)]
    highest = over.highest_of_each(*scaled)
    sums = []
    for s, rest, log_term, most in zip(signed, rests, scaled, highest, strict=True):
        term, whole = jnp.exp(log_term - most), 1.0 + rest
        sums += [jnp.sum(term / whole), jnp.sum(term * jnp.where(s > 0, rest, 1.0) / whole**2)]
    totals = over.total(jnp.stack(sums)[None])
    log_sums, means = highest + jnp.log(totals[::2]), totals[1::2] / totals[::2]
    # d/d log_z: s falls with log_z on either side, so that sums of sigmoid(-s) rise and those of sigmoid(s) fall.
    value, slope = log_sums[0] - log_sums[1], means[0] + means[1]
    at_one, slope_at_one = value + log_sums[2] - log_sums[3], slope + means[2] + means[3]
    return jnp.where(log_nu == 0, at_one, value), jnp.where(log_nu == 0, slope_at_one, slope)


def solve_log_z(
    log_ratio_data: Float[Array, " n"],
    log_ratio_drawn: Float[Array, " m"],
    log_weight_data: Float[Array, " n"] | None = None,
    log_weight_drawn: Float[Array, " m"] | None = None,
    over: Reduction = HERE,
) -> Float[Array, ""]:
    """The root alone, differentiable in all arguments (also twice). nan where ``acceptance_ratio`` returns nan; its gradient is then zero.

    Example:
        >>> import jax.numpy as jnp
        >>> float(solve_log_z(jnp.array([1.0]), jnp.array([0.0])).__round__(6))
        0.5
    """
    sides = _sides(log_ratio_data, log_ratio_drawn, log_weight_data, log_weight_drawn)
    solvable = _has_root(sides, over)
    # A solvable stand-in keeps NaN out of the loop and out of the gradient.
    safe = Sides(*(jnp.where(solvable, array, jnp.zeros_like(array)) for array in sides))
    log_nu = safe.log_nu(over)
    low, high = _bracket(safe, log_nu, over)
    start = jnp.clip(log_mean_exp(safe.drawn, safe.weight_drawn, over), low, high)
    size = jnp.maximum(1.0, jnp.maximum(jnp.abs(low), jnp.abs(high)))
    tolerance = jax.lax.stop_gradient(4.0 * jnp.finfo(size.dtype).eps * size)
    low, high, start, held, held_nu = jax.lax.stop_gradient((low, high, start, safe, log_nu))

    def solve(function: Callable, point: Float[Array, ""]) -> Float[Array, ""]:
        del function  # the same one, that of the implicit derivative
        return bracketed_newton(lambda log_z: residual_and_slope(log_z, held, held_nu, over), point, low, high, tolerance)

    root = jax.lax.custom_root(
        lambda log_z: residual(log_z, safe, log_nu, over), start, solve, lambda linear, y: y / linear(jnp.ones_like(y))
    )
    return jnp.where(solvable, root, jnp.nan)


def acceptance_ratio(
    log_ratio_data: Float[Array, " n"],
    log_ratio_drawn: Float[Array, " m"],
    log_weight_data: Float[Array, " n"] | None = None,
    log_weight_drawn: Float[Array, " m"] | None = None,
    stratum_drawn: Int[Array, " m"] | None = None,
    num_strata: int = 1,
    over: Reduction = HERE,
) -> Estimate:
    """log Z by the acceptance ratio, with the sandwich error (n_p Var_p D + n_q Var_q D) / (sum D(1 - D))^2 of D2.

    The error is about the true log Z where the data follow p_theta, else about the root's own limit (X8). It assumes independent samples
    and an energy that was not fitted on them. Once n_p * overlap falls below 20 or so, it is too small itself.

    Args:
        log_ratio_data: r = -E(x) - log q(x) at the data, in nats. +inf (q cannot produce it) is fine, -inf is not.
        log_ratio_drawn: r at the drawn samples. -inf (infinite energy) is fine, +inf is not.
        log_weight_data: 0 = one sample, -inf = masked; ones by default. The summed weights set nu.
        log_weight_drawn: the same for the drawn samples.
        stratum_drawn: past sampler that each drawn sample came from; then q in r is their fusion (D12).
        num_strata: number of past samplers, static.
        over: how sums are taken, where the samples of both sides are spread over devices.

    Returns:
        value nan where a side has no usable sample, or a ratio is NaN or infinite on the wrong side. Diagnostics are those of the mixture
        weights D / sum D, which are bounded by Z/alpha (D3) and so look healthy early: the one to watch is ``overlap``.

    Raises:
        ConfigError: strata and their number do not go together.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> estimate = jax.jit(acceptance_ratio)(jnp.array([1.0, 2.0]), jnp.array([0.0, -1.0, 0.5]))
        >>> float(estimate.value.__round__(3)), float(estimate.diagnostics.overlap.__round__(3))
        (0.591, 0.384)
    """
    sides = _sides(log_ratio_data, log_ratio_drawn, log_weight_data, log_weight_drawn)
    value, log_nu = solve_log_z(*sides, over), sides.log_nu(over)
    mistakes = log_mistakes(value, sides, log_nu)
    on_data, on_drawn = acceptance_influence(value, sides, over)
    of_data = influence_variance(on_data, sides.weight_data, over=over)
    of_drawn = influence_variance(on_drawn, sides.weight_drawn, stratum_drawn, num_strata, over)
    log_weight = jnp.concatenate([sides.weight_data, sides.weight_drawn])
    log_d = jnp.concatenate([mistakes.data_as_data, mistakes.drawn_as_data]) - where_present(log_weight, log_weight)
    mistaken, of_all = over.log_sum_exps(mistakes.data_as_drawn, sides.weight_data)
    return Estimate(value, jnp.sqrt(of_data + of_drawn), diagnose(log_d, log_weight, jnp.exp(mistaken - of_all), over))


def acceptance_influence(log_z: Float[Array, ""], sides: Sides, over: Reduction = HERE) -> tuple[Float[Array, " n"], Float[Array, " m"]]:
    """Influence of each sample on the root, data and drawn: minus the equation's own terms over its slope, in shares of the overlap.

    Shares stay of order one where every D is saturated and the sums of D2 have underflown.
    """
    mistakes = log_mistakes(log_z, sides, sides.log_nu(over))
    # sum w D(1 - D) over both sides, relative to the overlap: w D (1 - D) = (w(1 - D)) (w D) / w.
    mixed_data = mistakes.data_as_drawn + mistakes.data_as_data - where_present(sides.weight_data, sides.weight_data)
    mixed_drawn = mistakes.drawn_as_data + mistakes.drawn_as_drawn - where_present(sides.weight_drawn, sides.weight_drawn)
    sums = over.log_sum_exps(mixed_data, mistakes.data_as_drawn, mixed_drawn, mistakes.drawn_as_data)
    log_slope = jnp.logaddexp(sums[0] - sums[1], sums[2] - sums[3])
    share_data = over.softmax(mistakes.data_as_drawn) - over.softmax(sides.weight_data)
    share_drawn = over.softmax(mistakes.drawn_as_data) - over.softmax(sides.weight_drawn)
    return -share_data * jnp.exp(-log_slope), share_drawn * jnp.exp(-log_slope)


def _sides(
    log_ratio_data: Float[Array, " n"],
    log_ratio_drawn: Float[Array, " m"],
    log_weight_data: Float[Array, " n"] | None,
    log_weight_drawn: Float[Array, " m"] | None,
) -> Sides:
    weight_data = weights_or_ones(log_ratio_data, log_weight_data)
    weight_drawn = weights_or_ones(log_ratio_drawn, log_weight_drawn)
    return Sides(where_present(log_ratio_data, weight_data), where_present(log_ratio_drawn, weight_drawn), weight_data, weight_drawn)


def _has_root(sides: Sides, over: Reduction) -> Bool[Array, ""]:
    """Both sides have a sample of finite ratio, and no ratio is NaN or infinite on the side where the sums then never meet."""
    some_data = over.some(jnp.isfinite(sides.data) & ~jnp.isneginf(sides.weight_data))
    some_drawn = over.some(jnp.isfinite(sides.drawn) & ~jnp.isneginf(sides.weight_drawn))
    refused = over.some(~(sides.data > -jnp.inf)) | over.some(~(sides.drawn < jnp.inf))
    return some_data & some_drawn & ~refused


def _bracket(sides: Sides, log_nu: Float[Array, ""], over: Reduction) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """[min r, max r] over finite ratios; widened where infinite ones hold weight that neither end of that range accounts for."""
    ratio = jnp.concatenate([sides.data, sides.drawn])
    live = jnp.isfinite(ratio) & ~jnp.isneginf(jnp.concatenate([sides.weight_data, sides.weight_drawn]))
    lost_data = _log_lost(sides.data, sides.weight_data, over)
    lost_drawn = _log_lost(sides.drawn, sides.weight_drawn, over)
    below = jnp.where(lost_drawn > 0, lost_drawn + jax.nn.softplus(log_nu), 0.0)
    above = jnp.where(lost_data > 0, lost_data + jax.nn.softplus(-log_nu), 0.0)
    return over.lowest(jnp.where(live, ratio, jnp.inf)) - below, over.highest(jnp.where(live, ratio, -jnp.inf)) + above


def _log_lost(log_ratio: Float[Array, " n"], log_weight: Float[Array, " n"], over: Reduction) -> Float[Array, ""]:
    """log(weight of all samples / weight of those with a finite ratio); 0 where every ratio is finite."""
    of_all, of_finite = over.log_sum_exps(log_weight, jnp.where(jnp.isfinite(log_ratio), log_weight, -jnp.inf))
    return of_all - of_finite
