"""Shared small problems: weighted, n_p != n_q, with energies that are no odd or even functions."""

import functools

import jax
import jax.numpy as jnp

from triality.energies.mlp import MLPEnergy
from triality.energy import Constant, UnnormalizedDensity
from triality.partition.acceptance_ratio import solve_log_z
from triality.sampler import Samples
from triality.samplers.gaussian import Gaussian

DATA = Gaussian(jnp.array([0.5, -0.3]), jnp.array([-0.4, -0.2]))
Q = Gaussian(jnp.array([-0.2, 0.1]), jnp.array([0.2, 0.3]))


def energy(seed=0):
    """A perceptron with biases, so that E(-x) is not -E(x)."""
    return jax.tree.map(lambda leaf: leaf + 0.3, MLPEnergy(jax.random.key(seed), 2, (8,)))


@functools.partial(jax.jit, static_argnums=(0, 1))
def two_sides(num_data=6, num_drawn=9, seed=1):
    """Samples of both laws, log q evaluated everywhere. One size wherever it does not matter: every size is compiled anew."""
    key_data, key_drawn = jax.random.split(jax.random.key(seed))
    x = jax.vmap(DATA.sample)(jax.random.split(key_data, num_data))
    y, log_q = jax.vmap(Q.sample_and_log_prob)(jax.random.split(key_drawn, num_drawn))
    return Samples.unweighted(x, jax.vmap(Q.log_prob)(x)), Samples.unweighted(y, log_q)


@jax.jit
def solved(cost, data, drawn):
    """log Z that minimizes the discriminator's loss."""
    ratios = (-jax.vmap(cost)(side.x) - side.log_q for side in (data, drawn))
    return solve_log_z(*ratios, data.log_weight, drawn.log_weight)


def density(cost, log_z=0.4):
    return UnnormalizedDensity(cost, Constant(log_z))


def gradient(objective, cost, log_z, data, drawn):
    """d loss / d theta as one vector."""
    grads = jax.grad(lambda one: objective(density(one, log_z), data, drawn)[0])(cost)
    return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(grads)])
