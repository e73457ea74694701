"""A sampler of a given energy: the annealed gradient finds the mode that reverse KL drops, and a bad step is left out."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.sampler_learning import SamplerLearning
from triality.kernels.langevin import Mala
from triality.partition.importance import importance
from triality.run import run
from triality.sampler import draw
from triality.samplers.gaussian_mixture import GaussianMixture
from triality.targets.mixtures import two_modes
from triality.updates.sampler.annealed import AnnealedLikelihood
from triality.updates.sampler.score_function import ScoreFunction

TARGET = two_modes(10.0, 1, jnp.array([0.3, 0.7]))
# Broad, and nearer to one of the modes: of a hundred draws one is at the other.
START = GaussianMixture(jnp.zeros(2), jnp.array([[1.0], [4.0]]), jnp.full((2, 1), jnp.log(2.5)))


@eqx.filter_jit
def learned(gradient, num_steps):
    learning = SamplerLearning(TARGET.energy, gradient, learning_rate=0.03)
    state, metrics, _ = run(learning, learning.init(jax.random.key(0), START), 1, num_steps)
    return state.sampler, metrics


def log_z(sampler):
    drawn = draw(sampler, jax.random.key(1), 2000)
    return importance(-jax.vmap(TARGET.energy)(drawn.x) - drawn.log_q)


def share_left(sampler):
    return float(jnp.mean(draw(sampler, jax.random.key(2), 4000).x < 0.0))


@pytest.mark.slow
def test_annealed_draws_find_the_mode_that_reverse_kl_drops():
    found, _ = learned(AnnealedLikelihood(Mala(1.0), jnp.linspace(0.0, 1.0, 20), 2.0, 256), 600)
    dropped, _ = learned(ScoreFunction(256), 600)
    estimate = log_z(found)
    assert abs(float(estimate.value)) < 4 * float(estimate.stderr)
    assert float(estimate.diagnostics.ess_fraction) > 0.95
    np.testing.assert_allclose(share_left(found), 0.3, atol=0.05)
    # The control leaves a tenth of what is there, and its log Z is worth nothing.
    assert share_left(dropped) < 0.1
    assert float(log_z(dropped).diagnostics.ess_fraction) < 0.5


def test_a_step_without_a_finite_gradient_is_left_out():
    def broken(key, sampler, density, data):
        return jnp.sum(sampler.mean) * jnp.where(jax.random.uniform(key) < 0.5, jnp.nan, 1.0)

    sampler, metrics = learned(broken, 50)
    assert np.isnan(np.asarray(metrics.scalar)).any()
    assert bool(jnp.all(metrics.is_finite))
    assert bool(jnp.all(sampler.mean < START.mean))
