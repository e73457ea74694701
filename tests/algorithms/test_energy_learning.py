"""Energies and generators learned from data: what is recovered where the model is right, and what is not by losses that know no density."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.energy_learning import EnergyLearning
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.log_z_rules import LearnedLogZ, SolvedLogZ
from triality.algorithms.minibatch import DataSet
from triality.energies.quadratic import QuadraticEnergy
from triality.objectives.contrastive import ContrastiveLoss
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.divergence import SquaredHellinger
from triality.objectives.f_divergence import FDivergenceLoss
from triality.objectives.guided_cost import GuidedCostLoss
from triality.regularizers.weight_decay import WeightDecay
from triality.run import over_seeds, run
from triality.sampler import Samples
from triality.samplers.gaussian import Gaussian
from triality.updates.sampler.gradient import Fixed

TRUTH = QuadraticEnergy(jnp.array([0.7, -0.4]), jnp.array([0.5, 0.1]), jnp.array([[0.0, 0.0], [0.8, 0.0]]))
START = QuadraticEnergy(jnp.zeros(2), jnp.zeros(2), jnp.zeros((2, 2)))
BROAD = Gaussian(jnp.zeros(2), jnp.full(2, 0.4))
WRONG = Gaussian(jnp.array([0.5, -1.0]), jnp.array([0.2, 0.3]))


@pytest.fixture(scope="module")
def data() -> DataSet:
    """Drawn exactly from the model: m + L^-T z."""
    z = jax.random.normal(jax.random.key(0), (20_000, 2))
    return DataSet(TRUTH.mean + jnp.linalg.solve(TRUTH.factor.T, z.T).T)


def learned(learning: EnergyLearning, sampler=BROAD, num_steps=1500):
    state = learning.init(jax.random.key(1), START, sampler)
    return eqx.filter_jit(lambda a, s: run(a, s, 1, num_steps))(learning, state)


def precision(energy: QuadraticEnergy):
    return np.asarray(energy.factor @ energy.factor.T)


CASES = {
    "learned log Z": (DiscriminatorLoss(), LearnedLogZ()),
    "solved log Z": (DiscriminatorLoss(), SolvedLogZ()),
    "guided cost": (GuidedCostLoss(), LearnedLogZ()),
    "hellinger": (FDivergenceLoss(SquaredHellinger()), LearnedLogZ()),
}


@pytest.mark.parametrize("name", CASES)
def test_the_energy_is_recovered_from_a_generator_that_is_wrong(data, name):
    """A fixed generator of full support, a realizable energy: precision, mean, and log Z where it is learned."""
    objective, rule = CASES[name]
    learning = EnergyLearning(data, objective, Fixed(), rule, energy_learning_rate=0.01, batch_size=1000, num_drawn=1000)
    state, metrics, _ = learned(learning, WRONG)
    np.testing.assert_allclose(state.density.energy.mean, TRUTH.mean, atol=0.06)
    np.testing.assert_allclose(precision(state.density.energy), precision(TRUTH), atol=0.3)
    assert jnp.all(metrics.is_finite)
    if name != "guided cost":  # that one reads no log Z
        np.testing.assert_allclose(state.density.log_z(None), state.density.energy.log_z, atol=0.1)
    np.testing.assert_array_equal(state.sampler.mean, WRONG.mean)  # and it stayed as it was


def test_without_the_density_it_is_not_recovered(data):
    """The broken twin: Kim & Bengio's loss against the same fixed generator pushes the energy without end."""
    learning = EnergyLearning(data, ContrastiveLoss(), Fixed(), energy_learning_rate=0.01, batch_size=1000, num_drawn=1000)
    state, _, _ = learned(learning, WRONG)
    later, _, _ = eqx.filter_jit(lambda a, s: run(a, s, 1, 1500))(learning, state)
    off = [np.max(np.abs(precision(each.density.energy) - precision(TRUTH))) for each in (state, later)]
    assert off[0] > 1.0
    assert off[1] > 2.0 * off[0]


def test_generator_and_energy_meet(data):
    """The generator, a diagonal Gaussian, finds the reverse-KL optimum: the energy's mean, and the diagonal of its precision."""
    learning = EnergyLearning(data, energy_learning_rate=0.01, sampler_learning_rate=0.01, batch_size=1000, num_drawn=1000)
    state, metrics, _ = learned(learning)
    np.testing.assert_allclose(state.sampler.mean, TRUTH.mean, atol=0.08)
    np.testing.assert_allclose(jnp.exp(-2.0 * state.sampler.log_scale), np.diag(precision(TRUTH)), rtol=0.15)
    assert float(metrics.overlap[0, -1]) > float(metrics.overlap[0, 0])
    assert 0.3 < float(metrics.ess_fraction[0, -100:].mean()) <= 1.0


def test_likelihood_covers_where_the_game_seeks(data):
    """Maximum likelihood gives the same generator the marginal variances, which here are larger than the reverse-KL ones."""
    learning = LikelihoodLearning(data, learning_rate=0.01, batch_size=1000)
    state, metrics, _ = jax.jit(lambda s: run(learning, s, 1, 1500))(learning.init(jax.random.key(0), BROAD))
    covariance = np.linalg.inv(precision(TRUTH))
    np.testing.assert_allclose(jnp.exp(2.0 * state.sampler.log_scale), np.diag(covariance), rtol=0.1)
    assert np.all(np.diag(covariance) > 1.2 / np.diag(precision(TRUTH)))
    assert float(metrics.negative_log_likelihood[0, -1]) < float(metrics.negative_log_likelihood[0, 0])


def test_log_z_is_spared_by_decay(data):
    """A heavy decay flattens the energy, and leaves its log Z where the discriminator wants it: the flat energy's, not zero."""
    learning = EnergyLearning(data, sampler_gradient=Fixed(), penalty=WeightDecay(30.0), energy_learning_rate=0.01)
    state, _, _ = learned(learning, WRONG)
    assert float(jnp.max(jnp.abs(state.density.energy.mean))) < 0.1
    assert float(state.density.log_z(None)) > 1.0


def test_seeds_share_a_program_and_the_data(data):
    learning = EnergyLearning(data, batch_size=32, num_drawn=32)
    keys = jax.vmap(jax.random.key)(jnp.arange(3))
    states = eqx.filter_vmap(lambda k: learning.init(k, START, BROAD))(keys)
    together = over_seeds(lambda a, s: run(a, s, 1, 5)[0])(learning, states)
    alone = eqx.filter_jit(lambda a, s: run(a, s, 1, 5)[0])(learning, learning.init(jax.random.key(2), START, BROAD))
    np.testing.assert_allclose(together.sampler.mean[2], alone.sampler.mean, rtol=1e-9)


def test_weights_of_the_data_choose_its_minibatches():
    x = jnp.array([[0.0], [1.0], [2.0]])
    data = DataSet(x, jnp.log(jnp.array([0.2, 0.0, 0.8])))
    drawn = np.asarray(data.minibatch(jax.random.key(0), 20_000))[:, 0]
    assert set(drawn) == {0.0, 2.0}
    assert abs(np.mean(drawn == 2.0) - 0.8) < 5 * np.sqrt(0.16 / 20_000)


def test_a_step_by_hand():
    """One Adam step each: the energy and log Z against the objective's gradient, the generator against its own."""
    data = DataSet(jnp.array([[1.0, 2.0]]))
    learning = EnergyLearning(data, energy_learning_rate=0.1, sampler_learning_rate=0.2, batch_size=1, num_drawn=1)
    state = learning.init(jax.random.key(3), START, BROAD)
    after, metrics = learning.step(state)
    drawn_key = jax.random.split(jax.random.split(jax.random.split(state.key, 4)[1], 1)[0], 3)[1]
    x = BROAD.sample(jax.random.split(drawn_key, 1)[0])
    point = jnp.array([1.0, 2.0])
    data_side = Samples.unweighted(point[None], BROAD.log_prob(point)[None])
    drawn = Samples.unweighted(x[None], BROAD.log_prob(x)[None])
    gradient = jax.grad(lambda d: DiscriminatorLoss()(d, data_side, drawn)[0])(state.density)
    np.testing.assert_allclose(after.density.energy.mean, -0.1 * jnp.sign(gradient.energy.mean), rtol=1e-5)
    # By the objective's gradient and nothing else: neither a decay nor the generator's loss, whose slope in log Z is one.
    moved = after.density.log_z.value - state.density.log_z.value
    np.testing.assert_allclose(moved, -0.01 * jnp.sign(gradient.log_z.value), rtol=1e-5)
    np.testing.assert_allclose(jnp.abs(after.sampler.mean - BROAD.mean), 0.2, rtol=1e-5)
    np.testing.assert_allclose(metrics.log_likelihood, BROAD.log_prob(point), rtol=1e-12)
