"""The three facts of section 3.2, which together say that a density-aware GAN *is* guided cost learning."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.claims.claim import Statement, in_nats, relative, worst
from triality.claims.spaces import ENUMERABLE, GRID, SAMPLES, Instance, Proposal
from triality.energies.mlp import MLPEnergy
from triality.energy import Constant, UnnormalizedDensity
from triality.objectives.discriminator import DiscriminatorLoss, log_odds
from triality.objectives.guided_cost import MixtureGuidedCostLoss
from triality.objectives.sampler import sampler_loss, sum_loss
from triality.partition.mixture import mixture
from triality.sampler import Samples

EVERYWHERE = (ENUMERABLE, GRID, SAMPLES)


def importance_log_z(instance: Instance, log_z: Float[Array, ""]) -> Float[Array, ""]:
    """log E_mu[exp(-c)/mu~] with p_theta = exp(-c - log_z) as p~ (eq. 5), in nats."""
    (on_data, on_drawn), data, drawn = instance.neg_energies, instance.data, instance.drawn
    arrays = (on_data, on_data - log_z, data.log_q, on_drawn, on_drawn - log_z, drawn.log_q)
    return mixture(*arrays, data.log_weight, drawn.log_weight).value


def cost_gradient(objective: Callable, instance: Instance, log_z: Float[Array, ""]) -> MLPEnergy:
    """Derivative of an objective in the parameters of the cost, at this log Z."""

    def loss(cost: MLPEnergy) -> Float[Array, ""]:
        return objective(UnnormalizedDensity(cost, Constant(log_z)), instance.data, instance.drawn)[0]

    return eqx.filter_grad(loss)(instance.cost)


def generator_gradient(loss: Callable[[Samples], Float[Array, ""]], proposal: Proposal) -> object:
    """Derivative in q's parameters of a loss on what q draws."""

    def of(parameters: object) -> Float[Array, ""]:
        return loss(eqx.tree_at(lambda q: q.parameters, proposal, parameters).drawn())

    return eqx.filter_grad(of)(proposal.parameters)


def fact_1(instance: Instance) -> Float[Array, ""]:
    """log Z* against log E_mu[exp(-c)/mu~] at Z*."""
    return in_nats(instance.log_z, importance_log_z(instance, instance.log_z))


def fact_1_minimum(instance: Instance) -> Float[Array, ""]:
    """Slope of the discriminator's loss in log Z at Z*, in units of the overlap; infinite unless the loss is larger on both sides."""

    def loss(log_z: Float[Array, ""]) -> Float[Array, ""]:
        return DiscriminatorLoss()(instance.density(log_z), instance.data, instance.drawn)[0]

    log_z = instance.log_z
    overlap = DiscriminatorLoss()(instance.density(log_z), instance.data, instance.drawn)[1].overlap_data
    is_least = (loss(log_z - 0.1) > loss(log_z)) & (loss(log_z + 0.1) > loss(log_z))
    return jnp.where(is_least, jnp.abs(jax.grad(loss)(log_z)) / overlap, jnp.inf)


def fact_2(instance: Instance) -> Float[Array, ""]:
    """Gradient of the discriminator's loss in theta against that of the MaxEnt objective with the model as p~, both at Z*."""
    log_z = instance.log_z
    adversarial = cost_gradient(DiscriminatorLoss(), instance, log_z)
    return relative(adversarial, cost_gradient(MixtureGuidedCostLoss(), instance, log_z))


def generator_loss(instance: Instance, log_z: Float[Array, ""]) -> Callable[[Samples], Float[Array, ""]]:
    """E_q[log(1 - D) - log D] of what q draws, D's own nu left out (D7); the density's log q moves with q here, as eq. 2's does."""

    def loss(drawn: Samples) -> Float[Array, ""]:
        log_p = jax.vmap(instance.density(log_z).log_prob)(drawn.x)
        return sum_loss(log_p - drawn.log_q, drawn.log_weight)

    return loss


def maxent_policy_loss(instance: Instance) -> Callable[[Samples], Float[Array, ""]]:
    """E_q[c] + E_q[log q] of what q draws (eq. 2)."""
    return lambda drawn: sampler_loss(jax.vmap(instance.cost)(drawn.x), drawn.log_q, drawn.log_weight)


def fact_3(instance: Instance) -> Float[Array, ""]:
    """E_q[log(1 - D) - log D] against log Z + E_q[c] + E_q[log q]: value, and gradient in q's parameters."""
    log_z = instance.log_z
    adversarial, policy = generator_loss(instance, log_z), maxent_policy_loss(instance)
    drawn = instance.proposal.drawn()
    value = in_nats(adversarial(drawn), log_z + policy(drawn))
    return worst(value, relative(generator_gradient(adversarial, instance.proposal), generator_gradient(policy, instance.proposal)))


def fact_3_log_odds(instance: Instance) -> Float[Array, ""]:
    """The same value from the discriminator's own output: E_q[-s], nu taken out of s (D7)."""
    log_z = instance.log_z
    drawn = instance.proposal.drawn()
    loss = sum_loss(log_odds(instance.density(log_z), drawn), drawn.log_weight)
    return in_nats(loss, log_z + maxent_policy_loss(instance)(drawn))


STATEMENTS = (
    Statement("fact 1", "3", "3.2.1", "the Z that minimizes the discriminator's loss is the estimate of eq. 5", fact_1, 1e-10, EVERYWHERE),
    Statement(
        "fact 1, minimum", "3", "3.2.1", "at that Z the loss has zero slope and rises on both sides", fact_1_minimum, 1e-10, EVERYWHERE
    ),
    Statement("fact 2", "3", "3.2.2", "there, discriminator and MaxEnt objective have one gradient in theta", fact_2, 1e-10, EVERYWHERE),
    Statement("fact 3", "3", "3.3", "generator loss = log Z + eq. 2, in value and in q's gradient", fact_3, 1e-10, EVERYWHERE),
    Statement(
        "fact 3, log-odds", "3", "3.3", "the same from the discriminator's log-odds of the draws", fact_3_log_odds, 1e-10, EVERYWHERE
    ),
)
"""Measured with nu != 1 throughout, on exact expectations and on n_p != n_q samples alike."""
