"""What an iteration of ``CostLearning`` reports: returns, costs, overlap and weights, all of the cost that was just learned."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from triality.algorithms.levels import log_ratio
from triality.energy import UnnormalizedDensity
from triality.numerics import effective_sample_size, log_mean_exp, weighted_mean
from triality.sampler import Samples, log_noise_ratio
from triality.trajectory import Policy, StepCost, Trajectory


class Metrics(NamedTuple):
    """Never needed next. Means over starts where log Z is conditional; per pair, not per trajectory, at step level.

    Fields:
        return_mean: the environment's own return of this iteration's roll-outs, sampled actions: monitoring, never a training signal.
        cost_data: mean learned cost of a demonstration's step, nats.
        cost_drawn: the same of a roll-out's step; above ``cost_data`` while the policy is behind.
        log_z: the solved log Z, nats; zero at step level.
        ess: effective number of roll-outs in the importance weights exp(-c)/q; near 1, one roll-out decides every gradient.
        ess_fraction: the same as a share of the roll-outs compared.
        log_weight_std: standard deviation of -c - log q over roll-outs, nats; below about 1 importance sampling means something.
        overlap: E_p[1 - D] at the solved log Z; 0 = told apart with certainty, nu/(1 + nu) = perfect confusion.
        log_overlap: its log, which still moves where the overlap has underflowed.
        accuracy: of the discriminator, each side counting half; 1/2 is perfect confusion.
        penalty: value of the gradient penalty, nats a step.
        objective: what the objective reports of the last cost step.
        policy: what the policy update reports.
        scaling_moved: how far the scaling moved after this iteration: the largest of |change of mean|/scale and |change of log scale|.
            0 where it is frozen; else falling like 1/iteration. Above about 0.1 the policy is another one than PPO left.
        is_finite: whether cost and policy are finite after the step.
    """

    return_mean: Float[Array, ""]
    cost_data: Float[Array, ""]
    cost_drawn: Float[Array, ""]
    log_z: Float[Array, ""]
    ess: Float[Array, ""]
    ess_fraction: Float[Array, ""]
    log_weight_std: Float[Array, ""]
    overlap: Float[Array, ""]
    log_overlap: Float[Array, ""]
    accuracy: Float[Array, ""]
    penalty: Float[Array, ""]
    objective: Any
    policy: Any
    scaling_moved: Float[Array, ""]
    is_finite: Bool[Array, ""]


def metrics_of(
    learned: tuple[StepCost, Policy],
    demonstrations: Trajectory,
    batch: Trajectory,
    density: UnnormalizedDensity,
    data: Samples,
    drawn: Samples,
    last: tuple[Float[Array, ""], Any],
    policy_metrics: Any,
    scaling_moved: Float[Array, ""],
) -> Metrics:
    """Of the cost and the policy that an iteration ``learned``, on the samples that it learned them from.

    Args:
        learned: cost and policy after the update, under the scaling that it was learned with.
        demonstrations: all of them.
        batch: this iteration's roll-outs.
        density: of the learned cost, with the solved log Z.
        data: the demonstrations as the level sees them.
        drawn: the roll-outs as the level sees them, those of past policies included.
        last: penalty of the last cost step, and what the objective reported.
        policy_metrics: of the update rule.
        scaling_moved: see ``Metrics``.
    """
    on_data, on_drawn = _centered(density, data), _centered(density, drawn)
    log_nu = log_noise_ratio(data, drawn)
    log_overlap = log_mean_exp(-jax.nn.softplus(on_data - log_nu), data.log_weight)
    right = [weighted_mean((side > log_nu).astype(side.dtype), part.log_weight) for side, part in ((on_data, data), (on_drawn, drawn))]
    ess = effective_sample_size(on_drawn + drawn.log_weight)
    per_step = jax.vmap(jax.vmap(learned[0]))
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(eqx.filter(learned, eqx.is_inexact_array))]
    return Metrics(
        return_mean=jnp.mean(jnp.sum(batch.reward, axis=-1)),
        cost_data=_mean_of(per_step(demonstrations.observation[:, :-1], demonstrations.action), demonstrations.mask),
        cost_drawn=_mean_of(per_step(batch.observation[:, :-1], batch.action), batch.mask),
        log_z=jnp.mean(jax.tree.leaves(density.log_z)[0]),
        ess=ess,
        ess_fraction=ess / jnp.maximum(jnp.sum(~jnp.isneginf(drawn.log_weight)), 1),
        log_weight_std=jnp.sqrt(weighted_mean((on_drawn - weighted_mean(on_drawn, drawn.log_weight)) ** 2, drawn.log_weight)),
        overlap=jnp.exp(log_overlap),
        log_overlap=log_overlap,
        accuracy=0.5 * (right[0] + 1.0 - right[1]),
        penalty=last[0],
        objective=last[1],
        policy=policy_metrics,
        scaling_moved=scaling_moved,
        is_finite=jnp.all(jnp.stack(finite)),
    )


def _centered(density: UnnormalizedDensity, samples: Samples) -> Float[Array, " n"]:
    """r - log Z(x): the log-odds at nu = 1."""
    return log_ratio(density.energy, samples) - jax.vmap(density.log_z)(samples.x)


def _mean_of(values: Float[Array, "n time"], mask: Bool[Array, "n time"]) -> Float[Array, ""]:
    return jnp.sum(jnp.where(mask, values, 0.0)) / jnp.maximum(jnp.sum(mask), 1)
