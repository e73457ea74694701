"""Stages of several settings in one program: every row is the stage of its own setting, fails by itself, and can be gone on with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.densities_side_by_side import fit_generators, fit_tilts
from triality.algorithms.density_estimation import fit_generator, fit_tilt
from triality.algorithms.guarded import failing_rows
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.algorithms.side_by_side import begun_states, best_of_each, row_of, stacked
from triality.algorithms.tilt_learning import TiltLearning
from triality.energies.quadratic import quadratic_energy
from triality.samplers.gaussian import Gaussian
from triality.settings import one_setting, settings_of

RATES = (0.3, 0.002, 0.05)
STEPS, CHUNK = 11, 4
KEY = jax.random.key(3)


class Kept:
    """Remembers every look, and every row that failed."""

    def __init__(self, kept=None):
        self.kept, self.goings, self.numbers, self.failed = kept, [], [], []

    def begun(self, stage, first):
        return first if self.kept is None else self.kept

    def failing(self, stage, state, before, done):
        self.failed.append(failing_rows(state))

    def looked(self, stage, going, total, numbers):
        self.goings.append(going)
        self.numbers.append(numbers)


@pytest.fixture(scope="module")
def data():
    """Asymmetric: most of it on the right, a tail on the left."""
    x = jax.random.gamma(jax.random.key(0), 2.0, (300, 1))
    return DataSet(3.0 - x), 3.0 - jax.random.gamma(jax.random.key(1), 2.0, (40, 1))


def learning(data, rate):
    return LikelihoodLearning(data, learning_rate=rate, batch_size=16)


def gaussian():
    return Gaussian(jnp.zeros(1), jnp.zeros(1))


def test_every_row_is_the_stage_alone(data):
    train, valid = data
    settings = settings_of([learning(train, rate) for rate in RATES])
    kept = Kept()
    stage = fit_generators(settings, KEY, stacked([gaussian()] * 3), valid, STEPS, CHUNK, kept)
    alone = [fit_generator(learning(train, rate), KEY, gaussian(), valid, STEPS, CHUNK) for rate in RATES]
    for row, each in enumerate(alone):
        for one, other in ((stage.row(row).best, each.best), (stage.row(row).last, each.last)):
            np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-10)
            np.testing.assert_allclose(one.log_scale, other.log_scale, rtol=0, atol=1e-10)
        assert stage.row(row).num_steps == each.num_steps
        np.testing.assert_allclose(kept.goings[-1].curve[row], each.curve, rtol=0, atol=1e-10)
    assert [going.done for going in kept.goings] == [4, 8, 11]
    # The broken twin: the points in another order.
    assert abs(float(stage.row(0).best.mean[0]) - float(alone[1].best.mean[0])) > 0.1
    # A stage that was kept after its first look goes on to the same.
    resumed = fit_generators(settings, KEY, stacked([gaussian()] * 3), valid, STEPS, CHUNK, Kept(kept.goings[0]))
    assert np.asarray(resumed.last.mean).tobytes() == np.asarray(stage.last.mean).tobytes()
    assert resumed.num_steps.tolist() == stage.num_steps.tolist()


def test_a_row_that_gives_nan_keeps_what_it_had_and_the_others_are_untouched(data):
    train, valid = data
    settings = settings_of([learning(train, rate) for rate in (0.3, np.nan, 0.05)])
    kept = Kept()
    stage = fit_generators(settings, KEY, stacked([gaussian()] * 3), valid, STEPS, CHUNK, kept)
    assert kept.failed == [[1], [1], [1]]
    assert [numbers["skipped"] for numbers in kept.numbers[-1]] == [0, STEPS, 0]
    np.testing.assert_array_equal(stage.row(1).last.mean, gaussian().mean)
    for row, rate in ((0, 0.3), (2, 0.05)):
        alone = fit_generator(learning(train, rate), KEY, gaussian(), valid, STEPS, CHUNK)
        np.testing.assert_allclose(stage.row(row).last.mean, alone.last.mean, rtol=0, atol=1e-10)


@pytest.mark.slow
def test_every_tilt_has_the_draws_of_its_own_generator(data):
    """Two generators, two rates: stocks differ, and so do the tilts."""
    train, valid = data
    samplers = [gaussian(), Gaussian(jnp.full(1, 1.5), jnp.full(1, 0.4))]
    network = quadratic_energy(jax.random.key(5), 1)

    def tilt(rate):
        return TiltLearning(train, train, learning_rate=jnp.asarray(rate), batch_size=16, num_drawn=16)

    given = (valid, 6, 4, 64)
    stage = fit_tilts(settings_of([tilt(0.1), tilt(0.01)]), KEY, stacked([network] * 2), stacked(samplers), *given, Kept())
    for row, (sampler, rate) in enumerate(zip(samplers, (0.1, 0.01), strict=True)):
        alone = fit_tilt(tilt(rate), KEY, network, sampler, *given)
        assert stage.row(row).num_steps == alone.num_steps
        for one, other in zip(jax.tree.leaves(stage.row(row).last), jax.tree.leaves(alone.last), strict=True):
            if jnp.issubdtype(one.dtype, jnp.floating):
                np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)
    assert not np.allclose(stage.row(0).last.density.energy.mean, stage.row(1).last.density.energy.mean)


def test_a_stage_without_steps_returns_what_it_was_given(data):
    train, _ = data
    states = begun_states(one_setting(learning(train, 0.1)), lambda learning, q: learning.init(KEY, q), stacked([gaussian()] * 2))
    stage = best_of_each(one_setting(learning(train, 0.1)), states, lambda states: jnp.zeros(2), 0, 4, "none", Kept())
    assert stage.num_steps.tolist() == [0, 0]
    np.testing.assert_array_equal(row_of(stage.best, 1).sampler.mean, gaussian().mean)
