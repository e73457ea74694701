"""The regression up to shaping, against scipy and against the STARC distance on the same transitions."""

from typing import Any

import numpy as np
import pytest
from scipy.linalg import lstsq

from tests.judging.instances import discounted, of_branches, of_pairs, potential, shaped
from triality.errors import DataError
from triality.judging.starc import MinimalPotential, starc_distance
from triality.judging.up_to_shaping import fit_up_to_shaping, table_fit

WEIGHTS = np.random.default_rng(9).uniform(0.1, 1.0, size=(5, 3))


def solved(columns, values):
    found: Any = lstsq(columns, values)
    return found[0]


@pytest.fixture(scope="module")
def mdp():
    return discounted()


@pytest.mark.parametrize("scale", [0.2, -4.0])
def test_shaping_scale_and_constant_are_explained(mdp, scale):
    learned = of_branches(mdp, 1)
    true = shaped(mdp, learned, potential(mdp, 2), scale) + 3.0
    fit = table_fit(mdp, true, learned, WEIGHTS)
    assert fit.r_squared == pytest.approx(1.0, abs=1e-10)
    assert fit.scale == pytest.approx(scale, abs=1e-10)
    assert fit.partial == pytest.approx(np.sign(scale), abs=1e-10)
    assert fit.distance == pytest.approx(0.0 if scale > 0 else 1.0, abs=1e-10)


def test_shaping_with_the_sign_turned_is_not(mdp):
    learned = of_branches(mdp, 1)
    true = shaped(mdp, learned, potential(mdp, 2), gamma=-0.9)
    assert table_fit(mdp, true, learned, WEIGHTS).r_squared < 0.99


def test_the_five_numbers_are_those_of_two_regressions(mdp):
    true, learned = of_branches(mdp, 1), of_branches(mdp, 2) + 0.5 * of_branches(mdp, 1)
    law = (WEIGHTS / WEIGHTS.sum())[..., None] * np.exp(np.asarray(mdp.log_probabilities))
    root = np.sqrt(law.ravel())
    free = np.stack([*(shaped(mdp, np.zeros((5, 3)), h).ravel() for h in np.eye(5)), np.ones(45)], axis=1)
    variance = law.ravel() @ (true.ravel() - law.ravel() @ true.ravel()) ** 2
    fit, both = table_fit(mdp, true, learned, WEIGHTS), np.column_stack([learned.ravel(), free])
    for columns, share in ((both, fit.r_squared), (free, fit.shaping_alone)):
        amounts = solved(root[:, None] * columns, root * true.ravel())
        assert share == pytest.approx(1.0 - np.sum((root * (true.ravel() - columns @ amounts)) ** 2) / variance, abs=1e-10)
    assert fit.scale == pytest.approx(solved(root[:, None] * both, root * true.ravel())[0], abs=1e-10)
    assert 0.0 < fit.shaping_alone < fit.r_squared < 1.0


def test_its_distance_is_that_of_starc(mdp):
    true, learned = of_branches(mdp, 1), of_branches(mdp, 2)
    exact = starc_distance(mdp, true, learned, MinimalPotential(WEIGHTS), weights=WEIGHTS)
    assert table_fit(mdp, true, learned, WEIGHTS).distance == pytest.approx(exact, abs=1e-10)


def test_what_cannot_be_fitted_is_refused(mdp):
    cost = of_pairs(mdp, 1)
    with pytest.raises(DataError, match="the learned cost constant up to shaping"):
        table_fit(mdp, cost, np.ones((5, 3)))
    with pytest.raises(DataError, match="the true cost constant up to shaping"):
        table_fit(mdp, shaped(mdp, np.zeros((5, 3)), potential(mdp, 2)), cost)
    with pytest.raises(DataError, match="same steps"):
        fit_up_to_shaping(np.ones(3), np.ones(4), np.ones((3, 1)))
