"""A planted well is found with its mass; an energy that is the data's own law has none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.cli.density_parts import Space
from triality.cli.density_split import Split
from triality.cli.density_wells import find_wells, is_searchable
from triality.energies.sum import NegativeLogDensity
from triality.energy import Energy
from triality.samplers.gaussian import Gaussian, fit_gaussian

TRUTH = Gaussian(jnp.zeros(2), jnp.zeros(2))
WELL = Gaussian(jnp.array([6.0, -2.0]), jnp.log(jnp.array([0.3, 0.3])))
WEIGHT = 0.2


def split() -> Split:
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1500, 2)))
    return Split(Space("continuous", (2,), 0, (2,)), x[:1200], x[1200:1350], x[1350:], jnp.zeros(2), jnp.ones(2), None)


def with_well(x):
    return -jnp.logaddexp(jnp.log(1 - WEIGHT) + TRUTH.log_prob(x), jnp.log(WEIGHT) + WELL.log_prob(x))


@pytest.fixture(scope="module")
def found():
    """Of the law itself, and of one with a well; with the generator that likelihood gives, which draws nothing in the well."""
    data = split()
    energies: list[Energy] = [NegativeLogDensity(TRUTH), with_well]
    return [find_wells(jax.random.key(1), energy, fit_gaussian(data.train), data) for energy in energies]


def test_the_law_itself_has_only_its_rim(found):
    for each in found[0]:
        assert float(each.mass) < 0.01 + 3 * float(each.mass_stderr)


def test_a_planted_well_is_found_with_its_mass_and_place(found):
    energy, own = found[1]
    assert abs(float(energy.mass) - WEIGHT) < 4 * float(energy.mass_stderr) + 0.01
    assert float(energy.mass) > 0.01 + 4 * float(energy.mass_stderr)
    assert np.linalg.norm(np.asarray(energy.lowest_at) - np.asarray(WELL.mean)) < 1.0
    assert float(own.mass) < 0.02


def test_only_numbers_in_a_few_columns_are_searched():
    assert is_searchable(split())
    assert not is_searchable(split()._replace(space=Space("binary", (2,), 2, (2,))))
    assert not is_searchable(split()._replace(space=Space("continuous", (60,), 0, (60,))))
