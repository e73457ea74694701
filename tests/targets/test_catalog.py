"""Every named law: it builds, its draws have a finite density that its energy and log Z give, and in the plane it integrates to one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.sampler import draw
from triality.targets.catalog import TARGETS

NUM_CELLS = {  # a side of the box: about one standard deviation each, where the midpoint rule is exact to 1e-8 for Gaussians
    "ring": 240,
    "grid": 200,
    "eight-gaussians": 60,
    "two-moons": 90,
    "pinwheel": 200,
    "spirals": 110,
    "checkerboard": 90,  # twenty cells a square, whose edges then are edges of cells
    "rings": 140,
    "forty-gaussians": 100,
}


@eqx.filter_jit
def drawn(target):
    x, log_q, _ = draw(target, jax.random.key(3), 200)
    return x, log_q, jax.vmap(target.log_prob)(x), jax.vmap(target.energy)(x) + target.log_z


@eqx.filter_jit
def integral(target, power, num_cells):
    low, high = target.box
    axes = low[:, None] + (high - low)[:, None] * (jnp.arange(num_cells) + 0.5) / num_cells
    points = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    cell = jnp.sum(jnp.log((high - low) / num_cells))
    return jnp.exp(jax.nn.logsumexp(jax.lax.map(lambda x: power * target.log_prob(x), points, batch_size=2000)) + cell)


@pytest.mark.parametrize("name", TARGETS)
def test_draws_have_a_finite_density(name):
    target = TARGETS[name]()
    x, with_draw, afterwards, from_energy = drawn(target)
    assert np.isfinite(x).all()
    assert np.isfinite(afterwards).all()
    np.testing.assert_allclose(with_draw, afterwards, atol=1e-9)
    np.testing.assert_allclose(-from_energy, afterwards, atol=1e-9)
    assert np.ptp(afterwards) > 0 or name == "checkerboard"


@pytest.mark.parametrize("name", NUM_CELLS)
def test_in_the_plane_it_integrates_to_one(name):
    target = TARGETS[name]()
    np.testing.assert_allclose(integral(target, jnp.array(1.0), NUM_CELLS[name]), 1.0, atol=1e-5)
    assert abs(integral(target, jnp.array(0.5), NUM_CELLS[name]) - 1.0) > 0.1  # the control: a law half as steep


def test_the_plane_is_all_but_the_funnel_and_the_wells():
    dims = {name: len(make().box[0]) for name, make in TARGETS.items() if name not in NUM_CELLS}
    assert dims == {"funnel": 10, "many-well": 32}
