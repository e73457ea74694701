"""A trained discriminator's optimum is log pi_E + log(rho_E / rho_pi), exactly; without the ratio, or with it turned, it is not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, DataError
from triality.judging.density_ratio import fit_log_ratio
from triality.judging.known_density import known_density_gap, r_squared_up_to_shaping, single_step_optimum
from triality.judging.regions import Regions
from triality.judging.steps import PotentialClass
from triality.objectives.discriminator import discriminator_loss
from triality.tabular import causal_solution, policy_visits
from triality.tabular.worlds import random_mdp


class Table:
    """An expert and a policy in a stochastic MDP over a horizon, and what a discriminator of single steps learns between them."""

    def __init__(self):
        mdp = random_mdp(jax.random.key(4), 5, 3, 2, horizon=6)
        draw = np.random.default_rng(1)
        # One policy at every step, so that log pi_E is a function of the pair.
        self.log_expert, self.log_policy = (np.log(draw.dirichlet(alpha * np.ones(3), size=5)) for alpha in (0.7, 2.0))
        pairs = [np.asarray(policy_visits(mdp, jnp.asarray(each)).total) / 6 for each in (self.log_expert, self.log_policy)]
        self.expert, self.policy = pairs
        self.log_ratio = np.log(self.expert.sum(axis=1) / self.policy.sum(axis=1))[:, None] * np.ones(3)
        self.f = trained(self.expert, self.policy, self.log_policy)

    def gap(self, log_ratio):
        flat = [each.ravel() for each in (self.f, self.log_expert, log_ratio, self.expert)]
        return known_density_gap(*flat, region=np.repeat(np.arange(5), 3))


def trained(expert, policy, log_policy):
    """f that minimizes the library's loss over the two laws, s = f - log pi, by Newton's method pair by pair."""

    def loss(f):
        odds = (f - log_policy).ravel()
        return discriminator_loss(odds, odds, jnp.log(expert).ravel(), jnp.log(policy).ravel())

    slope = jax.jit(jax.grad(loss))
    curve = jax.jit(lambda f: jax.jvp(jax.grad(loss), (f,), (jnp.ones_like(f),))[1])  # the Hessian is diagonal
    f = jnp.asarray(log_policy)
    for _ in range(60):
        f = f - jnp.clip(slope(f) / curve(f), -1.0, 1.0)
    return np.asarray(f)


@pytest.fixture(scope="module")
def table():
    return Table()


def test_the_trained_optimum_is_exactly_that_of_the_known_densities(table):
    optimum = single_step_optimum(table.log_expert, table.expert.sum(axis=1), table.policy.sum(axis=1))
    np.testing.assert_allclose(table.f, optimum, atol=1e-8)
    gap = table.gap(table.log_ratio)
    assert gap.error < 1e-8
    assert np.all(gap.region_error < 1e-8)
    assert gap.correlation == pytest.approx(1.0)


def test_forgetting_the_ratio_or_turning_it_is_seen(table):
    forgotten, turned = table.gap(0.0 * table.log_ratio), table.gap(-table.log_ratio)
    size = table.gap(table.log_ratio).mean_ratio
    assert size > 0.1
    assert forgotten.error == pytest.approx(size)
    assert turned.error == pytest.approx(2.0 * size)
    np.testing.assert_allclose(forgotten.region_bias, table.log_ratio[:, 0], atol=1e-8)  # f is too high where the expert is more often
    assert table.gap(table.log_ratio - np.log(2.0)).bias == pytest.approx(np.log(2.0))  # log nu left in f


def test_pairs_that_nobody_visits_count_when_they_are_weighed_alone():
    f = single_step_optimum(np.log(np.array([[0.5, 0.5], [0.9, 0.1], [0.3, 0.7]])), np.array([2.0, 0.0, 1.0]), np.array([1.0, 3.0, 0.0]))
    assert np.all(np.isneginf(f[1]))
    assert np.all(np.isposinf(f[2]))
    weights, ratio = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), np.repeat([np.log(8 / 3), -np.inf, np.inf], 2)
    assert known_density_gap(f.ravel(), np.log(np.array([0.5, 0.5, 0.9, 0.1, 0.3, 0.7])), ratio, weights).error < 1e-12
    with pytest.raises(DataError, match="weigh pairs that one side never visits"):
        known_density_gap(f.ravel(), np.zeros(6), ratio)
    with pytest.raises(DataError, match="pool them over the steps"):
        single_step_optimum(np.zeros((2, 1)), np.zeros(2), np.ones(2))


def test_a_cost_of_trajectories_is_log_pi_up_to_shaping():
    """log pi = -c + E V' - V, with deterministic dynamics and V stationary: at scale 1 and no other, with this sign and no other."""
    draw = np.random.default_rng(0)
    value, before, after, log_expert = draw.normal(size=6), draw.integers(6, size=200), draw.integers(6, size=200), draw.normal(size=200)
    shaping = np.eye(6)[before] - 0.9 * np.eye(6)[after]
    f = log_expert + shaping @ value
    assert r_squared_up_to_shaping(f, log_expert, shaping) == pytest.approx(1.0)
    assert r_squared_up_to_shaping(2.0 * f, log_expert, shaping) == pytest.approx(0.0, abs=1e-9)
    assert r_squared_up_to_shaping(-f, log_expert, shaping) == pytest.approx(-3.0)
    assert r_squared_up_to_shaping(f, log_expert, np.eye(6)[before] + 0.9 * np.eye(6)[after]) < 0.99
    with pytest.raises(DataError, match="shaping alone"):
        r_squared_up_to_shaping(f, shaping @ value, shaping)


def test_that_identity_holds_in_the_soft_optimal_policy():
    mdp = random_mdp(jax.random.key(4), 4, 2, 1, horizon=3)
    cost = jnp.asarray(np.random.default_rng(0).normal(size=(4, 2)))
    solution = causal_solution(mdp, cost)
    ahead = np.asarray(solution.value)[1][np.asarray(mdp.successors)[..., 0]]
    np.testing.assert_allclose(solution.log_policy[0], -cost + ahead - np.asarray(solution.value)[0][:, None], atol=1e-12)


def test_the_ratio_from_samples_is_that_of_the_laws():
    """Normal laws N(0, 1) and N(0.5, 1): the log ratio is linear, (1 - 4x) / 8; turned round it is rejected by the same test."""
    draw = np.random.default_rng(0)
    data, drawn = draw.normal(size=(4000, 1)), 0.5 + draw.normal(size=(6000, 1))
    ratio = fit_log_ratio(data, drawn, PotentialClass.fitted(np.concatenate([data, drawn]), num_waves=0))
    places = np.array([[-1.0], [0.0], [1.5]])
    exact = (1.0 - 4.0 * places[:, 0]) / 8.0
    assert np.abs(ratio(places) - exact).max() < 4.0 * 0.035  # about one standard error at the ends: sqrt(1/4000 + 1/6000) (1 + |x|)
    assert np.abs(-ratio(places) - exact).max() > 0.5
    with pytest.raises(ConfigError, match="expected l2 > 0"):
        fit_log_ratio(data, drawn, ratio.features, l2=0.0)
    with pytest.raises(DataError, match="on both sides"):
        fit_log_ratio(data[:0], drawn, ratio.features)


def test_regions_hold_all_and_are_in_order_of_the_demonstrations():
    draw = np.random.default_rng(0)
    places = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 500.0]])
    data = np.concatenate([place + draw.normal(size=(n, 2)) * [0.1, 5.0] for place, n in zip(places, (20, 200, 80), strict=True)])
    regions = Regions.fitted(data, data[::2], num_regions=3)
    np.testing.assert_allclose(regions.shares(data), [200 / 300, 80 / 300, 20 / 300])
    np.testing.assert_allclose(regions.centers / regions.scale, places[[1, 2, 0]] / regions.scale, atol=0.1)
    table = Regions.fitted(np.eye(4)[[2, 2, 1]], np.eye(4)[[0, 1]])
    assert table.is_exact
    assert table.of(np.eye(4)[[2, 1, 0]]).tolist() == [0, 1, 2]
    with pytest.raises(ConfigError, match="at least 1 region"):
        Regions.fitted(data, data, num_regions=0)
    with pytest.raises(DataError, match="on both sides"):
        Regions.fitted(data, data[:0])
