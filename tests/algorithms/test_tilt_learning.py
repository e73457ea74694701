"""A tilt learned relative to its frozen generator is the tilt learned with the generator's density, and its judge is fresh."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.density_estimation import fit_tilt, tilted
from triality.algorithms.energy_learning import EnergyLearning
from triality.algorithms.minibatch import DataSet
from triality.algorithms.stages import no_progress
from triality.algorithms.tilt_learning import TiltLearning
from triality.energies.linear import LinearEnergy
from triality.energy import Constant, UnnormalizedDensity
from triality.objectives.discriminator import DiscriminatorLoss
from triality.run import run
from triality.sampler import Samples
from triality.samplers.categorical import Categorical
from triality.samplers.reference import AsReference
from triality.updates.sampler.gradient import Fixed

Q = Categorical(jnp.array([0.3, -0.5, 1.0, 0.0]))
P = Categorical(jnp.array([-0.8, 0.4, 0.2, 0.9]))
STATES = jnp.arange(4)


def one_hot(x):
    return jax.nn.one_hot(x, 4)


def table(weights):
    return LinearEnergy(one_hot, weights)


def exact(sampler, log_q):
    """Every state with its probability: what an endless stock would hold."""
    return Samples(STATES, log_q, jax.vmap(sampler.log_prob)(STATES))


def test_the_true_tilt_is_stationary_and_the_opposite_is_not():
    """Exactly, over the four states: f = log q - log p, log Z = 0."""
    f = jax.vmap(Q.log_prob)(STATES) - jax.vmap(P.log_prob)(STATES)

    def gradient(weights):
        def loss(weights):
            density = UnnormalizedDensity(table(weights), Constant(jnp.zeros(())))
            return DiscriminatorLoss()(density, exact(P, jnp.zeros(4)), exact(Q, jnp.zeros(4)))[0]

        return jax.grad(loss)(weights)

    np.testing.assert_allclose(gradient(f), 0.0, atol=1e-12)
    assert float(jnp.max(jnp.abs(gradient(-f)))) > 0.05


@pytest.fixture(scope="module")
def data():
    return jax.vmap(P.sample)(jax.random.split(jax.random.key(0), 20_000))


def test_it_learns_what_learning_with_the_density_learns(data):
    stock = jax.vmap(Q.sample)(jax.random.split(jax.random.key(1), 20_000))
    relative = TiltLearning(DataSet(data), DataSet(stock), learning_rate=0.02)
    whole = EnergyLearning(DataSet(data), sampler_gradient=Fixed(), energy_learning_rate=0.02)
    run_600 = jax.jit(lambda learning, state: run(learning, state, 1, 600)[0])
    f = run_600(relative, relative.init(jax.random.key(2), table(jnp.zeros(4)))).density.energy.weights
    state = run_600(whole, whole.init(jax.random.key(2), tilted(Q, table(jnp.zeros(4))), Q))
    other = state.density.energy.parts[1].weights
    truth = jax.vmap(Q.log_prob)(STATES) - jax.vmap(P.log_prob)(STATES)
    for found in (f, other):  # standard error of 20,000 rows .02, of Adam's last steps .05
        np.testing.assert_allclose(found - jnp.mean(found), truth - jnp.mean(truth), atol=0.15)


def test_a_stage_is_judged_in_nats_of_data_by_draws_it_never_saw(data):
    learning = TiltLearning(DataSet(data), DataSet(data), learning_rate=0.02)
    stage = fit_tilt(learning, jax.random.key(3), table(jnp.zeros(4)), Q, data[:4000], 400, 100, 8000)
    of_q = float(jnp.mean(jax.vmap(Q.log_prob)(data[:4000])))
    of_p = float(jnp.mean(jax.vmap(P.log_prob)(data[:4000])))
    assert stage.curve[0] == pytest.approx(of_q, abs=1e-6)
    assert abs(max(stage.curve) - of_p) < 0.03
    assert of_p - of_q > 0.2


@pytest.mark.parametrize(("num_steps", "ends"), [(50, [20, 40, 50]), (40, [20, 40]), (7, [7]), (0, [])])
def test_every_step_that_was_asked_for_is_taken(num_steps, ends):
    """Also where chunks of twenty do not divide them."""
    told = []

    class Listening:
        def begun(self, stage, first):
            return first

        def looked(self, stage, going, total, numbers):
            told.append((int(going.done), total))

        def advanced(self, learning, state, num_steps):
            return no_progress.advanced(learning, state, num_steps)

        def agreed(self, value):
            return value

    data = jnp.tile(STATES, 25)
    learning = TiltLearning(DataSet(data), DataSet(data))
    fit_tilt(
        learning,
        jax.random.key(3),
        table(jnp.zeros(4)),
        Q,
        data,
        num_steps,
        20,
        100,
        Listening(),
    )
    assert told == [(end, num_steps) for end in ends]


def test_relative_to_itself_a_generator_has_density_one():
    law = AsReference(Q)
    key = jax.random.key(4)
    x, log_q = law.sample_and_log_prob(key)
    assert int(x) == int(Q.sample(key))
    assert float(log_q) == float(law.log_prob(x)) == 0.0
