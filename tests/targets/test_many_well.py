"""Many wells: log Z by an independent quadrature, draws by their exact distribution function, masses of the wells."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from triality.errors import ConfigError
from triality.partition.exact import gauss_legendre, quadrature
from triality.sampler import draw
from triality.targets.many_well import many_well, well_energy

FALSE_ALARM = 1e-6


def unnormalized(u):
    return np.exp(0.5 * u + 6.0 * u**2 - u**4)


def test_log_z_is_scipys_and_the_published_one():
    z = sum(integrate.quad(unnormalized, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in ((-5, 0), (0, 5)))
    np.testing.assert_allclose(many_well(32).log_z, 16 * np.log(z * np.sqrt(2 * np.pi)), rtol=1e-10)
    np.testing.assert_allclose(z, 11784.50927, rtol=1e-8)  # the constant in FAB's code
    np.testing.assert_allclose(many_well(32).log_z, 164.69568, atol=1e-4)


def test_it_integrates_to_one_in_two_dimensions():
    target = many_well(2)
    np.testing.assert_allclose(quadrature(target.energy, gauss_legendre([-4.0, -9.0], [4.0, 9.0], 200)), target.log_z, atol=1e-9)


def test_draws_follow_the_exact_distribution():
    target = many_well(4)
    x, log_q, _ = jax.jit(lambda key: draw(target, key, 10_000))(jax.random.key(0))
    x = np.asarray(x)
    np.testing.assert_allclose(log_q, jax.vmap(target.log_prob)(jnp.asarray(x)), rtol=1e-12)
    u = np.linspace(-4, 4, 20_001)
    cdf = integrate.cumulative_simpson(unnormalized(u), x=u, initial=0.0)
    wells = x[:, 0::2].ravel()
    assert stats.kstest(wells, lambda v: np.interp(v, u, cdf / cdf[-1])).pvalue > FALSE_ALARM
    assert stats.kstest(x[:, 1::2].ravel(), stats.norm.cdf).pvalue > FALSE_ALARM
    share = float(target.well_weights[0])
    assert abs(np.mean(wells < 0) - share) < 5 * np.sqrt(share * (1 - share) / len(wells))
    np.testing.assert_allclose(share, integrate.quad(unnormalized, -5, 0)[0] / 11784.50927, rtol=1e-5)


def test_a_bound_that_is_too_low_is_seen():
    """The control: with a tenth of the bound every proposal near a well is accepted, and the draws are too broad."""
    target = many_well(2)
    broken = eqx.tree_at(lambda t: t.log_bound, target, target.log_bound - jnp.log(10.0))
    u = np.linspace(-4, 4, 20_001)
    cdf = integrate.cumulative_simpson(unnormalized(u), x=u, initial=0.0)
    wells = np.asarray(jax.jit(lambda key: draw(broken, key, 10_000))(jax.random.key(0)).x)[:, 0]
    assert stats.kstest(wells, lambda v: np.interp(v, u, cdf / cdf[-1])).pvalue < FALSE_ALARM


def test_the_bound_holds_between_the_nodes():
    target = many_well(2)
    u = jnp.linspace(-6.0, 6.0, 30_011)
    assert float(jnp.max(-well_energy(u) - jax.vmap(target.proposal.log_prob)(u[:, None]))) <= float(target.log_bound)


def test_most_proposals_are_accepted():
    """The share is Z_1 over the bound."""
    target = many_well(2)
    assert 0.5 < float(jnp.exp(target.log_z_well - target.log_bound)) < 0.9


def test_wells_are_minima():
    target = many_well(2)
    np.testing.assert_allclose(jax.vmap(jax.grad(well_energy))(target.wells), 0.0, atol=1e-9)
    assert float(well_energy(target.wells[0])) > float(well_energy(target.wells[1]))


def test_an_odd_number_is_refused():
    with pytest.raises(ConfigError, match="expected an even number"):
        many_well(3)
