"""What is equal in an ensemble, what is not, and how often the interval of a mean covers it."""

import numpy as np
import pytest
from scipy.stats import t

from tests.judging.instances import discounted, of_pairs, potential
from triality.errors import ConfigError, DataError
from triality.judging.ensemble import Ensemble, as_learned, sampled_ensemble, student_quantile, table_ensemble
from triality.judging.shaping_projection import constant_projection, shaping_projection
from triality.judging.starc import MinimalNorm
from triality.judging.tables import ahead, shapings
from triality.tabular.worlds import random_mdp

WEIGHTS = np.random.default_rng(9).uniform(0.1, 1.0, size=(5, 3))


@pytest.fixture(scope="module")
def mdp():
    return discounted()


def dressed(mdp, cost, seed, scale):
    h = potential(mdp, seed)
    return scale * cost + h[:, None] - 0.9 * ahead(mdp, h) + 3.0


def test_one_cost_in_other_clothes_has_no_spread(mdp):
    cost = of_pairs(mdp, 1)
    same = np.stack([cost, dressed(mdp, cost, 2, 7.0), dressed(mdp, cost, 3, 0.2)])
    projection = shaping_projection(mdp, WEIGHTS)
    assert table_ensemble(mdp, same, projection, WEIGHTS).deviation.max() < 1e-10
    assert table_ensemble(mdp, same, constant_projection(mdp), WEIGHTS).deviation.max() > 0.1  # shaping was not asked for
    assert table_ensemble(mdp, same, projection, WEIGHTS, as_learned).deviation.max() > 0.1  # nor was the scale
    same[1] *= -1.0
    turned = table_ensemble(mdp, same, projection, WEIGHTS)
    assert turned.deviation.max() > 0.5
    assert turned.disagreement == pytest.approx(8 / 9)  # two against one: the mean has a third of the spread


def test_the_projection_is_the_canonicalization(mdp):
    cost = of_pairs(mdp, 4)
    np.testing.assert_allclose(shaping_projection(mdp, WEIGHTS) @ cost.ravel(), MinimalNorm(WEIGHTS)(mdp, cost)[..., 0].ravel(), atol=1e-10)
    assert np.linalg.matrix_rank(shapings(mdp)) == 5
    limited = random_mdp(__import__("jax").random.key(0), 3, 2, 1, horizon=2)
    np.testing.assert_allclose(shaping_projection(limited), constant_projection(limited), atol=1e-12)


def test_steps_and_table_agree(mdp):
    """Every pair once as a step, with the table's shapings as directions: the same ensemble."""
    costs = np.stack([of_pairs(mdp, seed) for seed in range(4)])
    table = table_ensemble(mdp, costs, shaping_projection(mdp))
    sampled = sampled_ensemble(costs.reshape(4, -1), shapings(mdp))
    np.testing.assert_allclose(sampled.members, table.members, atol=1e-10)
    assert 0.3 < table.disagreement < 1.0


def test_weighted_steps_and_a_weighted_table_agree(mdp):
    costs = np.stack([of_pairs(mdp, seed) for seed in range(4)])
    table = table_ensemble(mdp, costs, shaping_projection(mdp, WEIGHTS), WEIGHTS)
    sampled = sampled_ensemble(costs.reshape(4, -1), shapings(mdp), WEIGHTS.ravel())
    np.testing.assert_allclose(sampled.members, table.members, atol=1e-10)
    unweighted = sampled_ensemble(costs.reshape(4, -1), shapings(mdp))
    assert np.abs(unweighted.members - table.members).max() > 0.1


def test_percentiles_by_hand():
    """Members 0, 1, ..., 100: the middle 95 % of them are 2.5 to 97.5, and the middle half 25 to 75."""
    members = Ensemble(np.random.default_rng(0).permutation(np.arange(101.0))[:, None], np.ones(1))
    for level, ends in ((0.95, (2.5, 97.5)), (0.5, (25.0, 75.0))):
        np.testing.assert_allclose(np.ravel(members.percentile(level)), ends, atol=1e-9)


def test_the_interval_of_a_mean_covers_it():
    """Students' t with four members; the normal law's quantile in its place covers too little."""
    num, m, level = 4000, 4, 0.9
    drawn = Ensemble(np.random.default_rng(0).normal(2.0, 3.0, size=(m, num)), np.full(num, 1.0 / num))
    error = 4.0 * np.sqrt(level * (1.0 - level) / num)
    low, high = drawn.of_mean(level)
    assert abs(np.mean((low <= 2.0) & (high >= 2.0)) - level) < error
    short = 1.6449 * drawn.deviation / np.sqrt(m)
    assert np.mean(np.abs(drawn.mean - 2.0) <= short) < level - error
    for degrees in (1, 3, 30):
        assert student_quantile(0.95, degrees) == pytest.approx(t.ppf(0.95, degrees), rel=1e-8)


def test_what_is_no_ensemble_is_refused(mdp):
    cost, projection = of_pairs(mdp, 1), shaping_projection(mdp)
    flat = dressed(mdp, 0.0 * cost, 2, 1.0)
    for costs, message in (
        (cost[None], "at least 2 members"),
        (np.stack([cost, flat]), "member 1 constant up to"),
        (np.stack([cost, np.nan * cost]), "finite costs"),
        (np.zeros((2, 4, 3)), "one table a member"),
    ):
        with pytest.raises(DataError, match=message):
            table_ensemble(mdp, costs, projection)
    two = table_ensemble(mdp, np.stack([cost, 1.1 * cost + of_pairs(mdp, 2)]), projection)
    with pytest.raises(DataError, match="at least 40 members"):
        two.percentile()
    with pytest.raises(ConfigError, match="level strictly between"):
        two.of_mean(1.0)
