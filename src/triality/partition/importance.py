"""log Z by importance sampling from q alone (section 2.3.2): the forward-KL member of the family of D6.

    Z^ = mean_q[exp(r)],   r(x) = -E(x) - log q(x)

Unbiased for Z whatever the data are, provided that q covers exp(-E); its logarithm is biased low (Jensen). Blind to a mode that q misses.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from triality.numerics import log_mean_exp
from triality.partition.diagnostics import diagnose
from triality.partition.estimate import Estimate
from triality.partition.influence import influence_variance, log_mean_influence, weights_or_ones
from triality.reduction import HERE, Reduction


def importance(
    log_ratio_drawn: Float[Array, " n"],
    log_weight: Float[Array, " n"] | None = None,
    stratum: Int[Array, " n"] | None = None,
    num_strata: int = 1,
    over: Reduction = HERE,
) -> Estimate:
    """log Z^ = log mean_q exp(r), with the delta method's standard error, sqrt(1/ESS - 1/n) for plain samples.

    Args:
        log_ratio_drawn: r = -E(x) - log q(x) of samples drawn from q, in nats. With several past samplers q is their fusion (D12).
        log_weight: 0 = one sample, -inf = masked; ones by default.
        stratum: sampler that each sample came from, for a stratified error.
        num_strata: number of samplers, static.
        over: how sums are taken, where the samples are spread over devices.

    Returns:
        value nan where no sample is present, -inf where every energy is infinite.

    Raises:
        ConfigError: strata and their number do not go together.

    Example:
        >>> import jax.numpy as jnp
        >>> float(importance(jnp.log(jnp.array([1.0, 3.0]))).value.__round__(6))
        0.693147
    """
    log_weight = weights_or_ones(log_ratio_drawn, log_weight)
    influence = log_mean_influence(log_ratio_drawn, log_weight, over)
    return Estimate(
        value=log_mean_exp(log_ratio_drawn, log_weight, over),
        stderr=jnp.sqrt(influence_variance(influence, log_weight, stratum, num_strata, over)),
        diagnostics=diagnose(log_ratio_drawn, log_weight, over=over),
    )
