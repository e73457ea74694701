"""Contrastive divergence: an energy learned from data with negatives from k steps of a Markov chain.

    gradient = mean over data of dE/dtheta - mean over negatives of dE/dtheta

    repeat:
        a minibatch of data
        chains: k steps of the kernel from their starts, theta held fixed
        theta: one Adam step down mean E(data) - mean E(chains)

Chains that start at the minibatch are CD-k: as k grows the gradient becomes the likelihood's; at small k it is biased, and sees no mode far
from the data. Chains that go on from one step to the next are persistent CD: nearly samples of p_theta as long as theta moves more slowly
than they mix. Neither gives a log Z: anneal for it, or learn a generator.

References: Hinton, Training products of experts by minimizing contrastive divergence, Neural Computation 14 (2002); Tieleman, Training
restricted Boltzmann machines using approximations to the likelihood gradient, ICML 2008.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from triality.algorithms.likelihood_learning import all_finite, clipped_adam
from triality.algorithms.minibatch import DataSet
from triality.energies.sum import frozen
from triality.energy import Energy
from triality.kernels.chains import Chains, run_chains
from triality.kernels.kernel import Kernel
from triality.objectives.contrastive import contrastive_loss


class ContrastiveState(NamedTuple):
    """All that a run needs to go on, but the data.

    Fields:
        energy: what is learned.
        optimizer: of its parameters.
        chains: where the chains ended; leaves with a leading axis (batch_size,).
        key: randomness from here on.
        iteration: steps done.
    """

    energy: Energy[Any]
    optimizer: PyTree
    chains: PyTree
    key: Key[Array, ""]
    iteration: Int[Array, ""]


class ContrastiveDivergenceMetrics(NamedTuple):
    """Never needed next; of the step's minibatch and chains.

    Fields:
        loss: energy_data - energy_chains, nats. No sign of progress: near 0 where the chains mix, and where they do not move at all.
        energy_data: mean energy of the minibatch, nats.
        energy_chains: mean energy of the chains' ends, nats; far below the data's, the chains have run off, and learning with them.
        acceptance: mean over steps and chains, in [0, 1]; 1 for Gibbs.
        num_energies: evaluations by the kernel, all chains together.
        is_finite: whether the energy's parameters are finite after the step.
    """

    loss: Float[Array, ""]
    energy_data: Float[Array, ""]
    energy_chains: Float[Array, ""]
    acceptance: Float[Array, ""]
    num_energies: Int[Array, ""]
    is_finite: Bool[Array, ""]


@runtime_checkable
class Starts(Protocol):
    """Where the chains of a step begin, given its minibatch and where the last step's chains ended."""

    def __call__(self, minibatch: PyTree, chains: PyTree) -> PyTree: ...


class FromData(eqx.Module):
    """At the minibatch: CD-k."""

    def __call__(self, minibatch: PyTree, chains: PyTree) -> PyTree:
        del chains
        return minibatch


class Persistent(eqx.Module):
    """Where the last ones ended: persistent CD."""

    def __call__(self, minibatch: PyTree, chains: PyTree) -> PyTree:
        del minibatch
        return chains


class ContrastiveDivergence(eqx.Module):
    """CD-k and persistent CD, with any kernel. Hyper-parameters are leaves, so ``vmap`` covers them as it covers seeds.

    Args:
        data: what is learned from.
        kernel: of one chain; need not leave p_theta invariant, and with ``UnadjustedLangevin`` learns what that walk ends in.
        starts: ``FromData()`` for CD-k, ``Persistent()``.
        learning_rate: Adam step.
        max_gradient_norm: where the gradient is clipped.
        batch_size: data of one step, and chains.
        num_steps: k, static.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.energies.quadratic import quadratic_energy
        >>> from triality.kernels.langevin import UnadjustedLangevin
        >>> from triality.run import run
        >>> x = 1.0 + jax.random.normal(jax.random.key(0), (2000, 1))
        >>> learning = ContrastiveDivergence(DataSet(x), UnadjustedLangevin(0.1), learning_rate=0.03, num_steps=5)
        >>> start = learning.init(jax.random.key(1), quadratic_energy(jax.random.key(2), 1))
        >>> state, _, _ = jax.jit(lambda s: run(learning, s, 1, 300))(start)
        >>> bool(abs(state.energy.mean[0] - 1.0) < 0.15)
        True
    """

    data: DataSet
    kernel: Kernel
    starts: Starts = FromData()
    learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    max_gradient_norm: Float[Array, ""] = eqx.field(default=10.0, converter=jnp.asarray)
    batch_size: int = eqx.field(default=256, static=True)
    num_steps: int = eqx.field(default=1, static=True)

    def init(self, key: Key[Array, ""], energy: Energy[Any]) -> ContrastiveState:
        """A first state; chains begin at a minibatch. Replace ``chains`` to begin elsewhere."""
        key, key_chains = jax.random.split(key)
        optimizer = self._adam().init(eqx.filter(energy, eqx.is_inexact_array))
        chains = self.data.minibatch(key_chains, self.batch_size)
        return ContrastiveState(energy, optimizer, chains, key, jnp.zeros((), jnp.int32))

    def step(self, state: ContrastiveState) -> tuple[ContrastiveState, ContrastiveDivergenceMetrics]:
        """Chains, then the energy."""
        key, key_batch, key_chains = jax.random.split(state.key, 3)
        x = self.data.minibatch(key_batch, self.batch_size)
        chains = self.negatives(key_chains, state.energy, self.starts(x, state.chains))
        (loss, means), gradient = contrastive_gradient(state.energy, x, chains.x)
        updates, optimizer = self._adam().update(gradient, state.optimizer)
        energy = eqx.apply_updates(state.energy, updates)
        count = jnp.sum(chains.num_energies)
        metrics = ContrastiveDivergenceMetrics(loss, *means, jnp.mean(chains.acceptance), count, all_finite(energy))
        return ContrastiveState(energy, optimizer, chains.x, key, state.iteration + 1), metrics

    def negatives(self, key: Key[Array, ""], energy: Energy[Any], starts: PyTree) -> Chains:
        """k steps of every chain; nothing is differentiated through them."""
        chains = run_chains(key, self.kernel, frozen(energy), starts, self.num_steps)
        return jax.lax.stop_gradient(chains)

    def _adam(self) -> optax.GradientTransformation:
        return clipped_adam(self.learning_rate, self.max_gradient_norm)


def contrastive_gradient(
    energy: Energy[Any], data: PyTree, chains: PyTree
) -> tuple[tuple[Float[Array, ""], tuple[Float[Array, ""], Float[Array, ""]]], PyTree]:
    """The loss with both mean energies, and its gradient in the energy: that of the likelihood loss where chains follow p_theta.

    Example:
        >>> from triality.energies.quadratic import QuadraticEnergy
        >>> energy = QuadraticEnergy(jnp.zeros(1), jnp.zeros(1), jnp.zeros((1, 1)))
        >>> (loss, _), gradient = contrastive_gradient(energy, jnp.array([[3.0]]), jnp.array([[1.0]]))
        >>> float(loss), gradient.mean.tolist()
        (4.0, [-2.0])
    """

    def loss(energy: Energy[Any]) -> tuple[Float[Array, ""], tuple[Float[Array, ""], Float[Array, ""]]]:
        on_data, on_chains = jax.vmap(energy)(data), jax.vmap(energy)(chains)
        value = contrastive_loss(on_data, on_chains, jnp.zeros_like(on_data), jnp.zeros_like(on_chains))
        return value, (jnp.mean(on_data), jnp.mean(on_chains))

    return eqx.filter_value_and_grad(loss, has_aux=True)(energy)
