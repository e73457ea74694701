"""Standard errors from influence functions: what each sample did to an estimate of log Z, to first order.

An estimate moves by sum_i I_i where sample i pulls by I_i, so its variance is the sum of the squares of I about their mean. Joint errors of
two estimates from the same samples come from the difference of their influences: no covariance has to be written down.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from triality.errors import ConfigError
from triality.reduction import HERE, Reduction


def weights_or_ones(log_ratio: Float[Array, " n"], log_weight: Float[Array, " n"] | None) -> Float[Array, " n"]:
    """``log_weight``, or one count a sample where there is none."""
    return jnp.zeros_like(log_ratio) if log_weight is None else log_weight


def where_present(values: Float[Array, " n"], log_weight: Float[Array, " n"]) -> Float[Array, " n"]:
    """``values`` with those of masked samples (log weight -inf) set to 0, so that NaN there reaches neither value nor gradient."""
    return jnp.where(jnp.isneginf(log_weight), 0.0, values)


def log_mean_influence(log_terms: Float[Array, " n"], log_weight: Float[Array, " n"], over: Reduction = HERE) -> Float[Array, " n"]:
    """Influence of each sample on log(sum_i w_i exp(t_i) / sum_i w_i): its share in the upper sum minus its share in the lower one.

    This is the delta method. The influences add up to zero.

    Example:
        >>> import jax.numpy as jnp
        >>> log_mean_influence(jnp.log(jnp.array([1.0, 3.0])), jnp.zeros(2)).round(6).tolist()
        [-0.25, 0.25]
    """
    log_terms = where_present(log_terms, log_weight)
    return over.softmax(log_terms + log_weight) - over.softmax(log_weight)


def influence_variance(
    influence: Float[Array, " n"],
    log_weight: Float[Array, " n"],
    stratum: Int[Array, " n"] | None = None,
    num_strata: int = 1,
    over: Reduction = HERE,
) -> Float[Array, ""]:
    """Variance of sum_i I_i, sum_k n_k/(n_k - 1) sum_{i in k} (I_i - w_i mean_k)^2, where stratum k holds the samples of sampler k.

    How many samples each sampler gave is no accident, so only the spread *within* a stratum is error (D2, D12); pooling them over-covers.
    n_k is the effective count (sum w)^2 / sum w^2. A stratum of a single sample has no spread of its own and is measured about the mean
    of all.

    Args:
        influence: of each sample; nats.
        log_weight: 0 = one sample, -inf = masked. These are importance weights: a weight of 2 is not two independent samples.
        stratum: sampler that each sample came from, in 0 .. num_strata - 1; None = one sampler.
        num_strata: number of samplers, static.
        over: how sums are taken, where the samples are spread over devices.

    Raises:
        ConfigError: strata and their number do not go together.
    """
    if stratum is None and num_strata != 1:
        raise ConfigError(f"expected stratum labels for num_strata={num_strata}, got none; pass stratum, one integer a sample")
    share = over.softmax(log_weight)

    def per_stratum(values: Float[Array, " n"]) -> Float[Array, " num_strata"]:
        # Of one sampler a plain sum: labels that are all zero would be summed while compiling, sample by sample, for seconds at a million.
        here = jnp.sum(values)[None] if stratum is None else jax.ops.segment_sum(values, stratum, num_segments=num_strata)
        return over.total(here[None])

    total, squares = per_stratum(share), per_stratum(share**2)
    count = jnp.where(squares > 0, total**2 / jnp.where(squares > 0, squares, 1.0), 0.0)
    enough = count > 1.99
    mean = jnp.where(enough, per_stratum(influence) / jnp.where(enough, total, 1.0), 0.0)
    bessel = jnp.where(enough, count / jnp.where(enough, count - 1.0, 1.0), 1.0)
    return jnp.sum(bessel * per_stratum((influence - share * mean[0 if stratum is None else stratum]) ** 2))
