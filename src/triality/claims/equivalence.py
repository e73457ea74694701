"""Section 3 around the facts: the special discriminator, the losses of eqs. 3 to 8, and independence of the generator."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from triality.claims.background import EXACT, mean, mixture_formula, printed_densities
from triality.claims.claim import Statement, in_nats, worst
from triality.claims.facts import EVERYWHERE, cost_gradient, fact_1, fact_2
from triality.claims.spaces import PAST_COUNTS, Instance, Proposal
from triality.energies.mlp import MLPEnergy
from triality.energy import Constant, UnnormalizedDensity
from triality.objectives.discriminator import DiscriminatorLoss, decomposition, log_odds
from triality.objectives.guided_cost import MixtureGuidedCostLoss
from triality.partition.fusion import fused_log_density, fusion, log_stratum_counts
from triality.sampler import AbstractDensity, Samples, log_noise_ratio

NUM_NEWTON = 40


def optimal_discriminator(instance: Instance) -> Float[Array, ""]:
    """sigmoid of the log-odds of an energy that is right, E = -log p, against p/(p + nu q) formed as a number."""
    truth = UnnormalizedDensity(lambda x: -instance.truth.log_prob(x), Constant(0.0))
    log_nu = log_noise_ratio(instance.data, instance.drawn)
    residuals = []
    for side in (instance.data, instance.drawn):
        p, q = jnp.exp(jax.vmap(instance.truth.log_prob)(side.x)), jnp.exp(side.log_q)
        residuals.append(in_nats(p / (p + jnp.exp(log_nu) * q), jax.nn.sigmoid(log_odds(truth, side, log_nu))))
    return worst(*residuals)


def optimal_discriminator_is_stationary(instance: Instance) -> Float[Array, ""]:
    """Derivative of E_p[-log D] + nu E_q[-log(1 - D)] in D's log-odds at every point, zero at p/(p + nu q); curvature positive."""
    space = instance.space
    log_p, log_nu = space.log_prob(instance.true_cost), log_noise_ratio(instance.data, instance.drawn)
    p, q = jnp.exp(space.log_mass(log_p)), jnp.exp(log_nu + space.log_mass(instance.data.log_q))

    def loss(logits: Float[Array, " n"]) -> Float[Array, ""]:
        return jnp.sum(p * jax.nn.softplus(-logits) + q * jax.nn.softplus(logits))

    best = log_p - instance.data.log_q - log_nu
    smaller, larger = loss(best - 0.1), loss(best + 0.1)
    slope = jnp.max(jnp.abs(jax.grad(loss)(best)) / (p + q))
    return jnp.where((smaller > loss(best)) & (larger > loss(best)), slope, jnp.inf)


def eq_4(instance: Instance) -> Float[Array, ""]:
    """Eq. 4 is the last formula of section 2.3.2 again; here with a p~ that is wrong, one of the past samplers."""
    return mixture_formula(instance._replace(truth=instance.past[0]))


def eq_5(instance: Instance) -> Float[Array, ""]:
    """E_p[c] + log E_mu[exp(-c)/(exp(-c)/Z + nu q)(1 + nu)] written out."""
    log_z = 0.3
    (p_data, p_drawn), (q_data, q_drawn), nu = printed_densities(instance, log_z)
    terms = [model * jnp.exp(log_z) * (1 + nu) / (model + nu * q) for model, q in ((p_data, q_data), (p_drawn, q_drawn))]
    log_weight = jnp.concatenate([instance.data.log_weight, instance.drawn.log_weight])
    energy = mean(jax.vmap(instance.cost)(instance.data.x), instance.data.log_weight)
    printed = energy + jnp.log(mean(jnp.concatenate(terms), log_weight))
    return in_nats(printed, MixtureGuidedCostLoss()(instance.density(log_z), instance.data, instance.drawn)[0])


def eqs_6_to_8(instance: Instance) -> Float[Array, ""]:
    """The discriminator's loss minus eq. 6, 7 and 8, each less (1 + nu) log(1 + nu) - nu log nu."""
    log_z = 0.3
    data, drawn = instance.data, instance.drawn
    (p_data, p_drawn), (q_data, q_drawn), nu = printed_densities(instance, log_z)
    mu_data, mu_drawn = (p_data + nu * q_data) / (1 + nu), (p_drawn + nu * q_drawn) / (1 + nu)
    eq_6 = mean(-jnp.log(p_data / mu_data), data.log_weight) + nu * mean(-jnp.log(q_drawn / mu_drawn), drawn.log_weight)
    energy = mean(jax.vmap(instance.cost)(data.x), data.log_weight)
    entropy = nu * mean(jnp.log(q_drawn), drawn.log_weight)
    log_mu = mean(jnp.log(mu_data), data.log_weight), nu * mean(jnp.log(mu_drawn), drawn.log_weight)
    eq_7 = log_z + energy + log_mu[0] - entropy + log_mu[1]
    on_data, on_drawn = instance.neg_energies
    eq_8 = decomposition(-on_data, data.log_q, -on_drawn, drawn.log_q, jnp.asarray(log_z), data.log_weight, drawn.log_weight)
    constant = (1 + nu) * jnp.log1p(nu) - nu * jnp.log(nu)
    loss = DiscriminatorLoss()(instance.density(log_z), data, drawn)[0]
    return worst(*(in_nats(loss, printed + constant) for printed in (eq_6, eq_7, eq_8)))


def stationary_z(instance: Instance) -> Float[Array, ""]:
    """E_mu[(exp(-c)/Z)/mu~] at Z*, against one."""
    log_z = instance.log_z
    (p_data, p_drawn), (q_data, q_drawn), nu = printed_densities(instance, log_z)
    ratios = [model * (1 + nu) / (model + nu * q) for model, q in ((p_data, q_data), (p_drawn, q_drawn))]
    log_weight = jnp.concatenate([instance.data.log_weight, instance.drawn.log_weight])
    return jnp.abs(mean(jnp.concatenate(ratios), log_weight) - 1.0)


def gradient_at_truth(objective: Callable, instance: Instance, log_z: Float[Array, ""]) -> Float[Array, ""]:
    """Size of an objective's gradient where the cost is right, relative to that of the data's own term E_p[dc]."""
    at_truth = instance._replace(cost=instance.true_cost)

    def on_data(cost: MLPEnergy) -> Float[Array, ""]:
        return mean(jax.vmap(cost)(instance.data.x), instance.data.log_weight)

    scale = jnp.linalg.norm(ravel_pytree(eqx.filter_grad(on_data)(at_truth.cost))[0])
    return jnp.linalg.norm(ravel_pytree(cost_gradient(objective, at_truth, log_z))[0]) / scale


def stationary_at_truth(instance: Instance) -> Float[Array, ""]:
    """Gradient of the discriminator's loss at p_theta = p, for five samplers; and Z* there against the true Z."""
    log_z = instance.space.log_z(instance.true_cost)
    log_nu = log_noise_ratio(instance.data, instance.drawn)

    def residual(proposal: Proposal) -> Float[Array, ""]:
        case = instance.with_sampler(proposal, proposal.drawn(log_nu)).with_true_cost()
        return worst(gradient_at_truth(DiscriminatorLoss(), case, log_z), in_nats(log_z, case.log_z))

    return instance.over_samplers(residual)


class LinearEnergy(eqx.Module):
    """E(x) = theta . (x_1, x_2, x_1 x_2, x_1^2): convex in theta, so that a solver finds *the* optimum."""

    theta: Float[Array, 4]

    def __call__(self, x: Float[Array, 2]) -> Float[Array, ""]:
        return self.theta @ jnp.stack([x[0], x[1], x[0] * x[1], x[0] ** 2])


def linear_problem(instance: Instance, truth: LinearEnergy, proposal: Proposal) -> tuple[Samples, Samples]:
    """Data that follow the linear energy, and what ``proposal`` draws, in exact expectation."""
    drawn = proposal.drawn(log_noise_ratio(instance.data, instance.drawn))
    return instance.space.samples(instance.space.log_mass(instance.space.log_prob(truth)), drawn.log_q), drawn


def solved_energy(data: Samples, drawn: Samples) -> Float[Array, 4]:
    """theta at the optimum of the discriminator's loss, by Newton's method on (theta, log Z), from zero."""

    def loss(unknown: Float[Array, 5]) -> Float[Array, ""]:
        return DiscriminatorLoss()(UnnormalizedDensity(LinearEnergy(unknown[:4]), Constant(unknown[4])), data, drawn)[0]

    def newton(_: Int[Array, ""], unknown: Float[Array, 5]) -> Float[Array, 5]:
        step = jnp.linalg.solve(jax.hessian(loss)(unknown), jax.grad(loss)(unknown))
        return unknown - step / jnp.maximum(1.0, jnp.linalg.norm(step))

    return jax.lax.fori_loop(0, NUM_NEWTON, newton, jnp.zeros(5))[:4]


def true_linear_energy(instance: Instance) -> LinearEnergy:
    """A random energy of that class, its coefficients taken from the instance's own weights."""
    return LinearEnergy(0.7 * ravel_pytree(instance.true_cost)[0][:4])


def independent_of_generator(instance: Instance) -> Float[Array, ""]:
    """theta found under five different samplers against the true one."""
    truth = true_linear_energy(instance)

    def residual(proposal: Proposal) -> Float[Array, ""]:
        return jnp.max(jnp.abs(solved_energy(*linear_problem(instance, truth, proposal)) - truth.theta))

    return instance.over_samplers(residual)


class Fused(AbstractDensity[Float[Array, " dim"]]):
    """log m(x) of the past samplers, weighed by how much each drew (D12)."""

    past: tuple[Proposal, ...]
    log_counts: Float[Array, " K"]

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return fused_log_density(jnp.stack([q.log_prob(x) for q in self.past])[:, None], self.log_counts)[0]


def fused_samples(instance: Instance) -> tuple[Samples, Float[Array, "K N"], Int[Array, " N"]]:
    """What the past samplers drew, pooled, with log m as log q; log q_k of every sampler at every draw; and who drew which."""
    counts = jnp.log(jnp.asarray(PAST_COUNTS)) if instance.is_exact else jnp.zeros(len(PAST_COUNTS))
    parts = [proposal.drawn(count) for proposal, count in zip(instance.past, counts, strict=True)]
    x, log_weight = (jnp.concatenate(leaves) for leaves in ([part.x for part in parts], [part.log_weight for part in parts]))
    stratum = jnp.concatenate([jnp.full(part.log_q.shape, k) for k, part in enumerate(parts)])
    matrix = jnp.stack([jax.vmap(proposal.log_prob)(x) for proposal in instance.past])
    log_m = fused_log_density(matrix, log_stratum_counts(stratum, len(parts), log_weight))
    return Samples(x, log_m, log_weight), matrix, stratum


def fusion_is_unbiased(instance: Instance) -> Float[Array, ""]:
    """Expectation of the balance heuristic's estimate of Z against Z, samplers fixed in advance."""
    drawn, matrix, stratum = fused_samples(instance)
    estimate = fusion(-jax.vmap(instance.cost)(drawn.x), matrix, stratum, drawn.log_weight)
    return in_nats(instance.space.log_z(instance.cost), estimate.value)


def facts_with_fusion(instance: Instance) -> Float[Array, ""]:
    """Facts 1 and 2 with the fused density of four past samplers in place of q."""
    drawn, _, _ = fused_samples(instance)
    case = instance.with_sampler(Fused(instance.past, jnp.log(jnp.asarray(PAST_COUNTS))), drawn)
    return worst(fact_1(case), fact_2(case))


STATEMENTS = (
    Statement("eq. 3", "3", "3.1", "with E = -log p the discriminator is p/(p + nu q)", optimal_discriminator, 1e-12, EVERYWHERE, "X5"),
    Statement("eq. 3, optimum", "3", "3.1", "no other discriminator has a smaller loss", optimal_discriminator_is_stationary, 1e-12, EXACT),
    Statement("3.1 truth", "3", "3.1", "p_theta = p is stationary under five q, and Z* = Z there", stationary_at_truth, 1e-10, EXACT),
    Statement(
        "3.1 independence",
        "3",
        "3.1",
        "the energy found does not depend on q (five q, solved)",
        independent_of_generator,
        1e-6,
        EXACT,
        "X5",
    ),
    Statement("eq. 4", "3", "3.2", "MaxEnt objective with any p~, by its formula", eq_4, 1e-12, EVERYWHERE),
    Statement("eq. 5", "3", "3.2", "the same with the model as p~", eq_5, 1e-12, EVERYWHERE),
    Statement("eqs. 6-8", "3", "3.2.1", "discriminator loss = eq. 6 = 7 = 8, plus a constant", eqs_6_to_8, 1e-12, EVERYWHERE, "X1"),
    Statement("3.2.1 slope", "3", "3.2.1", "E_mu[(exp(-c)/Z)/mu~] = 1 at the minimizing Z", stationary_z, 1e-12, EVERYWHERE, "X2"),
)
"""Eqs. 3 to 8, in the paper's order."""

FOOTNOTE_3 = (
    Statement("footnote 3", "2", "2.3.2", "fusion of four past samplers is unbiased for Z", fusion_is_unbiased, 1e-12, EXACT),
    Statement("footnote 3, facts", "2", "2.3.2", "facts 1 and 2 hold with the fused density as q", facts_with_fusion, 1e-10, EVERYWHERE),
)
"""Stands in section 2, is about the facts."""
