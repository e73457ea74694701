"""log Z(x_1): one log partition function a discrete context, such as the start state of a trajectory (section 2.3.1, X11).

One global Z lets the model re-weight the law of the start states, which neither agent controls. Given x_1 there is a p_theta and a q for
each start, and an acceptance ratio for each, with the noise ratio nu_x = n_q(x) / n_p(x) of *that* start. A discriminator with the global
nu and a free b(x_1) finds log Z(x_1) + log(nu_x / nu) instead: it memorizes which side each start came from.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from triality.partition.acceptance_ratio import acceptance_ratio
from triality.partition.estimate import Estimate
from triality.partition.influence import weights_or_ones


def conditional_acceptance_ratio(
    log_ratio_data: Float[Array, " n"],
    context_data: Int[Array, " n"],
    log_ratio_drawn: Float[Array, " m"],
    context_drawn: Int[Array, " m"],
    num_contexts: int,
    log_weight_data: Float[Array, " n"] | None = None,
    log_weight_drawn: Float[Array, " m"] | None = None,
) -> Estimate:
    """log Z(x) for x = 0 .. num_contexts - 1: an ``Estimate`` whose fields have a leading axis of contexts.

    Both sides need not share the law of the context. A context without data, or without drawn samples, has no estimate: value and stderr
    nan, ess 0 or that of the side present. Fill it in before training on it, for instance with the constant:
    ``jnp.where(jnp.isnan(value), solve_log_z(all data, all drawn), value)``. Costs num_contexts times ``acceptance_ratio``.

    Args:
        log_ratio_data: r = -E(x) - log q(x | x_1) at the data, in nats; the law of x_1 stands in neither.
        context_data: context of each data sample; one outside 0 .. num_contexts - 1 is left out.
        log_ratio_drawn: r at the drawn samples.
        context_drawn: context of each drawn sample.
        num_contexts: static.
        log_weight_data: 0 = one sample, -inf = masked; ones by default.
        log_weight_drawn: the same for the drawn samples.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> solve = jax.jit(conditional_acceptance_ratio, static_argnames="num_contexts")
        >>> r, starts = jnp.array([1.0, 5.0]), jnp.array([0, 1])
        >>> solve(r, starts, r, starts, num_contexts=3).value.round(6).tolist()
        [1.0, 5.0, nan]
    """
    weight_data = weights_or_ones(log_ratio_data, log_weight_data)
    weight_drawn = weights_or_ones(log_ratio_drawn, log_weight_drawn)

    def within(context: Int[Array, ""]) -> Estimate:
        return acceptance_ratio(
            log_ratio_data,
            log_ratio_drawn,
            jnp.where(context_data == context, weight_data, -jnp.inf),
            jnp.where(context_drawn == context, weight_drawn, -jnp.inf),
        )

    return jax.vmap(within)(jnp.arange(num_contexts))
