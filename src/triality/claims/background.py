"""Section 2: the losses of a GAN, the Boltzmann density, and guided cost learning, each against its formula written out."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from triality.claims.claim import Statement, in_nats, relative, worst
from triality.claims.facts import EVERYWHERE, cost_gradient, generator_gradient, maxent_policy_loss
from triality.claims.spaces import ENUMERABLE, GRID, Boltzmann, Instance
from triality.energies.mlp import MLPEnergy
from triality.objectives.discriminator import DiscriminatorLoss, log_odds
from triality.objectives.guided_cost import DensityReference, GuidedCostLoss, MixtureGuidedCostLoss
from triality.objectives.likelihood import exact_energy_loss
from triality.objectives.sampler import minimax_loss, non_saturating_loss, sampler_loss, sum_loss
from triality.partition.exact import enumeration, gauss_legendre, quadrature
from triality.partition.importance import importance
from triality.partition.mixture import mixture
from triality.sampler import AbstractDensity, log_noise_ratio

EXACT = (ENUMERABLE, GRID)
Sides = tuple[Float[Array, " n"], Float[Array, " m"]]


def mean(values: Float[Array, " n"], log_weight: Float[Array, " n"]) -> Float[Array, ""]:
    """Weighted mean in probability space, written out: the formulas of the paper are copied with it, the library is not."""
    return jnp.sum(jnp.exp(log_weight) * values) / jnp.sum(jnp.exp(log_weight))


def printed_densities(instance: Instance, log_z: Float[Array, ""] | float = 0.3) -> tuple[Sides, Sides, Float[Array, ""]]:
    """p_theta at both sides, q at both sides, nu; as numbers, not logarithms."""
    on_data, on_drawn = instance.neg_energies
    nu = jnp.exp(log_noise_ratio(instance.data, instance.drawn))
    model = (jnp.exp(on_data - log_z), jnp.exp(on_drawn - log_z))
    return model, (jnp.exp(instance.data.log_q), jnp.exp(instance.drawn.log_q)), nu


def discriminator_loss(instance: Instance) -> Float[Array, ""]:
    """E_p[-log D] + nu E_q[-log(1 - D)], D = p_theta/(p_theta + nu q) formed as a number."""
    (p_data, p_drawn), (q_data, q_drawn), nu = printed_densities(instance)
    on_data, on_drawn = p_data / (p_data + nu * q_data), p_drawn / (p_drawn + nu * q_drawn)
    printed = mean(-jnp.log(on_data), instance.data.log_weight) + nu * mean(-jnp.log1p(-on_drawn), instance.drawn.log_weight)
    return in_nats(printed, DiscriminatorLoss()(instance.density(0.3), instance.data, instance.drawn)[0])


def generator_losses(instance: Instance) -> Float[Array, ""]:
    """Each of the three against its formula in D, and the sum against the two others."""
    drawn = instance.proposal.drawn()
    ratio = log_odds(instance.density(0.3), drawn)
    d = jax.nn.sigmoid(ratio)
    minimax, non_saturating, both = (f(ratio, drawn.log_weight) for f in (minimax_loss, non_saturating_loss, sum_loss))
    return worst(
        in_nats(minimax, mean(jnp.log(1.0 - d), drawn.log_weight)),
        in_nats(non_saturating, mean(-jnp.log(d), drawn.log_weight)),
        in_nats(both, minimax + non_saturating),
    )


def generator_gradients(instance: Instance) -> Float[Array, ""]:
    """At the optimal D (p_theta = p, nu = 1), frozen: gradients of the three losses against those of 2 JS, KL - 2 JS and KL."""
    space = instance.space
    log_p = space.log_prob(instance.true_cost)

    def divergences(energy: MLPEnergy) -> tuple[Float[Array, ""], Float[Array, ""]]:
        log_q = space.log_prob(energy)
        log_half = jnp.logaddexp(log_p, log_q) - jnp.log(2.0)
        return space.kl_divergence(log_q, log_p), space.kl_divergence(log_p, log_half) + space.kl_divergence(log_q, log_half)

    energy = instance.proposal.parameters
    by_kl = ravel_pytree(eqx.filter_grad(lambda e: divergences(e)[0])(energy))[0]
    by_twice_js = ravel_pytree(eqx.filter_grad(lambda e: divergences(e)[1])(energy))[0]
    frozen = jax.lax.stop_gradient(log_p - instance.proposal.drawn().log_q)
    wanted = {minimax_loss: by_twice_js, non_saturating_loss: by_kl - by_twice_js, sum_loss: by_kl}
    residuals = []
    for loss, gradient in wanted.items():
        of_loss = generator_gradient(lambda drawn, loss=loss: loss(frozen, drawn.log_weight), instance.proposal)
        residuals.append(relative(ravel_pytree(of_loss)[0], gradient))
    return worst(*residuals)


def boltzmann(instance: Instance) -> Float[Array, ""]:
    """Total probability of exp(-E)/Z, Z by enumeration or quadrature, against one."""
    density = instance.density(instance.space.log_z(instance.cost))
    return jnp.abs(jnp.sum(jnp.exp(jax.vmap(density.log_prob)(instance.space.points) + instance.space.log_base)) - 1.0)


def closed_forms(instance: Instance) -> Float[Array, ""]:
    """log Z of E = x'Ax/2 by quadrature and of three independent bits by enumeration, numbers from the instance's own weights."""
    field = jnp.tanh(instance.cost.net.biases[0][:3])
    matrix = jnp.eye(2) + 0.4 * jnp.array([[field[0], field[1]], [field[1], field[2]]])
    grid = gauss_legendre([-9.0, -9.0], [9.0, 9.0], 64)
    log_determinant = jnp.log(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] ** 2)
    gaussian = in_nats(jnp.log(2.0 * jnp.pi) - 0.5 * log_determinant, quadrature(lambda x: 0.5 * x @ matrix @ x, grid))
    bits = jnp.stack(jnp.meshgrid(*[jnp.arange(2.0)] * 3), axis=-1).reshape(-1, 3)
    return worst(gaussian, in_nats(jnp.sum(jax.nn.softplus(-field)), enumeration(-bits @ field)))


def importance_loss(instance: Instance) -> Float[Array, ""]:
    """E_p[c] + log E_q[exp(-c)/q] written out, and its gradient with the weights' own formula."""
    (p_data, p_drawn), (_, q_drawn), _ = printed_densities(instance, log_z=0.0)
    weights = p_drawn / q_drawn
    printed = mean(-jnp.log(p_data), instance.data.log_weight) + jnp.log(mean(weights, instance.drawn.log_weight))
    value = GuidedCostLoss()(instance.density(0.0), instance.data, instance.drawn)[0]
    frozen = weights / mean(weights, instance.drawn.log_weight)

    def weighted(cost: MLPEnergy) -> Float[Array, ""]:
        on_data = mean(jax.vmap(cost)(instance.data.x), instance.data.log_weight)
        return on_data - mean(frozen * jax.vmap(cost)(instance.drawn.x), instance.drawn.log_weight)

    gradient = eqx.filter_grad(weighted)(instance.cost)
    return worst(in_nats(printed, value), relative(gradient, cost_gradient(GuidedCostLoss(), instance, jnp.zeros(()))))


def importance_is_likelihood(instance: Instance) -> Float[Array, ""]:
    """In exact expectation: that loss and its gradient are minus the log likelihood and its gradient, whatever q is."""

    def likelihood(cost: MLPEnergy) -> Float[Array, ""]:
        return exact_energy_loss(cost, instance.data, instance.space.points, instance.space.log_base)

    value = GuidedCostLoss()(instance.density(0.0), instance.data, instance.drawn)[0]
    gradient = cost_gradient(GuidedCostLoss(), instance, jnp.zeros(()))
    return worst(in_nats(likelihood(instance.cost), value), relative(eqx.filter_grad(likelihood)(instance.cost), gradient))


def sampler_is_kl(instance: Instance) -> Float[Array, ""]:
    """E_q[c] + E_q[log q] + log Z against KL(q || p_theta), exactly; and its gradient in q."""
    space, log_z = instance.space, instance.space.log_z(instance.cost)
    log_p = space.log_prob(instance.cost)
    loss = maxent_policy_loss(instance)
    divergence = eqx.filter_value_and_grad(lambda energy: space.kl_divergence(space.log_prob(energy), log_p))
    value, gradient = divergence(instance.proposal.parameters)
    gradients = relative(gradient, generator_gradient(loss, instance.proposal))
    return worst(in_nats(value, log_z + loss(instance.proposal.drawn())), gradients)


def optimal_proposal(instance: Instance) -> Float[Array, ""]:
    """At q = p_theta the estimate of Z has no variance, and eq. 2 is at its least value, -log Z, on every sample."""
    if instance.is_exact:
        q, log_z = Boltzmann(instance.cost, instance.space), instance.space.log_z(instance.cost)
        energies = jax.vmap(instance.cost)(instance.space.points)
    else:
        q = instance.proposal
        mean, log_scale = q.parameters.mean, q.parameters.log_scale
        energies = 0.5 * jnp.sum(((q.drawn().x - mean) / jnp.exp(log_scale)) ** 2, axis=-1)
        log_z = jnp.sum(log_scale + 0.5 * jnp.log(2.0 * jnp.pi))
    drawn = q.drawn()
    estimate = importance(-energies - drawn.log_q, drawn.log_weight)
    loss = sampler_loss(energies, drawn.log_q, drawn.log_weight)
    return worst(in_nats(log_z, estimate.value), estimate.stderr, in_nats(-log_z, loss))


def mixture_formula(instance: Instance) -> Float[Array, ""]:
    """E_p[c] + log E_mu[exp(-c)/((p~ + nu q)/(1 + nu))] written out, p~ = the true density of the data."""
    (p_data, p_drawn), (q_data, q_drawn), nu = printed_densities(instance, log_z=0.0)
    reference = (jnp.exp(jax.vmap(instance.truth.log_prob)(side.x)) for side in (instance.data, instance.drawn))
    r_data, r_drawn = reference
    terms = jnp.concatenate([p_data * (1 + nu) / (r_data + nu * q_data), p_drawn * (1 + nu) / (r_drawn + nu * q_drawn)])
    log_weight = jnp.concatenate([instance.data.log_weight, instance.drawn.log_weight])
    printed = mean(-jnp.log(p_data), instance.data.log_weight) + jnp.log(mean(terms, log_weight))
    objective = MixtureGuidedCostLoss(reference=DensityReference(instance.truth))
    return in_nats(printed, objective(instance.density(0.0), instance.data, instance.drawn)[0])


def mixture_is_unbiased(instance: Instance) -> Float[Array, ""]:
    """With p~ = p the mixture's expectation is Z for this cost, though q and p know nothing of it."""
    return in_nats(instance.space.log_z(instance.cost), mixture_log_mean(instance, instance.truth))


def mixture_log_mean(instance: Instance, reference: AbstractDensity) -> Float[Array, ""]:
    """log of the expectation of the mixture estimate of Z with p~ = ``reference``."""
    (on_data, on_drawn), data, drawn = instance.neg_energies, instance.data, instance.drawn
    log_reference = [jax.vmap(reference.log_prob)(side.x) for side in (data, drawn)]
    arrays = (on_data, log_reference[0], data.log_q, on_drawn, log_reference[1], drawn.log_q)
    return mixture(*arrays, data.log_weight, drawn.log_weight).value


STATEMENTS = (
    Statement(
        "2.1 discriminator",
        "2",
        "2.1",
        "discriminator loss = E_p[-log D] + nu E_q[-log(1 - D)]",
        discriminator_loss,
        1e-10,
        EVERYWHERE,
        "X7",
    ),
    Statement(
        "2.1 generator", "2", "2.1", "generator loss = minimax + non-saturating, each by its formula", generator_losses, 1e-10, EVERYWHERE
    ),
    Statement(
        "2.1 divergences", "2", "2.1", "at the optimal, frozen D: gradients of 2 JS, KL - 2 JS and KL", generator_gradients, 1e-10, EXACT
    ),
    Statement("eq. 1", "2", "2.2", "exp(-E)/Z integrates to one", boltzmann, 1e-12, EXACT),
    Statement("eq. 1, closed form", "2", "2.2", "Z of a Gaussian and of independent bits = closed form", closed_forms, 1e-10, EXACT),
    Statement("2.3.2 cost loss", "2", "2.3.2", "E_p[c] + log E_q[exp(-c)/q], and its gradient", importance_loss, 1e-10, EVERYWHERE),
    Statement(
        "2.3.2 likelihood",
        "2",
        "2.3.2",
        "in expectation it is minus the log likelihood, for every q",
        importance_is_likelihood,
        1e-10,
        EXACT,
    ),
    Statement("eq. 2", "2", "2.3.2", "E_q[c] + E_q[log q] = KL(q || p_theta) - log Z", sampler_is_kl, 1e-10, EXACT),
    Statement("2.3.2 best q", "2", "2.3.2", "q = exp(-c)/Z: no variance in Z, eq. 2 = -log Z", optimal_proposal, 1e-10, EVERYWHERE, "X12"),
    Statement("2.3.2 mixture", "2", "2.3.2", "cost loss under (p~ + nu q)/(1 + nu) by its formula", mixture_formula, 1e-12, EVERYWHERE),
    Statement(
        "2.3.2 mixture, Z",
        "2",
        "2.3.2",
        "with p~ = p the mixture is unbiased for Z, for every cost",
        mixture_is_unbiased,
        1e-12,
        EXACT,
        "X8",
    ),
)
"""What holds in expectation only is not asked of a finite set of samples."""
