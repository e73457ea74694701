"""Annealed importance sampling against closed forms and enumeration, both ways along the path, and what breaking its two rules does."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.partition.paths import BITS_Q, GAUSSIAN, GAUSSIAN_Q, MODEL, MODEL_LOG_Z, gaussian_samples, model_samples
from triality.errors import ConfigError
from triality.kernels.gibbs import Gibbs
from triality.kernels.hamiltonian import HamiltonianMonteCarlo
from triality.kernels.langevin import Mala, UnadjustedLangevin
from triality.numerics import log_mean_exp
from triality.partition.annealed import (
    anneal,
    annealed_importance,
    bracket,
    from_reverse,
    reverse_annealed,
    sigmoid_temperatures,
    walk,
)
from triality.partition.importance import importance
from triality.partition.reciprocal import reciprocal
from triality.sampler import draw
from triality.samplers.gaussian import Gaussian
from triality.samplers.mixture import MixtureSampler

HMC = HamiltonianMonteCarlo(0.4, jnp.array([0.4, 0.6]), 3)
# Name -> energy, q, kernel, exact samples, log Z.
CASES = {
    "gaussian by mala": (GAUSSIAN, GAUSSIAN_Q, Mala(0.15), gaussian_samples, GAUSSIAN.log_z),
    "gaussian by hmc": (GAUSSIAN, GAUSSIAN_Q, HMC, gaussian_samples, GAUSSIAN.log_z),
    "bits by gibbs": (MODEL, BITS_Q, Gibbs(), model_samples, MODEL_LOG_Z),
}
LONG, SHORT = sigmoid_temperatures(40), sigmoid_temperatures(5)


@eqx.filter_jit
def both_ways(key, name, temperatures, num_chains):
    energy, q, kernel, sample, _ = CASES[name]
    keys = jax.random.split(key, 3)
    forward = anneal(keys[0], energy, q, kernel, temperatures, num_chains)
    backward = walk(keys[1], energy, q, kernel, temperatures[::-1], sample(keys[2], num_chains))
    return forward, backward


@pytest.mark.parametrize("name", CASES)
def test_both_ways_are_within_three_standard_errors(name):
    log_z = CASES[name][-1]
    forward, backward = both_ways(jax.random.key(0), name, LONG, 2000)
    for estimate in (importance(forward.log_weight), from_reverse(backward)):
        assert float(estimate.stderr) < 0.05
        assert abs(float(estimate.value - log_z)) < 3 * float(estimate.stderr)
    found = bracket(importance(forward.log_weight), from_reverse(backward))
    assert float(found.low) < float(log_z) < float(found.high)
    assert not found.crossed
    acceptance = np.asarray(forward.acceptance)
    assert acceptance.shape == (38,)
    assert acceptance.min() > 0.3


@pytest.mark.parametrize("name", ["gaussian by mala", "bits by gibbs"])
def test_forward_is_below_and_backward_above_in_the_mean(name):
    """Walks of four stages, four at a time: 400 estimates a side, whose mean leaves log Z by many standard errors, to the right sides."""
    log_z = float(CASES[name][-1])
    forward, backward = both_ways(jax.random.key(1), name, SHORT, 1600)
    low = np.asarray(jax.vmap(log_mean_exp)(forward.log_weight.reshape(400, 4)))
    high = -np.asarray(jax.vmap(log_mean_exp)(backward.log_weight.reshape(400, 4)))
    assert (log_z - low.mean()) / (low.std() / 20) > 4
    assert (high.mean() - log_z) / (high.std() / 20) > 4
    # Both are unbiased for Z and 1/Z all the same.
    for estimate in (importance(forward.log_weight), from_reverse(backward)):
        assert abs(float(estimate.value) - log_z) < 4 * float(estimate.stderr)


def test_walks_end_as_weighted_samples_of_the_model():
    forward, _ = both_ways(jax.random.key(0), "bits by gibbs", LONG, 2000)
    exact = np.asarray(jax.nn.softmax(-jax.vmap(MODEL)(jnp.eye(5, dtype=int))))
    share = np.asarray(jax.nn.softmax(forward.log_weight))
    x = np.asarray(forward.x)
    among = np.array([share[(x == row).all(axis=1)].sum() for row in np.eye(5, dtype=int)])
    np.testing.assert_allclose(among / among.sum(), exact, atol=0.1)


def test_one_stage_is_importance_sampling_and_the_reciprocal():
    key, ends = jax.random.key(2), jnp.array([0.0, 1.0])
    energy, q, kernel, sample, _ = CASES["gaussian by mala"]
    forward = anneal(key, energy, q, kernel, ends, 300)
    drawn = draw(q, jax.random.split(key)[0], 300)
    plain = importance(-jax.vmap(energy)(drawn.x) - drawn.log_q)
    np.testing.assert_allclose(importance(forward.log_weight).value, plain.value, rtol=1e-12)
    np.testing.assert_allclose(importance(forward.log_weight).stderr, plain.stderr, rtol=1e-12)
    x = sample(jax.random.key(3), 300)
    backward = reverse_annealed(key, energy, q, kernel, ends, x)
    inverse = reciprocal(-jax.vmap(energy)(x) - jax.vmap(q.log_prob)(x))
    np.testing.assert_allclose(backward.value, inverse.value, rtol=1e-12)
    np.testing.assert_allclose(backward.stderr, inverse.stderr, rtol=1e-12)
    assert set(np.asarray(forward.num_energies)) == {1}


@eqx.filter_jit
def annealed_again(key, name, temperatures, num_chains, weigh_after_the_move, with_log_q):
    """The same estimator written anew, and with either of its rules broken: both switches are numbers, 0 or 1."""
    energy, q, kernel, _, _ = CASES[name]

    def stage(carry, now):
        x, log_weight, before = carry
        key, b = now
        tempered = lambda x: b * energy(x) - with_log_q * (1 - b) * q.log_prob(x)  # noqa: E731
        moved = jax.vmap(lambda k, x: kernel.step(k, kernel.init(x, tempered), tempered)[0].position)(jax.random.split(key, num_chains), x)
        at = jnp.where(weigh_after_the_move == 1, moved, x)
        slope = jax.vmap(lambda x: -energy(x) - with_log_q * q.log_prob(x))(at)
        return (moved, log_weight + (b - before) * slope, b), None

    key_draw, key = jax.random.split(key)
    carry = (draw(q, key_draw, num_chains).x, jnp.zeros(num_chains), temperatures[0])
    (_, log_weight, _), _ = jax.lax.scan(stage, carry, (jax.random.split(key, len(temperatures) - 1), temperatures[1:]))
    return importance(log_weight)


@pytest.mark.parametrize("name", ["gaussian by mala", "bits by gibbs"])
def test_a_weight_after_the_move_and_a_path_without_log_q_are_wrong(name):
    log_z, temperatures = float(CASES[name][-1]), sigmoid_temperatures(6)
    right = annealed_again(jax.random.key(4), name, temperatures, 4000, jnp.array(0), jnp.array(1))
    assert abs(float(right.value) - log_z) < 4 * float(right.stderr)
    for after, with_log_q in ((1, 1), (0, 0)):
        estimate = annealed_again(jax.random.key(4), name, temperatures, 4000, jnp.array(after), jnp.array(with_log_q))
        assert abs(float(estimate.value) - log_z) > 8 * float(estimate.stderr)


def test_repeated_temperatures_take_more_steps_and_change_no_weight():
    energy, q, kernel, _, log_z = CASES["gaussian by mala"]
    twice = jnp.concatenate([jnp.zeros(1), jnp.repeat(sigmoid_temperatures(10)[1:-1], 2), jnp.ones(1)])
    forward = anneal(jax.random.key(5), energy, q, kernel, twice, 500)
    estimate = importance(forward.log_weight)
    assert abs(float(estimate.value - log_z)) < 4 * float(estimate.stderr)
    # At each stage one for the weight, one for the start, one for the proposal; and one for the last weight.
    assert set(np.asarray(forward.num_energies)) == {16 * 3 + 1}


def test_infinite_energies_weigh_nothing_and_spoil_nothing():
    """Half of the box is forbidden: Z is the share that is left."""
    energy = lambda x: jnp.where(x[0] == 1, jnp.inf, 0.0)  # noqa: E731
    estimate = annealed_importance(jax.random.key(6), energy, BITS_Q, Gibbs(), jnp.array([0.0, 1.0]), 2000)
    assert abs(float(estimate.value) - np.log(2**4)) < 4 * float(estimate.stderr)
    several = annealed_importance(jax.random.key(6), energy, BITS_Q, Gibbs(), sigmoid_temperatures(4), 2000)
    assert abs(float(several.value) - np.log(2**4)) < 4 * float(several.stderr)


def test_starts_that_are_no_samples_of_the_model_can_cross_the_bracket():
    """Backward by a short walk from points far off: 'log Z' comes out too low, and below the forward one. A long walk would forget them."""
    energy, q, kernel, _, log_z = CASES["gaussian by mala"]
    forward = annealed_importance(jax.random.key(7), energy, q, kernel, SHORT, 500)
    wrong = reverse_annealed(jax.random.key(8), energy, q, kernel, SHORT, gaussian_samples(jax.random.key(9), 500) + jnp.array([-1.5, 1.0]))
    assert float(wrong.value) < float(log_z) - 0.3
    assert bracket(forward, wrong).crossed


def test_bad_requests_are_refused():
    energy, q, kernel, _, _ = CASES["gaussian by mala"]
    with pytest.raises(ConfigError, match="rise from 0 to 1"):
        annealed_importance(jax.random.key(0), energy, q, kernel, jnp.array([0.1, 1.0]), 5)
    with pytest.raises(ConfigError, match="two temperatures"):
        sigmoid_temperatures(1)
    with pytest.raises(ConfigError, match="use one with a correction"):
        annealed_importance(jax.random.key(0), energy, q, UnadjustedLangevin(0.1), LONG, 5)
    unseen = jax.jit(lambda b: annealed_importance(jax.random.key(0), energy, q, kernel, b, 5).value)
    assert jnp.isnan(unseen(jnp.array([0.1, 1.0])))


@pytest.mark.slow
def test_a_collapsed_sampler_is_seen_by_the_bracket_and_healed_by_a_broad_one():
    """X13: q on one of two equal modes, log Z = 0. Forward walks stay in their mode, with a fine effective sample size."""
    modes = jax.vmap(Gaussian)(jnp.array([[-4.0], [4.0]]), jnp.full((2, 1), -0.3))
    target = MixtureSampler(modes, jnp.zeros(2))
    energy, kernel, temperatures = (lambda x: -target.log_prob(x)), Mala(0.3), sigmoid_temperatures(30)
    collapsed, broad = Gaussian(jnp.array([-4.1]), jnp.array([-0.25])), Gaussian(jnp.zeros(1), jnp.array([1.5]))
    keys = jax.random.split(jax.random.key(10), 3)
    stuck = annealed_importance(keys[0], energy, collapsed, kernel, temperatures, 1000)
    assert abs(float(stuck.value) + np.log(2)) < 0.02
    assert float(stuck.diagnostics.ess_fraction) > 0.9
    back = reverse_annealed(keys[1], energy, collapsed, kernel, temperatures, draw(target, keys[2], 1000).x)
    found = bracket(stuck, back)
    assert abs(float(back.value)) < 4 * float(back.stderr)
    assert float(found.gap) > 0.6
    assert float(found.low) < 0.0 < float(found.high)
    healed = annealed_importance(keys[0], energy, broad, kernel, temperatures, 1000)
    assert abs(float(healed.value)) < 4 * float(healed.stderr) < 0.2
