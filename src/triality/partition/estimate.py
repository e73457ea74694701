"""What every estimator of log Z returns: a value, its standard error, and the numbers that say whether to believe them."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float


class Diagnostics(NamedTuple):
    """Health of the importance weights behind an estimate. None of them sees a mode that no sample visits (X13): the alarm does.

    Fields:
        ess: effective sample size (sum w)^2 / sum w^2; n for constant weights, 1 for a single spike, 0 where every weight is zero.
        ess_fraction: the same over the number of samples present, in [0, 1].
        pareto_k: shape of the upper tail of the weights; the value and its error can be relied on below ``pareto_k_threshold(n)``;
            -inf = no tail at all (constant weights), nan = nothing to fit, because of too few samples or ties.
        largest_weight: share of the largest weight in the sum; near 1, one sample decides.
        overlap: O = E_p[1 - D] = nu E_q[D] (acceptance ratio only, else nan); 1/2 at nu = 1 wherever q = p_theta, 0 without overlap.
    """

    ess: Float[Array, "*batch"]
    ess_fraction: Float[Array, "*batch"]
    pareto_k: Float[Array, "*batch"]
    largest_weight: Float[Array, "*batch"]
    overlap: Float[Array, "*batch"]


class Estimate(NamedTuple):
    """An estimate of log Z.

    Example:
        >>> from triality.partition.importance import importance
        >>> print(importance(jnp.log(jnp.array([1.0, 3.0]))))
        log Z = 0.6931 ± 0.5 (effective samples 1.6, k-hat nan)

    Fields:
        value: log Z in nats; nan where the samples define none (a side without a sample).
        stderr: one standard error of ``value`` in nats: independent samples, and an energy that was not fitted on them.
        diagnostics: when to distrust both.
    """

    value: Float[Array, "*batch"]
    stderr: Float[Array, "*batch"]
    diagnostics: Diagnostics

    def __str__(self) -> str:
        """One estimate as a person reads it; a batch, or one inside ``jit``, as its arrays."""
        if not isinstance(self.value, Tracer) and jnp.ndim(self.value) == 0:
            overlap = "" if jnp.isnan(self.diagnostics.overlap) else f", overlap {float(self.diagnostics.overlap):.2g}"
            health = f"effective samples {float(self.diagnostics.ess):.1f}, k-hat {float(self.diagnostics.pareto_k):.2f}{overlap}"
            return f"log Z = {float(self.value):.4f} ± {float(self.stderr):.2g} ({health})"
        return repr(self)
