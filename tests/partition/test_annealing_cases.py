"""Annealing and sequential Monte Carlo on a bent plane, beside blackjax's own, over repeats, and from a collapsed sampler (X13)."""

import blackjax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.partition.paths import BITS_Q, MODEL, MODEL_LOG_Z
from triality.kernels.gibbs import Gibbs
from triality.kernels.langevin import Mala
from triality.numerics import log_mean_exp
from triality.partition.annealed import annealed_importance, sigmoid_temperatures
from triality.partition.exact import quadrature, trapezoid
from triality.partition.importance import importance
from triality.partition.sequential_monte_carlo import tempered
from triality.samplers.gaussian import Gaussian
from triality.samplers.mixture import MixtureSampler

BROAD = Gaussian(jnp.array([0.3, 0.8]), jnp.array([0.3, 0.6]))


def banana(x):
    """Bent, lopsided, and not centered."""
    return 0.5 * (x[0] - 0.4) ** 2 / 0.8 + 0.5 * (x[1] - 0.7 * x[0] ** 2 + 0.3 * x[0]) ** 2 / 0.1 + 0.4 * jnp.exp(-x[0])


BANANA_LOG_Z = quadrature(banana, trapezoid([-7.0, -12.0], [7.0, 42.0], 1500))


def test_a_bent_plane_by_quadrature():
    run = jax.jit(lambda key: annealed_importance(key, banana, BROAD, Mala(0.06), sigmoid_temperatures(40), 2000))
    estimate = run(jax.random.key(0))
    assert abs(float(estimate.value - BANANA_LOG_Z)) < 3 * float(estimate.stderr) < 0.2


def blackjax_log_z(key, num_particles, ess_share, step_size):
    """The same path through blackjax: prior q, log likelihood r."""
    log_prior = BROAD.log_prob
    algorithm = blackjax.adaptive_tempered_smc(
        log_prior,
        lambda x: -banana(x) - log_prior(x),
        blackjax.mala.build_kernel(),
        blackjax.mala.init,
        {"step_size": jnp.array([step_size])},
        blackjax.smc.resampling.systematic,
        ess_share,
        num_mcmc_steps=2,
    )
    key_start, key = jax.random.split(key)
    state = algorithm.init(jax.vmap(BROAD.sample)(jax.random.split(key_start, num_particles)))

    def stage(carry):
        key, state, log_z = carry
        key, key_step = jax.random.split(key)
        state, info = algorithm.step(key_step, state)
        return key, state, log_z + info.log_likelihood_increment

    return jax.lax.while_loop(lambda carry: carry[1].tempering_param < 1.0, stage, (key, state, jnp.zeros(())))[2]


@pytest.mark.slow
def test_sequential_monte_carlo_agrees_with_blackjax():
    """Equal particles, share, kernel and moves: equal means and spreads over repeats."""
    keys = jax.random.split(jax.random.key(1), 60)
    theirs = np.asarray(jax.jit(lambda keys: jax.lax.map(lambda key: blackjax_log_z(key, 300, 0.7, 0.06), keys))(keys))
    ours = jax.jit(lambda keys: jax.lax.map(lambda key: tempered(key, banana, BROAD, Mala(0.06), 300, 2, 0.7).log_z, keys))
    ours = np.asarray(ours(jax.random.split(jax.random.key(2), 60)))
    for runs in (theirs, ours):
        estimate = importance(jnp.asarray(runs))
        assert abs(float(estimate.value - BANANA_LOG_Z)) < 4 * float(estimate.stderr) < 0.1
    assert 0.5 < ours.std() / theirs.std() < 2.0


@eqx.filter_jit
def many_runs(weigh_after_the_move):
    """1,000 estimates of Z/Z by populations with temperatures fixed in advance, where theory says unbiased; or with the rule broken."""
    temperatures = sigmoid_temperatures(5)

    def one(key):
        def stage(carry, now):
            x, log_z = carry
            key, before, b = now
            keys = jax.random.split(key, 41)
            path = lambda x: -(1 - b) * BITS_Q.log_prob(x) + b * MODEL(x)  # noqa: E731
            ratio = lambda x: (b - before) * (-jax.vmap(MODEL)(x) - jax.vmap(BITS_Q.log_prob)(x))  # noqa: E731
            index = jax.random.categorical(keys[0], ratio(x), shape=(40,))
            moved = jax.vmap(lambda k, x: Gibbs().step(k, Gibbs().init(x, path), path)[0].position)(keys[1:], x[index])
            return (moved, log_z + log_mean_exp(jnp.where(weigh_after_the_move == 1, ratio(moved), ratio(x)))), None

        keys = jax.random.split(key, 5)
        x = jax.vmap(BITS_Q.sample)(jax.random.split(keys[0], 40))
        return jax.lax.scan(stage, (x, jnp.zeros(())), (keys[1:], temperatures[:-1], temperatures[1:]))[0][1]

    return jax.lax.map(one, jax.random.split(jax.random.key(3), 1000)) - MODEL_LOG_Z


def z_score(log_ratios):
    ratios = np.exp(np.asarray(log_ratios))
    return (ratios.mean() - 1.0) / (ratios.std(ddof=1) / np.sqrt(len(ratios)))


def test_populations_are_unbiased_for_z_and_not_if_weighed_after_the_move():
    """The estimator written anew with fixed temperatures, for which theory has no bias."""
    assert abs(z_score(many_runs(jnp.array(0)))) < 4
    assert abs(z_score(many_runs(jnp.array(1)))) > 8


def test_a_collapsed_sampler_misleads_populations_as_it_does_importance_sampling():
    """X13: q on one of two equal modes, log Z = 0. Ten runs agree on -log 2; from a broad q they are right."""
    target = MixtureSampler(jax.vmap(Gaussian)(jnp.array([[-4.0], [4.0]]), jnp.full((2, 1), -0.3)), jnp.zeros(2))
    energy = lambda x: -target.log_prob(x)  # noqa: E731

    @jax.jit
    def ten_runs(q):
        return jax.lax.map(lambda key: tempered(key, energy, q, Mala(0.3), 300, 3, 0.8).log_z, jax.random.split(jax.random.key(7), 10))

    stuck = ten_runs(Gaussian(jnp.array([-4.1]), jnp.array([-0.25])))
    assert abs(float(log_mean_exp(stuck)) + np.log(2)) < 0.03
    assert float(jnp.std(stuck)) < 0.05
    broad = ten_runs(Gaussian(jnp.zeros(1), jnp.array([1.5])))
    assert abs(float(log_mean_exp(broad))) < 4 * float(jnp.std(broad)) / np.sqrt(10) < 0.4
