"""log Z(x_1) (X11): random starts on an enumerable space of trajectories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, log_softmax, logsumexp

from triality.partition.acceptance_ratio import solve_log_z
from triality.partition.conditional import conditional_acceptance_ratio

# Three start states, each with its own eight action sequences of random cost.
RNG = np.random.default_rng(0)
NEG_ENERGY = 1.5 * RNG.normal(size=(3, 8)) + np.array([[0.0], [1.0], [-2.0]])
LOG_Z = logsumexp(NEG_ENERGY, axis=1)
STARTS = np.repeat(np.arange(3), 8)
jitted, solve = jax.jit(conditional_acceptance_ratio, static_argnums=4), jax.jit(solve_log_z)


def in_expectation(log_policy, log_start_data, log_start_drawn):
    """(r, starts, log weights of data that follow the model from each start, log weights of the drawn samples), all sequences once."""
    log_ratio = (NEG_ENERGY - log_policy).ravel()
    weight_data = log_start_data[STARTS] + (NEG_ENERGY - LOG_Z[:, None]).ravel()
    weight_drawn = log_start_drawn[STARTS] + log_policy.ravel()
    return jnp.asarray(log_ratio), jnp.asarray(STARTS), jnp.asarray(weight_data), jnp.asarray(weight_drawn)


POLICY = log_softmax(RNG.normal(size=(3, 8)), axis=1)
START_DATA, START_DRAWN = np.log([0.5, 0.2, 0.3]), np.log([0.1, 0.6, 0.3])


@pytest.mark.parametrize("start_drawn", [START_DATA, START_DRAWN], ids=["same law of starts", "another law of starts"])
def test_equals_log_z_of_each_start(start_drawn):
    log_ratio, starts, weight_data, weight_drawn = in_expectation(POLICY, START_DATA, start_drawn)
    result = jitted(log_ratio, starts, log_ratio, starts, 3, weight_data, weight_drawn)
    np.testing.assert_allclose(result.value, LOG_Z, atol=1e-10)
    # One constant cannot be all three.
    assert np.abs(float(solve(log_ratio, log_ratio, weight_data, weight_drawn)) - LOG_Z).min() > 0.05


def test_a_global_noise_ratio_would_absorb_the_law_of_the_starts():
    """The broken twin: free b(x) under one nu solves to log Z(x) + log(nu_x / nu)."""
    log_ratio, starts, weight_data, weight_drawn = map(np.asarray, in_expectation(POLICY, START_DATA, START_DRAWN))
    log_nu = logsumexp(weight_drawn) - logsumexp(weight_data)
    for start in range(3):
        here = starts == start

        def imbalance(b, here=here):
            d = expit(log_ratio[here] - b - log_nu)
            return np.sum(np.exp(weight_data[here]) * (1 - d)) - np.sum(np.exp(weight_drawn[here]) * d)

        absorbed = START_DRAWN[start] - START_DATA[start]
        assert brentq(imbalance, -50, 50, xtol=1e-13) == pytest.approx(LOG_Z[start] + absorbed - log_nu, abs=1e-9)


def test_constant_leaves_a_gap_that_no_policy_closes_and_the_conditional_one_does_not():
    """At the best policy, pi = p_theta(.|x_1), r is log Z(x_1) exactly; against one global Z, KL(q || p_theta) > 0 remains."""
    best = NEG_ENERGY - LOG_Z[:, None]
    log_ratio, starts, weight_data, weight_drawn = in_expectation(best, START_DATA, START_DATA)
    conditional = jitted(log_ratio, starts, log_ratio, starts, 3, weight_data, weight_drawn).value
    drawn = np.exp(np.asarray(weight_drawn))
    assert float(np.sum(drawn * np.asarray(conditional[starts] - log_ratio))) == pytest.approx(0.0, abs=1e-10)
    # The global model's log Z is that of its start law times exp(-E): log E_rho Z(x).
    log_z = logsumexp(START_DATA + LOG_Z)
    gap = np.sum(drawn * (log_z - np.asarray(log_ratio)))
    assert gap == pytest.approx(log_z - np.sum(np.exp(START_DATA) * LOG_Z), abs=1e-12)
    assert gap > 0.3


def test_samples_of_unequal_counts_and_an_empty_context():
    rng = np.random.default_rng(4)
    start_data, start_drawn = rng.choice(3, 400, p=[0.7, 0.1, 0.2]), rng.choice(3, 900, p=[0.2, 0.5, 0.3])
    model, policy = np.exp(NEG_ENERGY - LOG_Z[:, None]), np.exp(POLICY)
    paths_data = np.array([rng.choice(8, p=model[s]) for s in start_data])
    paths_drawn = np.array([rng.choice(8, p=policy[s]) for s in start_drawn])
    log_ratio = NEG_ENERGY - POLICY
    result = jitted(log_ratio[start_data, paths_data], start_data, log_ratio[start_drawn, paths_drawn], start_drawn, 4)
    assert (np.abs(np.asarray(result.value[:3]) - LOG_Z) < 4 * np.asarray(result.stderr[:3])).all()
    assert np.isnan(float(result.value[3]))
    assert np.isnan(float(result.stderr[3]))
    assert float(result.diagnostics.ess[3]) == 0.0
