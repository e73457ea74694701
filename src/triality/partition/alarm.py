"""Three estimates of one log Z: where they disagree by more than their errors allow, something is wrong (D6).

    forward      log mean_q exp(r)                  needs q to cover p_theta
    symmetric    the acceptance ratio               needs p = p_theta, or q = p_theta
    reciprocal   -log mean_p exp(-r)                needs p_theta to cover q, and p = p_theta

They are the optimal b of one loss with f = KL, Jensen-Shannon, reverse KL. Agreement is necessary for p_theta = p with covered support,
**not sufficient**: see ``BLIND_SPOTS``; and it is a test only where it could have failed, so "agree" claims a precision. While training,
p_theta != p is normal: log the gaps, and act only if they grow after the loss has converged.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from triality.numerics import effective_sample_size, log_mean_exp
from triality.partition.acceptance_ratio import Sides, acceptance_influence, acceptance_ratio
from triality.partition.diagnostics import pareto_k_threshold
from triality.partition.estimate import Estimate
from triality.partition.importance import importance
from triality.partition.influence import influence_variance, log_mean_influence, weights_or_ones
from triality.partition.reciprocal import reciprocal

# Below this many effective samples the error bars are themselves estimated too badly to be divided by.
ENOUGH_SAMPLES = 20
# Standard errors that an interval is drawn with, where a wrong "agree" should be rare.
COVERED = 3.0
# A large error is itself too small an estimate of the error more often than not: gaps are then held against this many times as much.
ALLOWANCE = 2.0

VERDICTS = ("agree", "model misfit or missed mode", "too few effective samples", "no estimate")

BLIND_SPOTS = (
    "Blind spots: q = p_theta makes all three equal whatever the data are; a mode of p_theta that neither data nor drawn samples visit "
    "leaves all three wrong together."
)


class Alarm(NamedTuple):
    """Three estimates and their disagreement.

    Fields:
        forward: from the drawn samples alone.
        symmetric: from both sides.
        reciprocal: from the data alone.
        gaps: forward - symmetric, symmetric - reciprocal, forward - reciprocal, in joint standard errors.
        threshold: largest gap that is taken for chance.
        effective_samples: the smallest of forward ESS, reciprocal ESS, and n_p * overlap; below ``ENOUGH_SAMPLES`` no gap means anything.
        fired: some gap is larger than the threshold, or an estimate does not exist.
        precision: in nats; what "agree" claims of the forward estimate.
        error: of the forward estimate, in nats: the larger of its standard error and sqrt((mean_p exp(r) / Z - 1) / m), which is the same
            where data follow the model. Draws that lack the largest weights make the first too small; the data may have seen them.
        not_excluded: in nats; the largest difference of forward and symmetric that ``COVERED`` joint standard errors do not exclude.
        is_coarse: ``COVERED`` times ``error`` exceeds ``precision``, or ``not_excluded`` exceeds twice that:
            agreement would then mean little. The reciprocal estimate need not be precise: it is no number to report.
        is_heavy: the tail of the forward weights is too heavy for any error bar (Pareto k above ``pareto_k_threshold``): where q is much
            narrower than p_theta, effective samples and gaps look well and log Z is low all the same.
    """

    forward: Estimate
    symmetric: Estimate
    reciprocal: Estimate
    gaps: Float[Array, "*batch 3"]
    threshold: Float[Array, "*batch"]
    effective_samples: Float[Array, "*batch"]
    fired: Bool[Array, "*batch"]
    precision: Float[Array, "*batch"]
    error: Float[Array, "*batch"]
    not_excluded: Float[Array, "*batch"]
    is_coarse: Bool[Array, "*batch"]
    is_heavy: Bool[Array, "*batch"]


def three_way_alarm(
    log_ratio_data: Float[Array, " n"],
    log_ratio_drawn: Float[Array, " m"],
    log_weight_data: Float[Array, " n"] | None = None,
    log_weight_drawn: Float[Array, " m"] | None = None,
    stratum_drawn: Int[Array, " m"] | None = None,
    num_strata: int = 1,
    threshold: Float[Array, ""] | float = 5.0,
    precision: Float[Array, ""] | float = 0.05,
) -> Alarm:
    """All three estimates of log Z from the same samples, and their gaps in joint standard errors.

    Two estimates from the same samples are correlated, so the error of their gap is that of the difference of their influence functions.
    It is floored at the square root of the float's precision: at q = p_theta all errors vanish together with the gaps.

    Args:
        log_ratio_data: r = -E(x) - log q(x) at the data, in nats.
        log_ratio_drawn: r at the drawn samples.
        log_weight_data: 0 = one sample, -inf = masked; ones by default.
        log_weight_drawn: the same for the drawn samples.
        stratum_drawn: past sampler that each drawn sample came from; then q in r is their fusion.
        num_strata: number of past samplers, static.
        threshold: in standard errors; twice as many where the forward estimate is not precise.
        precision: in nats; where log Z is not known as well as that, the verdict is "too few effective samples".

    Raises:
        ConfigError: strata and their number do not go together.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> x = jax.random.normal(jax.random.key(0), (2, 4000))
        >>> log_ratio = lambda x: -0.5 * x**2 + 0.5 * (x / 1.2) ** 2 + jnp.log(1.2)  # p_theta = N(0, 1), q = N(0, 1.2^2)
        >>> alarm = jax.jit(three_way_alarm)
        >>> bool(alarm(log_ratio(x[0]), log_ratio(1.2 * x[1])).fired)
        False
        >>> bool(alarm(log_ratio(x[0] + 0.5), log_ratio(1.2 * x[1])).fired)  # data that the model does not fit
        True
    """
    weight_data = weights_or_ones(log_ratio_data, log_weight_data)
    weight_drawn = weights_or_ones(log_ratio_drawn, log_weight_drawn)
    sides = Sides(log_ratio_data, log_ratio_drawn, weight_data, weight_drawn)
    forward = importance(log_ratio_drawn, weight_drawn, stratum_drawn, num_strata)
    symmetric = acceptance_ratio(*sides, stratum_drawn, num_strata)
    backward = reciprocal(log_ratio_data, weight_data)

    by_data, by_drawn = acceptance_influence(symmetric.value, sides)
    by_drawn_alone = log_mean_influence(log_ratio_drawn, weight_drawn)
    by_data_alone = -log_mean_influence(-log_ratio_data, weight_data)

    def joint_error(data: Float[Array, " n"], drawn: Float[Array, " m"]) -> Float[Array, ""]:
        on_drawn = influence_variance(drawn, weight_drawn, stratum_drawn, num_strata)
        return jnp.sqrt(influence_variance(data, weight_data) + on_drawn)

    errors = jnp.stack(
        [
            joint_error(-by_data, by_drawn_alone - by_drawn),
            joint_error(by_data - by_data_alone, by_drawn),
            joint_error(-by_data_alone, by_drawn_alone),
        ]
    )
    values = jnp.stack([forward.value, symmetric.value, backward.value])
    floor = jnp.sqrt(jnp.finfo(values.dtype).eps) * jnp.maximum(1.0, jnp.max(jnp.abs(values)))
    differences = jnp.stack([values[0] - values[1], values[1] - values[2], values[0] - values[2]])
    gaps = differences / jnp.maximum(errors, floor)
    effective = jnp.minimum(forward.diagnostics.ess, backward.diagnostics.ess)
    effective = jnp.minimum(effective, effective_sample_size(weight_data) * symmetric.diagnostics.overlap)
    precision = jnp.asarray(precision, gaps.dtype)
    is_precise = COVERED * forward.stderr <= precision
    threshold = jnp.asarray(threshold, gaps.dtype) * jnp.where(is_precise, 1.0, ALLOWANCE)
    not_excluded = jnp.abs(differences[0]) + COVERED * errors[0]
    error = jnp.maximum(forward.stderr, _error_by_data(forward.value, sides))
    is_coarse = ~((COVERED * error <= precision) & (not_excluded <= 2.0 * precision))
    # Written so that NaN fires: an estimate that does not exist agrees with nothing.
    fired = ~jnp.all(jnp.abs(gaps) <= threshold)
    # NaN, where no tail could be fitted, is no sign of a heavy one.
    is_heavy = forward.diagnostics.pareto_k > pareto_k_threshold(jnp.sum(~jnp.isneginf(weight_drawn)))
    return Alarm(forward, symmetric, backward, gaps, threshold, effective, fired, precision, error, not_excluded, is_coarse, is_heavy)


def _error_by_data(log_z: Float[Array, ""], sides: Sides) -> Float[Array, ""]:
    """sqrt((E_p[w]/Z - 1) / m): the forward estimate's, for E_q[w^2] = Z E_p[w] where data follow the model."""
    spread = jnp.exp(log_mean_exp(sides.data, sides.weight_data) - log_z) - 1.0
    return jnp.sqrt(jnp.maximum(spread, 0.0) / effective_sample_size(sides.weight_drawn))


def judged(alarm: Alarm) -> Int[Array, "*batch"]:
    """Which of ``VERDICTS`` it is, by its place there; for batches too.

    Example:
        >>> import jax.numpy as jnp
        >>> VERDICTS[judged(three_way_alarm(jnp.zeros(60), jnp.zeros(60)))]
        'agree'
    """
    exists = jnp.isfinite(alarm.forward.value) & jnp.isfinite(alarm.symmetric.value) & jnp.isfinite(alarm.reciprocal.value)
    is_blind = (alarm.effective_samples < ENOUGH_SAMPLES) | alarm.is_heavy
    agree, misfit, too_few, none = range(len(VERDICTS))
    return jnp.select([~exists, is_blind, alarm.fired, alarm.is_coarse], [none, too_few, misfit, too_few], agree)


def verdict(alarm: Alarm) -> str:
    """The alarm in words, on the host, for one alarm (not a batch): what agrees, what it may mean, and what it cannot see.

    Starts with one of ``VERDICTS``; "too few effective samples" goes on with " for" where the estimates agree and are not precise, and with
    " to settle" where they differ by more than chance would have it, and are not precise either.
    """
    values = f"log Z {_show(alarm.forward)} forward, {_show(alarm.symmetric)} symmetric, {_show(alarm.reciprocal)} reciprocal"
    gaps = ", ".join(f"{float(gap):+.1f}" for gap in alarm.gaps)
    numbers = f"{values}; gaps {gaps} joint standard errors (threshold {float(alarm.threshold):g})"
    says = (_agree, _misfit, _too_few, _no_estimate)[int(judged(alarm))]
    return f"{says(alarm, numbers)} {BLIND_SPOTS}"


def _agree(alarm: Alarm, numbers: str) -> str:
    width = COVERED * float(alarm.error)
    return (
        f"agree: {numbers}. {COVERED:g} standard errors of log Z are {width:.2g} nats, and forward and symmetric differ by at most "
        f"{float(alarm.not_excluded):.2g}."
    )


def _misfit(alarm: Alarm, numbers: str) -> str:
    return (
        f"model misfit or missed mode: {numbers}. The data do not follow p_theta, or q misses a part of it; during training the first is "
        "normal."
    )


def _no_estimate(alarm: Alarm, numbers: str) -> str:
    return f"no estimate: {numbers}. A side has no usable sample, or no overlap at all with the other."


def _too_few(alarm: Alarm, numbers: str) -> str:
    if float(alarm.effective_samples) < ENOUGH_SAMPLES:
        return (
            f"too few effective samples: {float(alarm.effective_samples):.1f}, of at least {ENOUGH_SAMPLES} needed, so neither agreement "
            f"nor disagreement means anything. {numbers}. Draw more, or bring q closer to p_theta."
        )
    if bool(alarm.is_heavy):
        return (
            f"too few effective samples: the weights' tail is too heavy (Pareto k {float(alarm.forward.diagnostics.pareto_k):.2f}), so "
            f"that the draws which carry log Z may not have come yet. {numbers}. Bring q closer to p_theta, broader first."
        )
    gap = float(jnp.max(jnp.abs(alarm.gaps)))
    if gap > COVERED:
        return (
            f"too few effective samples to settle a gap of {gap:.1f} joint standard errors: {numbers}. {_wanted(alarm)} Until then the "
            "data may not follow p_theta, or q may miss a part of it."
        )
    return f"too few effective samples for {float(alarm.precision):g} nats: {numbers}. {_wanted(alarm)}"


def _wanted(alarm: Alarm) -> str:
    """What is not precise, and how many times as many samples would do: errors go as one over their square root."""
    precision, width, bound = float(alarm.precision), COVERED * float(alarm.error), float(alarm.not_excluded)
    wanted = []
    if width > 1.0:
        wanted.append("Some weights are so large that q hardly reaches a part of p_theta: draws alone will not do.")
    elif width > precision:
        wanted.append(f"{COVERED:g} standard errors of log Z are {width:.2g} nats: {_times(width / precision)} draws.")
    if bound > 2.0 * precision:
        difference = abs(float(alarm.forward.value) - float(alarm.symmetric.value))
        room = 2.0 * precision - difference
        times = _times((bound - difference) / room) if room > 0.0 else "more"
        wanted.append(f"Forward and symmetric may differ by {bound:.2g} nats, of {2.0 * precision:g} allowed: {times} draws and data.")
    return f"{' '.join(wanted)} Or bring q closer to p_theta."


def _times(width: float) -> str:
    return f"about {width**2:,.1f} times as many" if width < 3.0 else f"about {width**2:,.0f} times as many"


def _show(estimate: Estimate) -> str:
    return f"{float(estimate.value):.4g} ± {float(estimate.stderr):.2g}"
