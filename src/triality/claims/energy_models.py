"""Section 4: GANs for training energy-based models, in the corrected signs (X3, X4, X6), and Kim and Bengio's method without weights."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from triality.claims.background import EXACT, mean, mixture_log_mean, printed_densities
from triality.claims.claim import Statement, in_nats, relative, worst
from triality.claims.equivalence import gradient_at_truth
from triality.claims.facts import EVERYWHERE, cost_gradient
from triality.claims.spaces import Boltzmann, Instance, Proposal
from triality.energies.mlp import MLPEnergy
from triality.energy import UnnormalizedDensity
from triality.objectives.discriminator import log_odds
from triality.objectives.guided_cost import DensityReference, GuidedCostLoss, MixtureGuidedCostLoss
from triality.objectives.likelihood import exact_energy_loss
from triality.objectives.sampler import sum_loss
from triality.sampler import Samples, log_noise_ratio


def mixture_mean(instance: Instance) -> Float[Array, ""]:
    """log of the mixture estimate's expectation under a wrong p~, against log Z + log E_{p_theta}[mu/mu~]."""
    reference = instance.past[0]
    space, nu = instance.space, jnp.exp(log_noise_ratio(instance.data, instance.drawn))
    p, q = jnp.exp(space.log_prob(instance.true_cost)), jnp.exp(instance.data.log_q)
    wrong = jnp.exp(jax.vmap(reference.log_prob)(space.points))
    ratio = space.expectation(space.log_prob(instance.cost), (p + nu * q) / (wrong + nu * q))
    return in_nats(space.log_z(instance.cost) + jnp.log(ratio), mixture_log_mean(instance, reference))


def drawn_alone_is_unbiased(instance: Instance) -> Float[Array, ""]:
    """The log Z inside the cost loss, for five samplers: the true one, whatever the data are."""
    log_z = instance.space.log_z(instance.cost)

    def residual(proposal: Proposal) -> Float[Array, ""]:
        return in_nats(log_z, GuidedCostLoss()(instance.density(0.0), instance.data, proposal.drawn())[1].log_z)

    return instance.over_samplers(residual)


def energy_loss(instance: Instance) -> Float[Array, ""]:
    """E_p[E] + log E_mu[exp(-E)/mu~] with p~ = p: minus log likelihood, to be minimized; and stationary where the energy is right."""
    objective = MixtureGuidedCostLoss(reference=DensityReference(instance.truth))
    loss = objective(instance.density(0.0), instance.data, instance.drawn)[0]
    exact = exact_energy_loss(instance.cost, instance.data, instance.space.points, instance.space.log_base)
    return worst(in_nats(exact, loss), gradient_at_truth(objective, instance, jnp.zeros(())))


def discriminator_output(instance: Instance) -> Float[Array, ""]:
    """sigmoid(-E - log q - log Z - log nu) against p_theta/(p_theta + nu q) formed as numbers."""
    model, q, nu = printed_densities(instance)
    density, log_nu = instance.density(0.3), jnp.log(nu)
    sides = zip((instance.data, instance.drawn), model, q, strict=True)
    return worst(*(in_nats(p / (p + nu * other), jax.nn.sigmoid(log_odds(density, side, log_nu))) for side, p, other in sides))


def generator_loss_is_minus_log_odds(instance: Instance) -> Float[Array, ""]:
    """E_q[-s] against E_q[E] + E_q[log q] + log Z, the expectations written out."""
    drawn = instance.proposal.drawn()
    energies, weight = jax.vmap(instance.cost)(drawn.x), drawn.log_weight
    return in_nats(
        mean(energies, weight) + mean(drawn.log_q, weight) + 0.3, sum_loss(log_odds(instance.density(0.3), drawn), drawn.log_weight)
    )


def consistent(instance: Instance) -> Float[Array, ""]:
    """With a generator that is wrong and stays so: at the true energy Z* is the true Z, and the energy loss's gradient is zero."""
    at_truth = instance.with_true_cost()
    off = in_nats(instance.space.log_z(at_truth.cost), at_truth.log_z)
    return worst(off, gradient_at_truth(MixtureGuidedCostLoss(), instance, at_truth.log_z))


def unweighted_loss(density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], None]:
    """E_p[E] - E_q[E], the loss of Kim and Bengio, whose gradient leaves the importance weights out."""
    on_data = mean(jax.vmap(density.energy)(data.x), data.log_weight)
    return on_data - mean(jax.vmap(density.energy)(drawn.x), drawn.log_weight), None


def likelihood_gradient(instance: Instance) -> Float[Array, " parameters"]:
    """E_p[dE] - E_{p_theta}[dE], exactly."""

    def loss(cost: MLPEnergy) -> Float[Array, ""]:
        return exact_energy_loss(cost, instance.data, instance.space.points, instance.space.log_base)

    return ravel_pytree(eqx.filter_grad(loss)(instance.cost))[0]


def kim_bengio_limit(instance: Instance) -> Float[Array, ""]:
    """Their gradient against the exact one once the generator is p_theta."""
    model = Boltzmann(instance.cost, instance.space)
    case = instance.with_sampler(model, model.drawn())
    return relative(likelihood_gradient(case), ravel_pytree(cost_gradient(unweighted_loss, case, jnp.zeros(())))[0])


def kim_bengio_bias(instance: Instance) -> Float[Array, ""]:
    """Elsewhere: their gradient minus the exact one, against E_{p_theta}[dE] - E_q[dE]."""
    space = instance.space
    unweighted = ravel_pytree(cost_gradient(unweighted_loss, instance, jnp.zeros(())))[0]
    at_points = jax.vmap(lambda x: ravel_pytree(eqx.filter_grad(lambda cost: cost(x))(instance.cost))[0])(space.points)
    bias = space.expectation(space.log_prob(instance.cost), at_points) - space.expectation(instance.data.log_q, at_points)
    return relative(bias, unweighted - likelihood_gradient(instance))


def zero_at_the_fixed_point(instance: Instance) -> Float[Array, ""]:
    """X8: at q = p_theta the self-consistent Z is the true one although the data follow another law altogether."""
    model = Boltzmann(instance.cost, instance.space)
    case = instance.with_sampler(model, model.drawn(log_noise_ratio(instance.data, instance.drawn)))
    return in_nats(instance.space.log_z(instance.cost), case.log_z)


def weights_are_bounded(instance: Instance) -> Float[Array, ""]:
    """exp(-E)/mu~ is (1 + nu) Z D, so never above (1 + nu) Z (D3): the excess, and the difference of the two forms, in nats."""
    log_z = instance.log_z
    log_nu = log_noise_ratio(instance.data, instance.drawn)
    density, bound = instance.density(log_z), log_z + jnp.logaddexp(0.0, log_nu)
    residuals = []
    for side, neg_energy in zip((instance.data, instance.drawn), instance.neg_energies, strict=True):
        mu = (jnp.exp(neg_energy - log_z) + jnp.exp(log_nu + side.log_q)) / (1.0 + jnp.exp(log_nu))
        log_weight = neg_energy - jnp.log(mu)
        residuals += [in_nats(log_weight, bound - jax.nn.softplus(-log_odds(density, side, log_nu))), jnp.max(log_weight - bound)]
    return worst(*residuals)


STATEMENTS = (
    Statement("4 Z, drawn alone", "4", "4", "E_q[exp(-E)/q] = Z for every q and any data", drawn_alone_is_unbiased, 1e-12, EXACT),
    Statement("4 Z, mixture", "4", "4", "the mixture's mean is Z E_{p_theta}[mu/mu~], so Z if p~ = p", mixture_mean, 1e-12, EXACT, "X8"),
    Statement(
        "4 Z, q = p_theta",
        "4",
        "4",
        "at q = p_theta the self-consistent Z is right, whatever p is",
        zero_at_the_fixed_point,
        1e-10,
        EXACT,
        "X8",
    ),
    Statement("4 weights", "4", "4", "with p~ = p_theta no weight exceeds (1 + nu) Z", weights_are_bounded, 1e-10, EVERYWHERE),
    Statement("4 energy loss", "4", "4", "E_p[E] + log Z, a loss to minimize, zero slope at the truth", energy_loss, 1e-10, EXACT, "X3"),
    Statement("4 discriminator", "4", "4", "its output is sigmoid(-E - log q - log Z)", discriminator_output, 1e-12, EVERYWHERE, "X4"),
    Statement(
        "4 generator loss",
        "4",
        "4",
        "minus the log-odds = E_q[E] + E_q[log q] + log Z",
        generator_loss_is_minus_log_odds,
        1e-12,
        EVERYWHERE,
        "X6",
    ),
    Statement("4 consistency", "4", "4", "the true energy is stationary though q never fits", consistent, 1e-10, EXACT),
    Statement("4 Kim & Bengio", "4", "4", "without weights: the exact gradient once q = p_theta", kim_bengio_limit, 1e-10, EXACT),
    Statement("4 Kim & Bengio, bias", "4", "4", "elsewhere it is off by E_{p_theta}[dE] - E_q[dE]", kim_bengio_bias, 1e-10, EXACT),
)
"""In the paper's order."""
