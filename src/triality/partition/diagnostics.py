"""Can these importance weights be trusted? Effective sample size, largest weight, Pareto k-hat, and two ways to tame a heavy tail.

Everything takes log weights; -inf means "no sample" and changes nothing. Shapes are fixed, so all of it lives in ``jit`` and ``vmap``.

References: Vehtari, Simpson, Gelman, Yao, Gabry, Pareto smoothed importance sampling (arXiv:1507.02646); Zhang, Stephens, A new and
efficient estimation method for the generalized Pareto distribution, Technometrics 2009; Ionides, Truncated importance sampling, JCGS
2008.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from triality.numerics import effective_sample_size
from triality.partition.estimate import Diagnostics
from triality.reduction import HERE, Reduction

# Smallest number of tail samples that a Pareto fit is made of.
_SMALLEST_TAIL = 5


def diagnose(
    log_term: Float[Array, " n"],
    log_weight: Float[Array, " n"],
    overlap: Float[Array, ""] | float = math.nan,
    over: Reduction = HERE,
) -> Diagnostics:
    """Diagnostics of the weights w_i exp(t_i): ``log_weight`` says which samples are present, ``log_term`` what each is multiplied by."""
    log_term, log_weight = over.gathered(log_term), over.gathered(log_weight)
    present = ~jnp.isneginf(log_weight)
    contribution = jnp.where(present, log_term, 0.0) + log_weight
    ess = effective_sample_size(contribution)
    return Diagnostics(
        ess=ess,
        ess_fraction=ess / jnp.maximum(jnp.sum(present), 1),
        pareto_k=pareto_smoothed(contribution)[1],
        largest_weight=largest_weight(contribution),
        overlap=jnp.asarray(overlap, contribution.dtype),
    )


def largest_weight(log_weight: Float[Array, " n"]) -> Float[Array, ""]:
    """Share of the largest weight in the sum of all, in [1/n, 1]; nan where every weight is zero.

    Example:
        >>> import jax.numpy as jnp
        >>> float(largest_weight(jnp.log(jnp.array([1.0, 3.0]))).__round__(4))
        0.75
    """
    return jnp.max(jax.nn.softmax(log_weight))


def pareto_k_threshold(num_samples: Int[Array, ""] | int) -> Float[Array, ""]:
    """min(1 - 1/log10 n, 0.7): below it, the smoothed estimate and its error can be relied on.

    Example:
        >>> [round(float(pareto_k_threshold(n)), 3) for n in (100, 1000, 100000)]
        [0.5, 0.667, 0.7]
    """
    return jnp.minimum(1.0 - 1.0 / jnp.log10(jnp.asarray(num_samples, float)), 0.7)


def truncated(log_weight: Float[Array, " n"]) -> Float[Array, " n"]:
    """log min(w, sqrt(n) mean w) (Ionides 2008): the variance stays finite, the mean is biased low, by less and less as n grows.

    Example:
        >>> import jax.numpy as jnp
        >>> jnp.exp(truncated(jnp.log(jnp.array([1.0, 1.0, 1.0, 97.0])))).round(4).tolist()
        [1.0, 1.0, 1.0, 50.0]
    """
    log_count = jnp.log(jnp.sum(~jnp.isneginf(log_weight)))
    cap = jax.nn.logsumexp(log_weight) - 0.5 * log_count
    return jnp.minimum(log_weight, cap)


def pareto_smoothed(log_weight: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, ""]]:
    """Pareto-smoothed log weights, and k-hat: the largest min(n/5, 3 sqrt n) weights become quantiles of a Pareto law fitted to them.

    The smoothed weights keep the scale of the given ones (they are not normalized), so their ``log_mean_exp`` still estimates log Z.
    k-hat is -inf where the tail is constant, and nan where there is none to fit: fewer than five samples in it (n < 25), or a quarter of it
    tied with the largest weight below, as for a single spike among equals, or on a small finite space. The weights are then left alone.

    Example:
        >>> import jax
        >>> x = 0.6 * jax.random.normal(jax.random.key(0), (4000,))
        >>> bool(pareto_smoothed(-0.5 * x**2 + 0.5 * (x / 0.6) ** 2)[1] > 0.3)  # a proposal that is too narrow
        True
    """
    num_static = log_weight.shape[0]
    present = jnp.sum(~jnp.isneginf(log_weight))
    length = _tail_length(present)
    capacity = max(int(min(num_static // 5, 3 * math.sqrt(num_static))), 1)

    # The largest ones, and the first below the longest tail that there may be: of a million samples some thousands. Without the barriers
    # XLA merges the slices below into the selection, no longer knows it for one, and sorts everything. One barrier for both, and XLA's
    # compiler ends the process where the samples are spread over devices.
    largest, order = map(jax.lax.optimization_barrier, jax.lax.top_k(log_weight, min(capacity + 1, num_static)))
    scale = largest[0]
    scale = jnp.where(jnp.isfinite(scale), scale, 0.0)
    # Ascending, as the fit wants it; entries beyond the tail's true length sit at the front and are masked.
    where = order[:capacity][::-1]
    live = jnp.arange(capacity)[::-1] < length
    log_tail = log_weight[where] - scale
    cutoff = jnp.exp(largest[jnp.clip(length, 0, largest.shape[0] - 1)] - scale)
    lowest = jnp.min(jnp.where(live, log_tail, jnp.inf))

    enough = length >= _SMALLEST_TAIL
    flat = (present > 0) & ~(lowest < 0.0)
    excess = jnp.where(live, jnp.exp(log_tail) - cutoff, 0.0)
    # Zhang and Stephens' candidates are scaled by the lower quartile of the tail, which ties with the cutoff can make zero.
    usable = enough & ~flat & (excess[_quartile(length, capacity)] > 0)
    shape, width = _fit_pareto(jnp.where(usable, excess, 1.0), live, jnp.maximum(length, 1))
    log_smooth = jnp.minimum(jnp.log(_pareto_quantile(live, length, shape, width, cutoff)), 0.0)

    replace = usable & live & jnp.isfinite(log_smooth)
    smoothed = log_weight.at[where].set(jnp.where(replace, log_smooth + scale, log_weight[where]))
    k_hat = jnp.where(usable, shape, jnp.nan)
    present_lowest = jnp.min(jnp.where(jnp.isneginf(log_weight), jnp.inf, log_weight))
    constant = (present > 0) & jnp.where(enough, flat, present_lowest == scale)
    return smoothed, jnp.where(constant, -jnp.inf, k_hat)


def _tail_length(num_samples: Int[Array, ""]) -> Int[Array, ""]:
    """floor(min(n/5, 3 sqrt n)); the two cross at n = 225."""
    root = jnp.floor(3.0 * jnp.sqrt(num_samples.astype(float))).astype(num_samples.dtype)
    return jnp.minimum(num_samples // 5, root)


def _quartile(length: Int[Array, ""], capacity: int) -> Int[Array, ""]:
    """Index of the lower quartile of ``length`` ascending values that stand at the end of ``capacity``."""
    return capacity - length + jnp.maximum((length + 2) // 4 - 1, 0)


def _pareto_quantile(
    live: Bool[Array, " m"],
    length: Int[Array, ""],
    shape: Float[Array, ""],
    width: Float[Array, ""],
    location: Float[Array, ""],
) -> Float[Array, " m"]:
    """Quantiles of the generalized Pareto law at (i - 1/2)/length for the live entries, which stand at the end; nan where width <= 0."""
    capacity = live.shape[0]
    rank = jnp.arange(capacity) - (capacity - length) + 0.5
    log_survival = jnp.log1p(-jnp.where(live, rank / length, 0.5))
    curved = jnp.expm1(-shape * log_survival) / jnp.where(shape == 0, 1.0, shape)
    quantile = location + width * jnp.where(shape == 0, -log_survival, curved)
    return jnp.where(live & (width > 0), quantile, jnp.nan)


def _fit_pareto(excess: Float[Array, " m"], live: Bool[Array, " m"], length: Int[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Shape k and width sigma of a generalized Pareto law: Zhang and Stephens' posterior mean, k drawn toward 1/2 by ten pseudo-samples.

    ``excess`` is sorted ascending; its ``length`` live entries stand at the end.
    """
    capacity = excess.shape[0]
    num_candidates = 30 + jnp.floor(jnp.sqrt(length.astype(float))).astype(length.dtype)
    index = jnp.arange(30 + math.isqrt(capacity))
    candidate = index < num_candidates
    spread = 1.0 - jnp.sqrt(num_candidates / (index + 0.5))
    theta = spread / (3.0 * excess[_quartile(length, capacity)]) + 1.0 / excess[-1]

    def mean_log(values: Float[Array, " ..."]) -> Float[Array, " ..."]:
        terms = jnp.log1p(-values[..., None] * excess)
        return jnp.sum(jnp.where(live, terms, 0.0), axis=-1) / length

    k = mean_log(theta)
    profile = jnp.where(candidate, length * (jnp.log(-theta / k) - k - 1.0), -jnp.inf)
    weight = jax.nn.softmax(profile)
    weight = jnp.where(weight >= 10 * jnp.finfo(excess.dtype).eps, weight, 0.0)
    theta_mean = jnp.sum(jnp.where(weight > 0, theta * weight, 0.0)) / jnp.sum(weight)
    shape = mean_log(theta_mean)
    return (length * shape + 10 * 0.5) / (length + 10), -shape / theta_mean
