"""log Z from data and drawn samples together, with a known reference p~ for the density of the data (eq. 4, D3).

    Z^ = mean_all[exp(-E) / mu~],   log mu~ = logaddexp(log alpha + log p~, log(1 - alpha) + log q),   alpha = n_p / (n_p + n_q)

Unbiased for every energy exactly where p~ = p on the support of exp(-E) (X8); otherwise its mean is Z E_{p_theta}[mu / mu~]. With p~ =
p_theta the estimate is a fixed point, solved by ``acceptance_ratio``; do not iterate this function towards it (it climbs log(1 + nu) a
step at most).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from triality.numerics import log_mean_exp
from triality.partition.diagnostics import diagnose
from triality.partition.estimate import Estimate
from triality.partition.influence import influence_variance, log_mean_influence, weights_or_ones, where_present


def log_mixture_density(
    log_reference: Float[Array, " n"], log_q: Float[Array, " n"], log_nu: Float[Array, ""] | float
) -> Float[Array, " n"]:
    """log mu~(x) = log[(p~(x) + nu q(x)) / (1 + nu)], nu = n_q / n_p: with alpha = 1/(1 + nu), the mixture of D3.

    Example:
        >>> import jax.numpy as jnp
        >>> jnp.exp(log_mixture_density(jnp.log(jnp.array([0.2])), jnp.log(jnp.array([0.8])), 0.0)).round(6).tolist()
        [0.5]
    """
    return jnp.logaddexp(log_reference, log_nu + log_q) - jnp.logaddexp(0.0, log_nu)


def mixture(
    neg_energy_data: Float[Array, " n"],
    log_reference_data: Float[Array, " n"],
    log_q_data: Float[Array, " n"],
    neg_energy_drawn: Float[Array, " m"],
    log_reference_drawn: Float[Array, " m"],
    log_q_drawn: Float[Array, " m"],
    log_weight_data: Float[Array, " n"] | None = None,
    log_weight_drawn: Float[Array, " m"] | None = None,
    stratum_drawn: Int[Array, " m"] | None = None,
    num_strata: int = 1,
) -> Estimate:
    """log Z^ = log mean_all exp(-E - log mu~). The error is stratified: data apart from drawn, drawn samples by their sampler.

    Args:
        neg_energy_data: -E at each data sample, in nats. The error assumes that E and p~ were not fitted on these samples.
        log_reference_data: log p~ at each data sample; a normalized density with respect to the measure of E and q (D11).
        log_q_data: log q at each data sample.
        neg_energy_drawn: -E at each drawn sample.
        log_reference_drawn: log p~ at each drawn sample.
        log_q_drawn: log q at each drawn sample.
        log_weight_data: 0 = one sample, -inf = masked. The summed weights set nu.
        log_weight_drawn: the same for the drawn samples.
        stratum_drawn: past sampler that each drawn sample came from.
        num_strata: number of past samplers, static.

    Raises:
        ConfigError: strata and their number do not go together.

    Example:
        >>> import jax.numpy as jnp
        >>> zero, two = jnp.zeros(1), jnp.log(jnp.full(1, 2.0))
        >>> float(mixture(two, zero, zero, two, zero, zero).value.__round__(4))  # p~ = q = 1, exp(-E) = 2
        0.6931
    """
    weight_data = weights_or_ones(neg_energy_data, log_weight_data)
    weight_drawn = weights_or_ones(neg_energy_drawn, log_weight_drawn)
    log_nu = jax.nn.logsumexp(weight_drawn) - jax.nn.logsumexp(weight_data)
    log_weight = jnp.concatenate([weight_data, weight_drawn])

    log_reference = where_present(jnp.concatenate([log_reference_data, log_reference_drawn]), log_weight)
    log_q = where_present(jnp.concatenate([log_q_data, log_q_drawn]), log_weight)
    neg_energy = where_present(jnp.concatenate([neg_energy_data, neg_energy_drawn]), log_weight)
    log_term = neg_energy - log_mixture_density(log_reference, log_q, log_nu)

    influence = log_mean_influence(log_term, log_weight)
    num_data = neg_energy_data.shape[0]
    variance_data = influence_variance(influence[:num_data], weight_data)
    variance_drawn = influence_variance(influence[num_data:], weight_drawn, stratum_drawn, num_strata)
    return Estimate(
        value=log_mean_exp(log_term, log_weight),
        stderr=jnp.sqrt(variance_data + variance_drawn),
        diagnostics=diagnose(log_term, log_weight),
    )
