"""The mixture estimator (eq. 4, D3) in exact expectation: every point of a finite space once, weighted by p and by q."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.partition.acceptance_ratio import Sides, residual, solve_log_z
from triality.partition.mixture import mixture

jitted, solve = jax.jit(mixture), jax.jit(solve_log_z)
NUM_POINTS = 7


def instance(seed: int, log_nu: float = 0.4):
    """(-E, log p, log q, log weights of the data, log weights of the drawn samples) of a random finite space."""
    rng = np.random.default_rng(seed)
    neg_energy, p, q = (jnp.asarray(1.5 * rng.normal(size=NUM_POINTS)) for _ in range(3))
    log_p, log_q = jax.nn.log_softmax(p), jax.nn.log_softmax(q)
    return neg_energy, log_p, log_q, log_p, log_nu + log_q


def mean_estimate(neg_energy, log_reference, log_q, weight_data, weight_drawn):
    return float(jitted(neg_energy, log_reference, log_q, neg_energy, log_reference, log_q, weight_data, weight_drawn).value)


@pytest.mark.parametrize("seed", range(5))
def test_unbiased_exactly_where_the_reference_is_the_law_of_the_data(seed):
    neg_energy, log_p, log_q, *weights = instance(seed)
    log_z = float(jax.nn.logsumexp(neg_energy))
    assert mean_estimate(neg_energy, log_p, log_q, *weights) == pytest.approx(log_z, abs=1e-12)
    other = jax.nn.log_softmax(0.5 * log_p)
    assert abs(mean_estimate(neg_energy, other, log_q, *weights) - log_z) > 1e-3


@pytest.mark.parametrize("seed", range(5))
def test_bias_of_another_reference(seed):
    """X8: the mean is Z E_{p_theta}[mu / mu~]."""
    log_nu = 0.4
    neg_energy, log_p, log_q, *weights = instance(seed, log_nu)
    log_z = float(jax.nn.logsumexp(neg_energy))
    reference = jax.nn.log_softmax(0.5 * log_p)
    p, q, tilde, model = (np.exp(np.asarray(a)) for a in (log_p, log_q, reference, neg_energy - log_z))
    nu = np.exp(log_nu)
    expected = log_z + np.log(np.sum(model * (p + nu * q) / (tilde + nu * q)))
    assert mean_estimate(neg_energy, reference, log_q, *weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_with_the_model_as_reference_it_is_a_fixed_point_and_that_is_the_acceptance_ratio(seed):
    neg_energy, _, log_q, *weights = instance(seed)
    star = solve(neg_energy - log_q, neg_energy - log_q, *weights)
    assert mean_estimate(neg_energy, neg_energy - star, log_q, *weights) == pytest.approx(float(star), abs=1e-10)
    elsewhere = star + 0.5
    assert abs(mean_estimate(neg_energy, neg_energy - elsewhere, log_q, *weights) - float(elsewhere)) > 0.05


def test_the_fixed_point_is_the_true_z_only_where_data_and_model_agree_on_the_discriminator():
    """X8: at the true Z, the equation's imbalance is E_{p_theta}[D0] - E_p[D0], zero for p = p_theta, or for q = p_theta and any p."""
    neg_energy, log_p, log_q, *weights = instance(11)
    log_z = jax.nn.logsumexp(neg_energy)
    model = neg_energy - log_z

    wrong = float(solve(neg_energy - log_q, neg_energy - log_q, *weights) - log_z)
    assert abs(wrong) > 0.05
    d0 = np.asarray(jax.nn.sigmoid(model - log_q - 0.4))
    imbalance = float(np.sum((np.exp(np.asarray(model)) - np.exp(np.asarray(log_p))) * d0))
    sides = Sides(neg_energy - log_q, neg_energy - log_q, *weights)
    by_sums = 1.0 - np.sum(np.exp(np.asarray(log_p)) * d0) - np.exp(0.4) * np.sum(np.exp(np.asarray(log_q)) * d0)
    assert imbalance == pytest.approx(by_sums, abs=1e-12)
    assert np.sign(imbalance) == np.sign(float(residual(log_z, sides))) == -np.sign(wrong)

    assert float(solve(model - log_q, model - log_q, model, weights[1])) == pytest.approx(0.0, abs=1e-12)  # p = p_theta
    assert float(solve(jnp.zeros(7), jnp.zeros(7), log_p, 0.4 + model)) == pytest.approx(0.0, abs=1e-12)  # q = p_theta


def test_bounded_weights():
    """With the model as reference no weight exceeds Z/alpha times the mean (D3): finite variance for free."""
    rng = np.random.default_rng(3)
    x, y = 5.0 * rng.normal(size=40), 0.05 * rng.normal(size=80)  # a proposal a hundred times too narrow

    def log_q(x):
        return -0.5 * (x / 0.05) ** 2 - np.log(0.05 * np.sqrt(2 * np.pi))

    sides = [(-0.5 * (a / 5.0) ** 2, log_q(a)) for a in (x, y)]
    star = float(jax.jit(solve_log_z)(*(jnp.asarray(energy - q) for energy, q in sides)))
    arrays = [jnp.asarray(a) for energy, q in sides for a in (energy, energy - star, q)]
    result = jax.jit(mixture)(*arrays)
    assert float(result.value) == pytest.approx(star, abs=1e-9)
    assert float(result.diagnostics.largest_weight) <= (1 + 80 / 40) / 120 + 1e-12
    assert np.isfinite(float(result.stderr))
