"""log Z from the samples of K past samplers, fused (footnote 3 of the paper, D12): Veach's balance heuristic.

    log m(x) = logsumexp_k(log(n_k / N) + log q_k(x)),   Z^ = mean_all[exp(-E) / m]

Every sample is weighed by the density of the *mixture*, whichever sampler drew it. Unbiased for Z where the samplers were fixed in advance;
samplers that were adapted to earlier samples make it consistent but biased at finite n. Weighing each sample by its own sampler's density
(``own_density``) stays unbiased even then, at a variance that one poor sampler can ruin.

Reference: Veach, Guibas, Optimally combining sampling techniques for Monte Carlo rendering, SIGGRAPH 1995.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from triality.partition.estimate import Estimate
from triality.partition.importance import importance
from triality.partition.influence import weights_or_ones


def fused_log_density(log_q_matrix: Float[Array, "K N"], log_counts: Float[Array, " K"]) -> Float[Array, " N"]:
    """log m at every sample: logsumexp_k(log(n_k / N) + log q_k(x)). Put it in place of log q in any estimator or objective.

    Args:
        log_q_matrix: log q_k(x_i) of every sampler at every sample, in nats. Entries of an empty slot are never read.
        log_counts: log n_k, -inf for an empty slot; only their differences matter.

    Example:
        >>> import jax.numpy as jnp
        >>> both = jnp.log(jnp.array([[0.2], [0.6]]))
        >>> jnp.exp(fused_log_density(both, jnp.log(jnp.array([1.0, 3.0])))).round(6).tolist()
        [0.5]
    """
    empty = jnp.isneginf(log_counts)
    log_share = jax.nn.log_softmax(log_counts)
    terms = jnp.where(empty[:, None], -jnp.inf, jnp.where(empty[:, None], 0.0, log_q_matrix) + log_share[:, None])
    return jax.nn.logsumexp(terms, axis=0)


def log_stratum_counts(stratum: Int[Array, " N"], num_strata: int, log_weight: Float[Array, " N"] | None = None) -> Float[Array, " K"]:
    """log n_k: summed weights of the samples that sampler k gave, -inf for none.

    Example:
        >>> import jax.numpy as jnp
        >>> jnp.exp(log_stratum_counts(jnp.array([0, 2, 2]), 3)).round(6).tolist()
        [1.0, 0.0, 2.0]
    """
    log_weight = jnp.zeros(stratum.shape) if log_weight is None else log_weight
    largest = jnp.max(log_weight)
    largest = jnp.where(jnp.isfinite(largest), largest, 0.0)
    return largest + jnp.log(jax.ops.segment_sum(jnp.exp(log_weight - largest), stratum, num_segments=num_strata))


def fusion(
    neg_energy: Float[Array, " N"],
    log_q_matrix: Float[Array, "K N"],
    stratum: Int[Array, " N"],
    log_weight: Float[Array, " N"] | None = None,
) -> Estimate:
    """log Z^ = log mean_all exp(-E - log m), with the error stratified by sampler: the balance heuristic.

    Args:
        neg_energy: -E at every sample, in nats.
        log_q_matrix: log q_k(x_i), every sampler at every sample: its own and the others'.
        stratum: sampler that drew each sample, in 0 .. K - 1.
        log_weight: 0 = one sample, -inf = masked; ones by default. Summed by sampler they are the n_k.

    Example:
        >>> import jax.numpy as jnp
        >>> log_q = jnp.log(jnp.array([[0.5, 0.5], [0.25, 0.75]]))  # two samplers at two samples
        >>> float(fusion(jnp.zeros(2), log_q, jnp.array([0, 1])).value.__round__(4))  # log mean(1/.375, 1/.625)
        0.7577
    """
    log_weight = weights_or_ones(neg_energy, log_weight)
    num_samplers = log_q_matrix.shape[0]
    log_mixture = fused_log_density(log_q_matrix, log_stratum_counts(stratum, num_samplers, log_weight))
    return importance(neg_energy - log_mixture, log_weight, stratum, num_samplers)


def own_density(
    neg_energy: Float[Array, " N"],
    log_q_matrix: Float[Array, "K N"],
    stratum: Int[Array, " N"],
    log_weight: Float[Array, " N"] | None = None,
) -> Estimate:
    """log mean_all exp(-E - log q_k(i)), each sample by the density of the sampler that drew it: a different, usually far worse estimator.

    Here for comparison, and for the one thing it does better: it is unbiased for samplers adapted along the way. Arguments as ``fusion``.
    """
    log_own = jnp.take_along_axis(log_q_matrix, stratum[None, :], axis=0)[0]
    return importance(neg_energy - log_own, log_weight, stratum, log_q_matrix.shape[0])
