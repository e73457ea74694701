"""Deliberately broken twins. Each changes one thing that the paper needs, and has to break the claim that it names by a wide margin.

Without them a table of zeros proves little: a comparison that cannot fail passes too. Draws with overlap below 0.01 do not count, since
gradients of a discriminator that has separated the two sides are noise.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.claims.background import EXACT
from triality.claims.claim import Statement, in_nats, relative
from triality.claims.energy_models import unweighted_loss
from triality.claims.equivalence import gradient_at_truth, linear_problem, solved_energy, true_linear_energy
from triality.claims.facts import (
    EVERYWHERE,
    cost_gradient,
    generator_gradient,
    importance_log_z,
    maxent_policy_loss,
)
from triality.claims.spaces import Instance
from triality.energies.mlp import MLPEnergy
from triality.energy import UnnormalizedDensity
from triality.numerics import log_mean_exp, weighted_mean
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.guided_cost import MixtureGuidedCostLoss
from triality.partition.acceptance_ratio import solve_log_z
from triality.partition.mixture import log_mixture_density
from triality.sampler import Samples, log_noise_ratio

LEAST_OVERLAP = 0.01


def overlap(instance: Instance) -> Float[Array, ""]:
    """E_p[1 - D] at the minimizing Z: how much a discriminator has left to learn from."""
    return DiscriminatorLoss()(instance.density(instance.log_z), instance.data, instance.drawn)[1].overlap_data


def maxent_gradient(instance: Instance) -> MLPEnergy:
    """What fact 2 wants: the gradient of eq. 5 at Z*, weights frozen."""
    return cost_gradient(MixtureGuidedCostLoss(), instance, instance.log_z)


def attached_loss(density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], None]:
    """Eq. 5 with mu~ differentiated (X14)."""
    neg_energy = -jnp.concatenate([jax.vmap(density.energy)(data.x), jax.vmap(density.energy)(drawn.x)])
    log_q, log_weight = jnp.concatenate([data.log_q, drawn.log_q]), jnp.concatenate([data.log_weight, drawn.log_weight])
    log_mu = log_mixture_density(neg_energy - density.log_z(data.x), log_q, log_noise_ratio(data, drawn))
    on_data = weighted_mean(jax.vmap(density.energy)(data.x), data.log_weight)
    return on_data + log_mean_exp(neg_energy - log_mu, log_weight), None


def attached_weights(instance: Instance) -> Float[Array, ""]:
    """Discriminator's gradient against the MaxEnt gradient with attached weights."""
    log_z = instance.log_z
    return relative(cost_gradient(DiscriminatorLoss(), instance, log_z), cost_gradient(attached_loss, instance, log_z))


def wrong_z(instance: Instance) -> Float[Array, ""]:
    """Both gradients at log Z* + 1 and at log Z* - 1; the smaller difference."""

    def difference(log_z: Float[Array, ""]) -> Float[Array, ""]:
        return relative(cost_gradient(DiscriminatorLoss(), instance, log_z), cost_gradient(MixtureGuidedCostLoss(), instance, log_z))

    return jnp.min(jax.vmap(difference)(instance.log_z + jnp.array([1.0, -1.0])))


def without_log_q(samples: Samples) -> Samples:
    """The same samples with log q = 0, for a discriminator whose log-odds are -c - log Z - log nu."""
    return samples._replace(log_q=jnp.zeros_like(samples.log_q))


def ignorant_of_q(instance: Instance) -> Instance:
    """The same problem for that discriminator."""
    return instance._replace(data=without_log_q(instance.data), drawn=without_log_q(instance.drawn)).solved()


def missing_log_q_fact_1(instance: Instance) -> Float[Array, ""]:
    """Z that minimizes the ignorant loss against the estimate of eq. 5 there."""
    log_z = ignorant_of_q(instance).log_z
    return in_nats(log_z, importance_log_z(instance, log_z))


def missing_log_q_fact_2(instance: Instance) -> Float[Array, ""]:
    """Gradient of the ignorant discriminator's loss, at its own best Z, against the MaxEnt gradient."""
    ignorant = ignorant_of_q(instance)
    return relative(cost_gradient(DiscriminatorLoss(), ignorant, ignorant.log_z), maxent_gradient(instance))


def missing_log_q_fact_3(instance: Instance) -> Float[Array, ""]:
    """q's gradient of E_q[c] alone, the generator loss of a discriminator without log q, against that of eq. 2."""

    def without_entropy(drawn: Samples) -> Float[Array, ""]:
        return weighted_mean(jax.vmap(instance.cost)(drawn.x), drawn.log_weight)

    right = generator_gradient(maxent_policy_loss(instance), instance.proposal)
    return relative(generator_gradient(without_entropy, instance.proposal), right)


def missing_log_q_independence(instance: Instance) -> Float[Array, ""]:
    """How far apart the energies lie that an ignorant discriminator finds under two samplers."""
    truth = true_linear_energy(instance)
    sides = (linear_problem(instance, truth, q) for q in (instance.proposal, instance.past[0]))
    one, other = (solved_energy(without_log_q(data), without_log_q(drawn)) for data, drawn in sides)
    return jnp.max(jnp.abs(one - other))


def missing_log_nu(instance: Instance) -> Float[Array, ""]:
    """Minimizing Z of mean_p softplus(-s) + nu mean_q softplus(s) without log nu in s, against the estimate of eq. 5 there."""
    (on_data, on_drawn), data, drawn = instance.neg_energies, instance.data, instance.drawn
    log_nu = log_noise_ratio(data, drawn)
    # The solver subtracts log nu; adding it beforehand is what leaves it out.
    log_z = solve_log_z(on_data - data.log_q + log_nu, on_drawn - drawn.log_q + log_nu, data.log_weight, drawn.log_weight)
    return in_nats(log_z, importance_log_z(instance, log_z))


def printed_energy_loss(instance: Instance) -> Float[Array, ""]:
    """Gradient of section 4's energy loss as printed, against the discriminator's (X3)."""

    def printed(density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], None]:
        return -MixtureGuidedCostLoss()(density, data, drawn)[0], None

    log_z = instance.log_z
    return relative(cost_gradient(DiscriminatorLoss(), instance, log_z), cost_gradient(printed, instance, log_z))


class Negated(eqx.Module):
    """x -> -E(x)."""

    energy: Callable[[Float[Array, " dim"]], Float[Array, ""]]

    def __call__(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return -self.energy(x)


def printed_discriminator(instance: Instance) -> Float[Array, ""]:
    """Gradient of the discriminator sigmoid(E - log q - log Z) at its own best Z, against the MaxEnt gradient (X4)."""
    (on_data, on_drawn), data, drawn = instance.neg_energies, instance.data, instance.drawn
    log_z = solve_log_z(-on_data - data.log_q, -on_drawn - drawn.log_q, data.log_weight, drawn.log_weight)

    def printed(density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], object]:
        return DiscriminatorLoss()(UnnormalizedDensity(Negated(density.energy), density.log_z), data, drawn)

    return relative(cost_gradient(printed, instance, log_z), maxent_gradient(instance))


def printed_generator_loss(instance: Instance) -> Float[Array, ""]:
    """q's gradient of E_q[+s], "the discriminator's log odds", against that of eq. 2 (X6)."""

    def printed(drawn: Samples) -> Float[Array, ""]:
        log_p = jax.vmap(instance.density(0.0).log_prob)(drawn.x)
        return weighted_mean(log_p - drawn.log_q, drawn.log_weight)

    right = generator_gradient(maxent_policy_loss(instance), instance.proposal)
    return relative(generator_gradient(printed, instance.proposal), right)


def no_weights(instance: Instance) -> Float[Array, ""]:
    """Gradient of Kim and Bengio's loss at the true energy, q being wrong."""
    return gradient_at_truth(unweighted_loss, instance, jnp.zeros(()))


def _control(
    id: str, breaks: str, text: str, measure: Callable, bound: float, spaces: tuple[str, ...] = EVERYWHERE, erratum: str = ""
) -> Statement:
    return Statement(id, "controls", "", text, measure, bound, spaces, erratum, breaks)


CONTROLS = (
    _control("attached weights", "fact 2", "gradient through mu~ as well", attached_weights, 1e-2, erratum="X14"),
    _control("wrong Z", "fact 2", "log Z one nat too high or too low", wrong_z, 1e-3),
    _control("no log q", "fact 1", "log q left out of the log-odds: Z*", missing_log_q_fact_1, 1e-3),
    _control("no log q", "fact 2", "log q left out of the log-odds: theta's gradient", missing_log_q_fact_2, 1e-3),
    _control("no log q", "fact 3", "log q left out of the log-odds: q's gradient", missing_log_q_fact_3, 1e-3),
    _control("no log q", "3.1 independence", "log q left out of the log-odds: energy found", missing_log_q_independence, 1e-3, EXACT),
    _control("no log nu", "fact 1", "weights nu, but no log nu in the log-odds", missing_log_nu, 1e-3),
    _control("sign of X3", "fact 2", "section 4's energy loss as printed", printed_energy_loss, 1.0, erratum="X3"),
    _control("sign of X4", "fact 2", "section 4's discriminator as printed", printed_discriminator, 1e-3, erratum="X4"),
    _control("sign of X6", "fact 3", "section 4's generator loss as printed", printed_generator_loss, 1.0, erratum="X6"),
    _control("no weights", "4 consistency", "Kim and Bengio's loss under a wrong q", no_weights, 1e-3, EXACT),
)
"""Every one is measured on the same draws as the claims."""
