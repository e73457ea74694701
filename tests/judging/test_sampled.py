"""Sampled distances on a finite MDP seen as a continuous task (one-hot observations) against the exact ones."""

import numpy as np
import pytest

from tests.judging.instances import GAMMA, discounted, of_branches, potential
from triality.errors import ConfigError, DataError
from triality.judging.epic import Coverage, epic_distance
from triality.judging.sampled import canonicalized, sampled_epic, sampled_fit
from triality.judging.starc import MinimalPotential, starc_distance
from triality.judging.steps import PotentialClass, Steps
from triality.judging.tables import branch_probabilities, next_state_matrix
from triality.judging.up_to_shaping import table_fit

EPISODES, LENGTH = 300, 20
PAIRS = np.random.default_rng(9).uniform(0.1, 1.0, size=(5, 3))
PAIRS = PAIRS / PAIRS.sum()


@pytest.fixture(scope="module")
def mdp():
    return discounted()


@pytest.fixture(scope="module")
def dense(mdp):
    """Two costs of (x, u, x'), correlated."""
    draw = np.random.default_rng(1)
    first = draw.normal(size=(5, 3, 5))
    return first, 0.6 * first + draw.normal(size=(5, 3, 5))


@pytest.fixture(scope="module")
def steps(mdp, dense):
    """Pairs drawn from PAIRS and transitions from the dynamics, independently, so that standard errors are those of i.i.d. steps."""
    draw, n = np.random.default_rng(2), EPISODES * LENGTH
    pair = draw.choice(15, n, p=PAIRS.ravel())
    x, u = pair // 3, pair % 3
    branch = (draw.uniform(size=(n, 1)) > np.cumsum(branch_probabilities(mdp)[x, u], axis=1)).sum(axis=1)
    y = np.asarray(mdp.successors)[x, u, np.minimum(branch, mdp.num_branches - 1)]
    return Steps(np.eye(5)[x], u, np.eye(5)[y], np.repeat(np.arange(EPISODES), LENGTH), dense[0][x, u, y])


def cost_of(table):
    return lambda x, u, y: table[np.argmax(x, axis=1), u, np.argmax(y, axis=1)]


def along(table, steps):
    return cost_of(table)(steps.observation, steps.action, steps.after)


def test_epic_by_samples_agrees_with_the_exact_one(mdp, dense, steps):
    exact = epic_distance(*dense, coverage=Coverage.along(PAIRS, next_state_matrix(mdp)), discount=GAMMA)
    # D_X of the samples is that of the states before and after: here the same states, by the coverage's own marginal.
    found = sampled_epic(*(canonicalized(cost_of(each), steps, 200) for each in dense), steps=steps, discount=GAMMA)
    assert 0.2 < exact < 0.8
    spread = (found.high - found.low) / 3.92
    assert abs(found.value - exact) < 4.0 * spread < 0.2
    assert found.low < found.value < found.high


def test_epic_by_samples_is_blind_to_shaping_and_only_to_it(mdp, dense, steps):
    h = potential(mdp, 4)
    moved = {sign: 3.0 * dense[0] + sign * (h[:, None, None] - GAMMA * h) for sign in (1.0, -1.0)}
    turned = 3.0 * dense[0] + h[:, None, None] + GAMMA * h
    first = canonicalized(cost_of(dense[0]), steps, 50)
    for table in moved.values():
        assert sampled_epic(first, canonicalized(cost_of(table), steps, 50), steps, GAMMA, 20).high < 1e-10
    assert sampled_epic(first, canonicalized(cost_of(turned), steps, 50), steps, GAMMA, 20).low > 0.05


def test_starc_by_samples_agrees_with_the_exact_one(mdp, dense, steps):
    tables = [np.take_along_axis(each, np.asarray(mdp.successors), axis=2) for each in dense]
    exact, exact_fit = (
        starc_distance(mdp, *tables, canonicalization=MinimalPotential(PAIRS), weights=PAIRS),
        table_fit(mdp, *tables, weights=PAIRS),
    )
    potentials = PotentialClass.fitted(steps.observation, num_waves=0)
    fit, distance, share = sampled_fit(*(along(each, steps) for each in dense), steps=steps, potentials=potentials, discount=GAMMA)
    assert abs(distance.value - exact) < 4.0 * (distance.high - distance.low) / 3.92 < 0.1
    assert abs(share.value - exact_fit.r_squared) < 4.0 * (share.high - share.low) / 3.92 < 0.2
    assert fit.scale == pytest.approx(exact_fit.scale, abs=0.1)


def test_the_interval_has_the_width_of_repetition(dense, steps):
    """Half of the episodes at a time: the spread of their estimates is what the interval of a half says it is."""
    potentials = PotentialClass.fitted(steps.observation, num_waves=0)
    values, widths = [], []
    for first in range(0, EPISODES, 30):
        part = Steps(*(leaf[first * LENGTH : (first + 30) * LENGTH] for leaf in steps))
        _, distance, _ = sampled_fit(
            *(along(each, part) for each in dense), steps=part, potentials=potentials, discount=GAMMA, num_draws=100
        )
        values.append(distance.value)
        widths.append((distance.high - distance.low) / 3.92)
    assert 0.5 < np.std(values, ddof=1) / np.mean(widths) < 1.8


def test_starc_by_samples_is_blind_to_shaping_and_only_to_it(mdp, dense, steps):
    h, potentials = potential(mdp, 4), PotentialClass.fitted(steps.observation, num_waves=0)
    same = along(2.0 * dense[0] + h[:, None, None] - GAMMA * h + 1.0, steps)
    turned = along(2.0 * dense[0] + h[:, None, None] + GAMMA * h, steps)
    assert sampled_fit(along(dense[0], steps), same, steps, potentials, GAMMA, 20)[1].high < 1e-6
    assert sampled_fit(along(dense[0], steps), turned, steps, potentials, GAMMA, 20)[1].low > 0.02


def test_waves_make_nonlinear_potentials():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(2, 800, 1))
    steps = Steps(x, np.zeros(800, int), y, np.repeat(np.arange(20), 40), draw.normal(size=800))
    shaped = steps.cost + 3.0 * (np.sin(2.0 * x) - GAMMA * np.sin(2.0 * y))[:, 0]
    linear, waves = (sampled_fit(steps.cost, shaped, steps, PotentialClass.fitted(x, num), GAMMA, 10)[0] for num in (0, 30))
    assert waves.partial > 0.99 > 0.9 > linear.partial


def test_bad_steps_are_refused(mdp, dense, steps):
    one = Steps(*(leaf[:LENGTH] for leaf in steps))
    first = canonicalized(cost_of(dense[0]), steps, 4)
    with pytest.raises(ConfigError, match="at least 1 pair"):
        canonicalized(cost_of(dense[0]), steps, 0)
    with pytest.raises(DataError, match="finite costs over the coverage"):
        canonicalized(lambda x, u, y: np.full(len(x), np.nan), steps, 4)
    with pytest.raises(DataError, match="at the same pairs"):
        sampled_epic(first, canonicalized(cost_of(dense[1]), steps, 5), steps, GAMMA)
    with pytest.raises(DataError, match="at least 2 episodes"):
        sampled_epic(*(canonicalized(cost_of(each), one, 4) for each in dense), steps=one, discount=GAMMA)
    few = Steps(*(leaf[:8] for leaf in steps))
    with pytest.raises(DataError, match="more than 10 steps for 5 features"):
        sampled_fit(few.cost, few.cost, few, PotentialClass.fitted(few.observation, 0), GAMMA)
    assert len(steps.thinned(17).cost) == 17
    assert of_branches(mdp, 1).shape == mdp.successors.shape
