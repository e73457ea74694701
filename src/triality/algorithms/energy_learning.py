"""An energy and a generator of known density, learned together from data (section 4 of the paper).

    p_theta(x) = exp(-E_theta(x))/Z,   q_phi(x) known

    repeat:
        a minibatch of data; draws from q
        theta (and log Z): one step down the objective, q held fixed
        phi: one step down its gradient, theta held fixed

With the density-aware discriminator and a fixed q this is noise-contrastive estimation (Gutmann & Hyvärinen 2010); with a q that follows
its reverse KL, or the discriminator's loss upward, flow contrastive estimation (Gao et al. 2020); with the importance-weighted
likelihood, guided cost learning on points; with the contrastive loss, Kim & Bengio; with the margin loss, EBGAN; with a free critic
the ordinary GAN. One algorithm, two fields: ``objective`` and ``sampler_gradient``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from triality.algorithms.likelihood_learning import all_finite, clipped_adam
from triality.algorithms.log_z_rules import LearnedLogZ, LogZRule
from triality.algorithms.minibatch import DataSet
from triality.energies.sum import frozen
from triality.energy import Constant, Energy, UnnormalizedDensity
from triality.numerics import effective_sample_size, log_mean_exp
from triality.objectives.discriminator import DiscriminatorLoss
from triality.regularizers.penalty import Penalties, Penalty
from triality.run import scan
from triality.sampler import AbstractSampler, Samples, draw
from triality.updates.sampler.gradient import SamplerGradient, log_ratio
from triality.updates.sampler.reparameterized import PathGradient

Objective = Callable[[UnnormalizedDensity, Samples, Samples], tuple[Float[Array, ""], Any]]


class EnergyState(NamedTuple):
    """All that a run needs to go on, but the data.

    Fields:
        density: energy and log Z.
        density_optimizer: of the energy's parameters.
        log_z_memory: of the rule that sets log Z.
        sampler: q.
        sampler_optimizer: of q's parameters.
        key: randomness from here on.
        iteration: steps done.
    """

    density: UnnormalizedDensity
    density_optimizer: PyTree
    log_z_memory: PyTree
    sampler: AbstractSampler[Any]
    sampler_optimizer: PyTree
    key: Key[Array, ""]
    iteration: Int[Array, ""]


class EnergyMetrics(NamedTuple):
    """Never needed next; of the step's minibatch and draws.

    Fields:
        loss: of the energy; at a game's equilibrium a constant, and no sign of progress.
        objective: what the objective reports.
        penalty: sum of the penalties, nats.
        sampler_loss: the generator's scalar; what it means is its gradient's to say.
        log_z: the one in use, nats.
        energy_data: mean energy of the data, nats.
        energy_drawn: mean energy of the draws; the two meet as q learns.
        ess_fraction: effective share of the draws as importance samples of p_theta; 1 = q is p_theta, below 0.1 log Z is in doubt.
        log_weight_std: spread of log p_theta - log q over draws, nats; 0 = q is p_theta.
        overlap: E_p[1 - D] at nu = 1; 1/2 = cannot be told apart, 0 = told apart with certainty.
        log_likelihood: mean log q of the minibatch of data, nats; -inf where q cannot make a datum.
        is_finite: whether energy and generator are finite after the step.
    """

    loss: Float[Array, ""]
    objective: Any
    penalty: Float[Array, ""]
    sampler_loss: Float[Array, ""]
    log_z: Float[Array, ""]
    energy_data: Float[Array, ""]
    energy_drawn: Float[Array, ""]
    ess_fraction: Float[Array, ""]
    log_weight_std: Float[Array, ""]
    overlap: Float[Array, ""]
    log_likelihood: Float[Array, ""]
    is_finite: Bool[Array, ""]


class EnergyLearning(eqx.Module):
    """Energy and generator by turns. Hyper-parameters are leaves, so ``vmap`` covers them as it covers seeds; the data are shared.

    Args:
        data: what is learned from.
        objective: of the energy; called as ``objective(density, data, drawn)``.
        sampler_gradient: how the generator improves; ``Fixed()`` for noise-contrastive estimation.
        log_z_rule: where log Z comes from.
        penalty: regularizer of the energy; ``Penalties((...))`` for several.
        energy_learning_rate: Adam step of the energy.
        sampler_learning_rate: Adam step of the generator.
        max_gradient_norm: where either gradient is clipped.
        batch_size: data of one step.
        num_drawn: draws that the energy is compared with; the ratio of the two is the noise ratio nu.
        num_energy_steps: energy steps a generator step.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.energies.quadratic import quadratic_energy
        >>> from triality.run import run
        >>> from triality.samplers.gaussian import Gaussian
        >>> x = 1.0 + 0.5 * jax.random.normal(jax.random.key(0), (2000, 1))
        >>> learning = EnergyLearning(DataSet(x), energy_learning_rate=0.03, sampler_learning_rate=0.03)
        >>> start = learning.init(jax.random.key(1), quadratic_energy(jax.random.key(2), 1), Gaussian(jnp.zeros(1), jnp.zeros(1)))
        >>> state, metrics, _ = jax.jit(lambda s: run(learning, s, 1, 400))(start)
        >>> [bool(abs(m - 1.0) < 0.15) for m in (state.density.energy.mean[0], state.sampler.mean[0])]
        [True, True]
    """

    data: DataSet
    objective: Objective = DiscriminatorLoss()
    sampler_gradient: SamplerGradient = PathGradient()
    log_z_rule: LogZRule = LearnedLogZ()
    penalty: Penalty = Penalties()
    energy_learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    sampler_learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    max_gradient_norm: Float[Array, ""] = eqx.field(default=10.0, converter=jnp.asarray)
    batch_size: int = eqx.field(default=256, static=True)
    num_drawn: int = eqx.field(default=256, static=True)
    num_energy_steps: int = eqx.field(default=1, static=True)

    def init(self, key: Key[Array, ""], energy: Energy[Any], sampler: AbstractSampler[Any]) -> EnergyState:
        """A first state; log Z begins at the importance-sampled one of the generator's own draws."""
        key, key_drawn = jax.random.split(key)
        drawn = draw(sampler, key_drawn, self.num_drawn)
        log_z = Constant(log_mean_exp(-jax.vmap(energy)(drawn.x) - drawn.log_q))
        optimizers = [
            clipped_adam(rate, self.max_gradient_norm).init(eqx.filter(tree, eqx.is_inexact_array))
            for rate, tree in ((self.energy_learning_rate, energy), (self.sampler_learning_rate, sampler))
        ]
        density = UnnormalizedDensity(energy, log_z)
        return EnergyState(density, optimizers[0], self.log_z_rule.init(log_z), sampler, optimizers[1], key, jnp.zeros((), jnp.int32))

    def step(self, state: EnergyState) -> tuple[EnergyState, EnergyMetrics]:
        """Energy steps, then one step of the generator."""
        key, key_energy, key_sampler, key_batch = jax.random.split(state.key, 4)
        memory = (state.density, state.density_optimizer, state.log_z_memory)

        def energy_step(memory: PyTree, key: Key[Array, ""]) -> tuple[PyTree, PyTree]:
            return self._energy_step(memory, key, state.sampler)

        keys = jax.random.split(key_energy, self.num_energy_steps)
        (density, density_optimizer, log_z_memory), reports = scan(energy_step, memory, keys, self.num_energy_steps)
        sampler, sampler_optimizer, sampler_loss = self.improved_sampler(key_sampler, key_batch, state, density)
        after = EnergyState(density, density_optimizer, log_z_memory, sampler, sampler_optimizer, key, state.iteration + 1)
        last = jax.tree.map(lambda leaf: leaf[-1], reports)
        return after, EnergyMetrics(sampler_loss=sampler_loss, is_finite=all_finite((density, sampler)), **last)

    def _energy_step(self, memory: PyTree, key: Key[Array, ""], sampler: AbstractSampler[Any]) -> tuple[PyTree, dict[str, Any]]:
        key_batch, key_drawn, key_penalty = jax.random.split(key, 3)
        return self.improved_energy(key_penalty, memory, *self.compared(key_batch, key_drawn, sampler))

    def compared(self, key_batch: Key[Array, ""], key_drawn: Key[Array, ""], sampler: AbstractSampler[Any]) -> tuple[Samples, Samples]:
        """The first part of a ``step``: a minibatch of data and draws, both with the sampler's density."""
        x = self.data.minibatch(key_batch, self.batch_size)
        return Samples.unweighted(x, jax.vmap(sampler.log_prob)(x)), draw(sampler, key_drawn, self.num_drawn)

    def improved_energy(self, key: Key[Array, ""], memory: PyTree, data: Samples, drawn: Samples) -> tuple[PyTree, dict[str, Any]]:
        """The second: one step of the energy and of log Z; ``memory`` is (density, its optimizer's state, the memory of log Z's rule)."""
        density, optimizer, log_z_memory = memory
        density = self.log_z_rule.place(density, data, drawn)

        def total(density: UnnormalizedDensity) -> tuple[Float[Array, ""], Any]:
            loss, report = self.objective(density, data, drawn)
            penalty = self.penalty(key, density.energy, data, drawn)
            return loss + penalty, (loss, report, penalty)

        gradient, (loss, report, penalty) = eqx.filter_grad(total, has_aux=True)(density)
        updates, optimizer = self._adam(self.energy_learning_rate).update(gradient.energy, optimizer)
        log_z, log_z_memory = self.log_z_rule.update(log_z_memory, density.log_z, gradient.log_z)
        after = UnnormalizedDensity(eqx.apply_updates(density.energy, updates), log_z)
        return (after, optimizer, log_z_memory), {"loss": loss, "objective": report, "penalty": penalty, **health(density, data, drawn)}

    def improved_sampler(
        self, key: Key[Array, ""], key_batch: Key[Array, ""], state: EnergyState, density: UnnormalizedDensity
    ) -> tuple[AbstractSampler[Any], PyTree, Float[Array, ""]]:
        """The third: the sampler after one step of its gradient under the new density, its optimizer's state, and the scalar."""
        x = self.data.minibatch(key_batch, self.batch_size)
        data = Samples.unweighted(x, jnp.zeros(self.batch_size))

        def scalar(sampler: AbstractSampler[Any]) -> Float[Array, ""]:
            return self.sampler_gradient(key, sampler, frozen(density), data)

        value, gradient = eqx.filter_value_and_grad(scalar)(state.sampler)
        updates, optimizer = self._adam(self.sampler_learning_rate).update(gradient, state.sampler_optimizer)
        return eqx.apply_updates(state.sampler, updates), optimizer, value

    def _adam(self, learning_rate: Float[Array, ""]):
        return clipped_adam(learning_rate, self.max_gradient_norm)


def health(density: UnnormalizedDensity, data: Samples, drawn: Samples) -> dict[str, Float[Array, ""]]:
    """The fields of ``EnergyMetrics`` that hold for any objective."""
    on_data, on_drawn = (log_ratio(density, side.x, side.log_q) for side in (data, drawn))
    return {
        "log_z": density.log_z(None),
        "energy_data": -jnp.mean(on_data + data.log_q) - density.log_z(None),
        "energy_drawn": -jnp.mean(on_drawn + drawn.log_q) - density.log_z(None),
        "ess_fraction": effective_sample_size(on_drawn) / on_drawn.shape[0],
        "log_weight_std": jnp.std(on_drawn),
        "overlap": jnp.exp(log_mean_exp(-jax.nn.softplus(on_data))),
        "log_likelihood": jnp.mean(data.log_q),
    }
