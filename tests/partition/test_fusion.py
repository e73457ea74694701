"""Fusion over past samplers (footnote 3, D12): exact expectations on a finite space, variance, and what adapted samplers cost."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binom

from triality.partition.diagnostics import pareto_k_threshold
from triality.partition.fusion import fused_log_density, fusion, log_stratum_counts, own_density
from triality.partition.importance import importance

RNG = np.random.default_rng(0)
COUNTS = np.array([5, 20, 10])
NEG_ENERGY = RNG.normal(size=6)
Q = RNG.dirichlet(np.ones(6), size=3)
Z = np.exp(NEG_ENERGY).sum()
jitted, own = jax.jit(fusion), jax.jit(own_density)


def everything_once():
    """All points under all samplers, weighted by n_k q_k: a weighted mean over them is the exact expectation of the estimator."""
    stratum = np.repeat(np.arange(3), 6)
    log_q = np.log(np.tile(Q, (1, 3)))
    return jnp.asarray(np.tile(NEG_ENERGY, 3)), jnp.asarray(log_q), jnp.asarray(stratum), jnp.asarray(np.log(COUNTS[:, None] * Q).ravel())


def test_unbiased_for_samplers_fixed_in_advance():
    arrays = everything_once()
    assert float(jitted(*arrays).value) == pytest.approx(np.log(Z), abs=1e-12)
    assert float(own(*arrays).value) == pytest.approx(np.log(Z), abs=1e-12)
    # The broken twin: every sample by the density of the latest sampler.
    neg_energy, log_q, _, log_weight = arrays
    assert abs(float(jax.jit(importance)(neg_energy - log_q[2], log_weight).value) - np.log(Z)) > 0.05


def variances():
    """Exact variances of Z^: the balance heuristic, own densities, and each sampler alone with its own n_k."""
    f, mixture = np.exp(NEG_ENERGY), COUNTS @ Q / COUNTS.sum()

    def spread(q, values):
        return q @ values**2 - (q @ values) ** 2

    share = COUNTS / COUNTS.sum() ** 2
    balance = sum(share[k] * spread(Q[k], f / mixture) for k in range(3))
    by_own = sum(share[k] * spread(Q[k], f / Q[k]) for k in range(3))
    return balance, by_own, np.array([spread(Q[k], f / Q[k]) / COUNTS[k] for k in range(3)])


def test_variance_within_veachs_bound_and_below_own_densities():
    balance, by_own, alone = variances()
    assert balance <= alone.min() + (1 / COUNTS.min() - 1 / COUNTS.sum()) * Z**2
    assert balance < by_own / 2
    # The error bar is that variance: over many replicates, in exact agreement with its square on average.
    stratum = np.repeat(np.arange(3), COUNTS)
    rng = np.random.default_rng(1)
    x = np.stack([np.concatenate([rng.choice(6, n, p=q) for n, q in zip(COUNTS, Q, strict=True)]) for _ in range(4000)])
    result = jax.jit(jax.vmap(lambda i: fusion(jnp.asarray(NEG_ENERGY)[i], jnp.log(jnp.asarray(Q))[:, i], jnp.asarray(stratum))))(x)
    estimates = np.exp(np.asarray(result.value))
    assert estimates.var() == pytest.approx(balance, rel=5 * np.sqrt(2 / 4000))
    assert np.mean((estimates * np.asarray(result.stderr)) ** 2) == pytest.approx(balance, rel=0.1)
    assert estimates.mean() == pytest.approx(Z, abs=5 * np.sqrt(balance / 4000))


def test_equal_samplers_are_one_sampler():
    log_q, neg_energy = np.log(Q[0]), NEG_ENERGY
    stratum = jnp.array([0, 1, 2, 0, 1, 2])
    fused = jitted(jnp.asarray(neg_energy), jnp.asarray(np.tile(log_q, (3, 1))), stratum)
    single = jax.jit(importance)(jnp.asarray(neg_energy - log_q))
    assert float(fused.value) == pytest.approx(float(single.value), abs=1e-14)
    np.testing.assert_allclose(jax.tree.leaves(fused.diagnostics), jax.tree.leaves(single.diagnostics), rtol=1e-12)


def test_splitting_a_policy_and_adding_empty_slots_change_nothing():
    x = jnp.array([0, 3, 1, 1, 4, 5, 2, 2])
    log_q, neg_energy = jnp.log(jnp.asarray(Q))[:2, x], jnp.asarray(NEG_ENERGY)[x]
    whole = jitted(neg_energy, log_q, jnp.array([0, 0, 0, 0, 1, 1, 1, 1]))
    garbage = jnp.full((1, 8), jnp.nan)  # a slot of the ring buffer that holds no sampler yet
    split = jnp.concatenate([log_q[:1], log_q[:1], log_q[1:], garbage])
    halves = jitted(neg_energy, split, jnp.array([0, 1, 0, 1, 2, 2, 2, 2]))
    assert float(halves.value) == pytest.approx(float(whole.value), abs=1e-14)
    np.testing.assert_allclose(jax.tree.leaves(halves.diagnostics), jax.tree.leaves(whole.diagnostics), rtol=1e-12)
    counts = log_stratum_counts(jnp.array([0, 1, 0, 1, 2, 2, 2, 2]), 4)
    np.testing.assert_allclose(fused_log_density(split, counts), np.logaddexp(log_q[0], log_q[1]) - np.log(2), rtol=1e-12)
    gradient = jax.grad(lambda q: fused_log_density(q, counts).sum())(split)
    np.testing.assert_allclose(gradient.sum(0), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(gradient[3], 0.0)


# An energy on two points, exp(-E) = (1, 2), so Z = 3; the first sampler is uniform, the second adapts to what the first drew.
TARGET = np.array([1.0, 2.0])
CAUTIOUS = 0.25


def adapted_means(n: int, toward: bool) -> tuple[float, float]:
    """Exact E[Z^] of fusion and of own densities: n uniform draws, then n of a sampler leaning toward (away from) what they were."""
    fused, by_own = 0.0, 0.0
    for ones in range(n + 1):
        lean = 0.5 + (0.5 - CAUTIOUS) * (2 * ones / n - 1) * (1 if toward else -1)
        second = np.array([1 - lean, lean])
        mixture = (0.5 + second) / 2
        counts = np.array([n - ones, ones])
        chance = binom.pmf(ones, n, 0.5)
        fused += chance * (counts / n + second) @ (TARGET / mixture) / 2
        by_own += chance * (counts / n @ (TARGET / 0.5) + second @ (TARGET / second)) / 2
    return fused, by_own


@pytest.mark.parametrize("toward", [True, False])
def test_adapted_samplers_bias_fusion_but_not_own_densities(toward):
    fused, by_own = adapted_means(1, toward)
    assert abs(fused - 3.0) > 0.15
    assert by_own == pytest.approx(3.0, abs=1e-12)
    late, _ = adapted_means(100, toward)
    print(f"adapted samplers: E[Z^] = {fused:.3f} instead of 3 at n = 1, ratio {late / 3:.5f} at n = 100")
    assert late / 3.0 == pytest.approx(1.0, abs=0.002)  # consistent all the same
    assert abs(late - 3.0) < abs(fused - 3.0) / 50


def test_the_adapted_means_are_those_of_the_estimators():
    """n = 1, by running the estimators on all four outcomes."""
    means = {jitted: 0.0, own: 0.0}
    for first, second in itertools.product(range(2), repeat=2):
        lean = np.array([1 - CAUTIOUS, CAUTIOUS]) if first == 0 else np.array([CAUTIOUS, 1 - CAUTIOUS])
        x = np.array([first, second])
        log_q = jnp.asarray(np.log(np.stack([np.full(2, 0.5), lean[x]])))
        for estimator in means:
            value = estimator(jnp.asarray(np.log(TARGET[x])), log_q, jnp.array([0, 1])).value
            means[estimator] += 0.5 * lean[second] * np.exp(float(value))
    np.testing.assert_allclose(list(means.values()), adapted_means(1, toward=True), rtol=1e-12)


def test_defensive_mixture_cures_a_narrow_proposal():
    """q = N(0, .4^2) for N(0, 1), alone, and with a tenth of the samples from N(0, 1.5^2)."""

    def log_normal(x, scale):
        return -0.5 * (x / scale) ** 2 - jnp.log(scale) - 0.5 * jnp.log(2 * jnp.pi)

    noise = jax.random.normal(jax.random.key(0), (4000,))
    alone = jax.jit(importance)(log_normal(0.4 * noise, 1.0) - log_normal(0.4 * noise, 0.4))
    stratum = jnp.asarray(np.arange(4000) % 10 == 0, int)
    x = jnp.where(stratum == 1, 1.5, 0.4) * noise
    defensive = jitted(log_normal(x, 1.0), jnp.stack([log_normal(x, 0.4), log_normal(x, 1.5)]), stratum)
    assert float(alone.diagnostics.pareto_k) > 0.5
    assert float(alone.value) < -0.05
    assert float(defensive.diagnostics.pareto_k) < 0 < float(pareto_k_threshold(4000))
    assert abs(float(defensive.value)) < 4 * float(defensive.stderr) < 0.2
    assert float(defensive.diagnostics.largest_weight) * 4000 < 10 * 1.5 * 1.1  # (1/eps) max p_theta/q_0
