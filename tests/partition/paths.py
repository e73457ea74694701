"""Pairs of a sampler and an energy whose log Z is known, one of real vectors and one of 0/1 vectors; both correlated and lopsided."""

import itertools

import jax
import jax.numpy as jnp

from triality.energies.linear import LinearEnergy, pairwise_features
from triality.energies.quadratic import QuadraticEnergy
from triality.sampler import AbstractSampler
from triality.samplers.gaussian import Gaussian


class Bits(AbstractSampler):
    """Independent bits; density with respect to counting measure."""

    logits: jax.Array

    def log_prob(self, x):
        return -jnp.sum(jax.nn.softplus(jnp.where(x == 1, -self.logits, self.logits)))

    def sample_and_log_prob(self, key):
        x = jax.random.bernoulli(key, jax.nn.sigmoid(self.logits)).astype(int)
        return x, self.log_prob(x)


GAUSSIAN = QuadraticEnergy(jnp.array([0.8, -0.6]), jnp.array([0.5, 0.2]), jnp.array([[0.0, 0.0], [0.8, 0.0]]))
GAUSSIAN_Q = Gaussian(jnp.array([-0.3, 0.2]), jnp.array([0.1, 0.3]))

WEIGHTS = jnp.array([0.5, -1.0, 0.2, 0.8, -0.4, 1.5, -0.7, 0.3, -1.2, 0.6, 0.9, -2.0, 1.1, -0.5, 0.4])
MODEL = LinearEnergy(pairwise_features, WEIGHTS)
BITS_Q = Bits(jnp.array([0.8, -0.3, 0.4, -0.6, 0.2]))
STATES = jnp.array(list(itertools.product([0, 1], repeat=5)))
NEG_ENERGIES = -jax.vmap(MODEL)(STATES)
MODEL_LOG_Z = jax.nn.logsumexp(NEG_ENERGIES)


def gaussian_samples(key, num_samples):
    """Exact: m + L^-T z."""
    z = jax.random.normal(key, (num_samples, 2))
    return GAUSSIAN.mean + jnp.linalg.solve(GAUSSIAN.factor.T, z.T).T


def model_samples(key, num_samples):
    """Exact, by enumeration."""
    return STATES[jax.random.categorical(key, NEG_ENERGIES, shape=(num_samples,))]
