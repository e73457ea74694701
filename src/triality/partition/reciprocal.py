"""log Z from the data alone: the reverse-KL member of the family of D6, also called the harmonic mean.

    1/Z^ = mean_p[q(x) exp(E(x))] = mean_p[exp(-r)],   r(x) = -E(x) - log q(x)

Right only where the data follow p_theta and cover q. Infinite variance as soon as q has heavier tails than p_theta: a check on the other
estimators, hardly ever an estimate to use.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from triality.numerics import log_mean_exp
from triality.partition.diagnostics import diagnose
from triality.partition.estimate import Estimate
from triality.partition.influence import influence_variance, log_mean_influence, weights_or_ones


def reciprocal(
    log_ratio_data: Float[Array, " n"],
    log_weight: Float[Array, " n"] | None = None,
    stratum: Int[Array, " n"] | None = None,
    num_strata: int = 1,
) -> Estimate:
    """log Z^ = -log mean_p exp(-r), with the delta method's standard error. Arguments as ``importance``, on the data; diagnostics of
    exp(-r).

    Example:
        >>> import jax.numpy as jnp
        >>> float(reciprocal(jnp.log(jnp.array([1.0, 0.5]))).value.__round__(4))  # -log mean(1, 2)
        -0.4055
    """
    log_weight = weights_or_ones(log_ratio_data, log_weight)
    influence = log_mean_influence(-log_ratio_data, log_weight)
    return Estimate(
        value=-log_mean_exp(-log_ratio_data, log_weight),
        stderr=jnp.sqrt(influence_variance(influence, log_weight, stratum, num_strata)),
        diagnostics=diagnose(-log_ratio_data, log_weight),
    )
