"""The warm-up finds the step size of a given acceptance, whatever the scale of the target and the guess."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.kernels.chains import run_chains
from triality.kernels.hamiltonian import HamiltonianMonteCarlo
from triality.kernels.langevin import Mala
from triality.kernels.warm_up import warm_up

KERNELS = {"mala": (Mala, 0.57), "hmc": (lambda eps: HamiltonianMonteCarlo(eps, jnp.ones(3), 3), 0.65)}


@eqx.filter_jit
def acceptance_after(name, scale, first_step_size):
    """Of fresh chains with the step size that the warm-up found, from where its chains ended; and the step size."""
    kernel_of, target = KERNELS[name]
    energy = lambda x: 0.5 * jnp.sum((x / scale) ** 2) + jnp.sum(jnp.exp(-x / scale))  # noqa: E731
    found = warm_up(jax.random.key(0), kernel_of, energy, jnp.zeros((100, 3)), 200, target, first_step_size)
    fresh = run_chains(jax.random.key(1), kernel_of(found.step_size), energy, found.x, 50)
    return jnp.mean(fresh.acceptance), found


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(("scale", "first_step_size"), [(0.05, 1.0), (20.0, 0.3)])
def test_fresh_chains_accept_as_asked(name, scale, first_step_size):
    """In the warm-up on average; afterwards somewhat more often, since the mean step size is milder than the step sizes were."""
    acceptance, found = acceptance_after(name, jnp.array(scale), jnp.array(first_step_size))
    assert abs(float(jnp.mean(found.acceptance[100:])) - KERNELS[name][1]) < 0.03
    assert abs(float(acceptance) - KERNELS[name][1]) < 0.09
    per_step = 1 if name == "mala" else 3
    assert set(np.asarray(found.num_energies)) == {1 + 200 * per_step}
    assert found.acceptance.shape == (200,)


def test_a_guess_kept_is_far_from_what_was_asked():
    """The control: without adaptation the same chains accept nearly all, or nothing."""
    energy = lambda x: 0.5 * jnp.sum((x / 0.05) ** 2)  # noqa: E731
    acceptance = jnp.mean(run_chains(jax.random.key(1), Mala(1.0), energy, jnp.zeros((100, 3)), 50).acceptance)
    assert abs(float(acceptance) - 0.57) > 0.4


def test_step_sizes_scale_with_the_target():
    """h is in squared units of x: at 400 times the scale, 160,000 times the step."""
    small, large = (acceptance_after("mala", jnp.array(s), jnp.array(0.1 * s**2))[1].step_size for s in (0.05, 20.0))
    np.testing.assert_allclose(large / small, 400.0**2, rtol=1e-6)


def test_bad_requests_are_refused():
    energy = lambda x: jnp.sum(x**2)  # noqa: E731
    with pytest.raises(ConfigError, match="between 0 and 1"):
        warm_up(jax.random.key(0), Mala, energy, jnp.zeros((2, 1)), 10, 1.0)
    with pytest.raises(ConfigError, match="at least one step"):
        warm_up(jax.random.key(0), Mala, energy, jnp.zeros((2, 1)), 0, 0.5)
