"""Contrastive divergence: its gradient against the exact one, by enumeration and by quadrature, its bias at k = 1, and what it learns."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from triality.algorithms.contrastive_divergence import ContrastiveDivergence, FromData, Persistent, contrastive_gradient
from triality.algorithms.minibatch import DataSet
from triality.energies.linear import LinearEnergy, pairwise_features
from triality.kernels.gibbs import Gibbs
from triality.kernels.langevin import Mala
from triality.partition.exact import trapezoid
from triality.run import run


class Pairwise(eqx.Module):
    """The features as a pytree without leaves, which a compiled loop can carry."""

    def __call__(self, x):
        return pairwise_features(x)


DIM, NUM = 4, 20_000
STATES = jnp.array(list(itertools.product([0, 1], repeat=DIM)))
FEATURES = np.asarray(jax.vmap(pairwise_features)(STATES))
MODEL = LinearEnergy(Pairwise(), jnp.array([0.5, -1.0, 0.2, 0.8, 3.0, -0.7, 0.3, -2.2, 0.6, 0.9]))
DATA_LAW = np.asarray(jax.nn.softmax(1.2 * jax.random.normal(jax.random.key(0), (16,))))
DATA = STATES[jax.random.categorical(jax.random.key(1), jnp.log(DATA_LAW), shape=(NUM,))]


def features_after(num_steps, starts=DATA):
    """Features of the chains' ends: minus them, the chains' part of the gradient in the weights."""
    learning = ContrastiveDivergence(DataSet(DATA), Gibbs(), num_steps=num_steps)
    chains = eqx.filter_jit(learning.negatives)(jax.random.key(2), MODEL, starts)
    return np.asarray(jax.vmap(pairwise_features)(chains.x))


def sweep_matrix():
    """P(x'|x) of one Gibbs sweep."""
    energies, total = np.asarray(jax.vmap(MODEL)(STATES)), np.eye(16)
    for site in range(DIM):
        step = np.zeros((16, 16))
        for index in range(16):
            other = index ^ (1 << (DIM - 1 - site))
            step[index, other] = 1 / (1 + np.exp(energies[other] - energies[index]))
            step[index, index] = 1 - step[index, other]
        total = total @ step
    return total


def standard_errors(features, expected):
    return np.abs(features.mean(axis=0) - expected) / (features.std(axis=0) / np.sqrt(len(features)))


def test_many_steps_have_the_likelihood_gradient_and_one_step_has_a_bias():
    exact = np.asarray(jax.nn.softmax(-jax.vmap(MODEL)(STATES))) @ FEATURES
    assert standard_errors(features_after(60), exact).max() < 4
    one = features_after(1)
    assert standard_errors(one, exact).max() > 20
    # The bias is the one that the kernel's own matrix gives.
    start = np.bincount(np.asarray(DATA) @ (2 ** np.arange(DIM)[::-1]), minlength=16) / NUM
    assert standard_errors(one, start @ sweep_matrix() @ FEATURES).max() < 4


def test_the_gradient_is_data_minus_chains():
    chains = jnp.tile(STATES[5], (3, 1))
    (loss, means), gradient = contrastive_gradient(MODEL, DATA, chains)
    expected = np.asarray(jax.vmap(pairwise_features)(DATA)).mean(axis=0) - FEATURES[5]
    np.testing.assert_allclose(gradient.weights, expected, atol=1e-12)
    assert float(loss) == pytest.approx(float(means[0] - means[1]))
    assert float(means[1]) == pytest.approx(float(MODEL(STATES[5])))


def test_langevin_chains_have_the_likelihood_gradient_on_a_line():
    """E = theta . (x, x^2, x^4), a lopsided double well; the model's moments by quadrature."""
    moments = lambda x: jnp.stack([x[0], x[0] ** 2, x[0] ** 4])  # noqa: E731
    energy = LinearEnergy(moments, jnp.array([0.4, -1.0, 0.5]))
    grid = trapezoid([-6.0], [6.0], 2001)
    share = jax.nn.softmax(-jax.vmap(energy)(grid.points) + grid.log_volume)
    exact = np.asarray(share @ jax.vmap(moments)(grid.points))
    starts = jax.random.uniform(jax.random.key(3), (NUM // 4, 1), minval=-0.5, maxval=2.0)
    for num_steps, matches in ((150, True), (1, False)):
        learning = ContrastiveDivergence(DataSet(starts), Mala(0.12), num_steps=num_steps)
        chains = eqx.filter_jit(learning.negatives)(jax.random.key(4), energy, starts)
        assert (standard_errors(np.asarray(jax.vmap(moments)(chains.x)), exact).max() < 4) == matches


def kl(energy, law):
    """KL(law || p_theta), nats, by enumeration."""
    return float(law @ (np.log(law) - np.asarray(jax.nn.log_softmax(-jax.vmap(energy)(STATES)))))


def best_possible(law):
    """The likelihood's optimum in this family, on the enumerated space."""

    def loss(weights):
        log_z = np.logaddexp.reduce(-FEATURES @ weights)
        model = np.exp(-FEATURES @ weights - log_z)
        return law @ FEATURES @ weights + log_z, (law - model) @ FEATURES

    found = optimize.minimize(loss, np.zeros(FEATURES.shape[1]), jac=True, tol=1e-10)
    return LinearEnergy(Pairwise(), jnp.asarray(found.x))


def learned(starts, num_steps, kernel=None):
    learning = ContrastiveDivergence(
        DataSet(DATA), Gibbs() if kernel is None else kernel, starts, learning_rate=0.01, batch_size=500, num_steps=num_steps
    )
    state = learning.init(jax.random.key(5), LinearEnergy(Pairwise(), jnp.zeros(FEATURES.shape[1])))
    # The last of the weights wander with the minibatches: their mean over the second half does not.
    state, metrics, weights = eqx.filter_jit(lambda s: run(learning, s, 100, 10, lambda s: s.energy.weights))(state)
    assert bool(metrics.is_finite.all())
    return LinearEnergy(Pairwise(), weights[50:].mean(axis=0)), metrics


class Upward(eqx.Module):
    """The broken twin: chains that follow the energy turned over."""

    is_exact = True

    def init(self, position, energy):
        return Gibbs().init(position, lambda x: -energy(x))

    def step(self, key, state, energy):
        return Gibbs().step(key, state, lambda x: -energy(x))


@pytest.mark.slow
def test_a_boltzmann_model_is_learned_to_its_enumerated_optimum():
    law = np.bincount(np.asarray(DATA) @ (2 ** np.arange(DIM)[::-1]), minlength=16) / NUM
    law = (law + 1e-6) / (law + 1e-6).sum()
    best = kl(best_possible(law), law)
    assert kl(MODEL, law) > best + 0.3
    persistent, metrics = learned(Persistent(), 1)
    assert kl(persistent, law) < best + 0.01
    assert set(np.asarray(metrics.num_energies).ravel()) == {500 * (1 + DIM)}
    assert kl(learned(FromData(), 10)[0], law) < best + 0.01
    wrong, _ = learned(FromData(), 10, Upward())
    assert kl(wrong, law) > best + 0.1


def test_persistent_chains_go_on_and_the_others_start_at_the_data():
    minibatch, chains = jnp.zeros((2, 3)), jnp.ones((2, 3))
    assert FromData()(minibatch, chains) is minibatch
    assert Persistent()(minibatch, chains) is chains
