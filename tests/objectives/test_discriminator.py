"""The discriminator's loss: by hand, against mpmath, under saturation, weights, masks and counts; and its overlap-normalized form."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from tests.objectives import instances
from triality.energy import Constant, UnnormalizedDensity
from triality.objectives.discriminator import (
    DiscriminatorLoss,
    OverlapNormalizedLoss,
    decomposition,
    discriminator_loss,
    discriminator_metrics,
    log_odds,
)
from triality.sampler import Samples, log_noise_ratio

zeros = jnp.zeros


def test_value_by_hand():
    """D = 3/4 on one datum, D = 1/4 and 1/2 on two draws, nu = 2: -log(3/4) - log(3/4) - log(1/2)."""
    loss = discriminator_loss(jnp.log(jnp.array([3.0])), jnp.log(jnp.array([1 / 3, 1.0])), zeros(1), zeros(2))
    np.testing.assert_allclose(loss, 2 * np.log(4 / 3) + np.log(2), rtol=1e-14)


def test_log_odds_by_hand():
    """-E - log q - log Z - log nu = -2 - 3 - 5 - 7."""
    samples = Samples.unweighted(jnp.array([2.0]), jnp.array([3.0]))
    density = UnnormalizedDensity(lambda x: x, Constant(5.0))
    np.testing.assert_allclose(log_odds(density, samples, 7.0), [-17.0])


def test_low_energy_looks_like_data():
    samples = Samples.unweighted(jnp.array([-1.0, 1.0]), zeros(2))
    low, high = log_odds(UnnormalizedDensity(lambda x: x, Constant(0.0)), samples)
    assert low > 0 > high


@pytest.mark.parametrize("size", [1e-3, 1.0, 36.0, 700.0, 1e4])
@pytest.mark.parametrize("sign", [-1, 1])
def test_value_and_gradient_against_mpmath(size, sign):
    s = sign * size
    with mpmath.workdps(50):
        exact = mpmath.log1p(mpmath.exp(-mpmath.mpf(s))) + mpmath.log1p(mpmath.exp(mpmath.mpf(s)))
        slope_data, slope_drawn = -1 / (1 + mpmath.exp(mpmath.mpf(s))), 1 / (1 + mpmath.exp(-mpmath.mpf(s)))

    def loss(on_data, on_drawn):
        return discriminator_loss(on_data, on_drawn, zeros(1), zeros(1))

    value = loss(jnp.array([s]), jnp.array([s]))
    by_data, by_drawn = jax.grad(loss, argnums=(0, 1))(jnp.array([s]), jnp.array([s]))
    np.testing.assert_allclose(float(value), float(exact), rtol=1e-12)
    np.testing.assert_allclose(float(by_data[0]), float(slope_data), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(float(by_drawn[0]), float(slope_drawn), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_finite_in_float32(size):
    s = jnp.full(3, size, jnp.float32)
    value, slopes = jax.value_and_grad(lambda s: discriminator_loss(s, s, zeros(3, jnp.float32), zeros(3, jnp.float32)))(s)
    assert value.dtype == jnp.float32
    assert jnp.isfinite(value)
    assert jnp.all(jnp.isfinite(slopes))


def test_forming_d_first_is_what_breaks():
    """The control of the test above: log of D and of 1 - D, formed as numbers."""
    d = 1 / (1 + jnp.exp(-jnp.array([-1e4, 1e4])))
    assert not jnp.all(jnp.isfinite(jnp.log(d)) & jnp.isfinite(jnp.log1p(-d)))


def test_no_gradient_reaches_log_q():
    data, drawn = instances.two_sides()

    def loss(shift):
        shifted = [side._replace(log_q=side.log_q + shift) for side in (data, drawn)]
        return DiscriminatorLoss()(instances.density(instances.energy()), *shifted)[0]

    assert jax.grad(loss)(0.0) == 0.0
    assert abs(loss(0.1) - loss(0.0)) > 1e-3


@pytest.mark.parametrize("objective", [DiscriminatorLoss(), OverlapNormalizedLoss()])
def test_weight_two_is_the_same_as_twice(objective):
    data, drawn = instances.two_sides()
    cost = instances.energy()
    twice_data, twice_drawn = (jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[:2]]), side) for side in (data, drawn))
    weighted = [side._replace(log_weight=side.log_weight.at[:2].set(jnp.log(2.0))) for side in (data, drawn)]
    one, other = (objective(instances.density(cost), *sides)[0] for sides in (weighted, (twice_data, twice_drawn)))
    np.testing.assert_allclose(one, other, rtol=1e-13)
    gradients = (instances.gradient(objective, cost, 0.4, *sides) for sides in (weighted, (twice_data, twice_drawn)))
    np.testing.assert_allclose(*gradients, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("objective", [DiscriminatorLoss(), OverlapNormalizedLoss()])
def test_masked_samples_never_touch_loss_or_gradient(objective):
    data, drawn = instances.two_sides()
    cost = instances.energy()

    def padded(side):
        more = Samples(jnp.full((2, 2), jnp.nan), jnp.full(2, jnp.nan), jnp.full(2, -jnp.inf))
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), side, more)

    sides = padded(data), padded(drawn)
    (value, metrics), (plain, plain_metrics) = (objective(instances.density(cost), *pair) for pair in (sides, (data, drawn)))
    np.testing.assert_allclose(value, plain, rtol=1e-14)
    np.testing.assert_allclose(metrics, plain_metrics, rtol=1e-12)
    wanted = instances.gradient(objective, cost, 0.4, data, drawn)
    np.testing.assert_allclose(instances.gradient(objective, cost, 0.4, *sides), wanted, rtol=1e-11, atol=1e-13)


def test_nu_comes_from_the_weights():
    data, drawn = instances.two_sides(4, 8)
    heavier = drawn._replace(log_weight=drawn.log_weight + jnp.log(3.0))
    np.testing.assert_allclose(log_noise_ratio(data, heavier), np.log(6.0), rtol=1e-14)
    np.testing.assert_allclose(log_noise_ratio(data, data), 0.0, atol=1e-15)


@pytest.mark.parametrize(("num_data", "num_drawn"), [(6, 6), (2, 10), (10, 2)])
@pytest.mark.parametrize("log_z", [-3.0, 0.4, 5.0])
def test_decomposition_constant(num_data, num_drawn, log_z):
    """Loss minus eq. 8 = (1 + nu) log(1 + nu) - nu log nu, at any theta and Z: 2 log 2 at nu = 1, 2.7034 at nu = 5 (X1)."""
    data, drawn = instances.two_sides(num_data, num_drawn)
    cost, nu = instances.energy(), num_drawn / num_data
    energies = (jax.vmap(cost)(side.x) for side in (data, drawn))
    eq_8 = decomposition(next(energies), data.log_q, next(energies), drawn.log_q, jnp.array(log_z))
    loss = DiscriminatorLoss()(instances.density(cost, log_z), data, drawn)[0]
    np.testing.assert_allclose(loss - eq_8, (1 + nu) * np.log1p(nu) - nu * np.log(nu), rtol=1e-12)
    if nu == 1:
        np.testing.assert_allclose(loss - eq_8, 1.3862943611198906, rtol=1e-12)
    if nu == 5:
        np.testing.assert_allclose(loss - eq_8, 2.7034, atol=1e-4)


def test_weighted_decomposition_is_that_of_repeated_samples():
    data, drawn = instances.two_sides(4, 6)
    cost = instances.energy()
    energies = [jax.vmap(cost)(side.x) for side in (data, drawn)]
    weight = jnp.log(jnp.array([3.0, 1.0, 1.0, 2.0]))
    index = jnp.array([0, 0, 0, 1, 2, 3, 3])
    weighted = decomposition(energies[0], data.log_q, energies[1], drawn.log_q, jnp.array(0.4), weight, zeros(6))
    repeated = decomposition(energies[0][index], data.log_q[index], energies[1], drawn.log_q, jnp.array(0.4))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-13)


def test_metrics_by_hand():
    """D = 3/4 and 1/4 on data, 1/5 on one draw: E_p[1 - D] = 1/2, nu E_q[D] = 1/10, half right + all right."""
    metrics = discriminator_metrics(jnp.log(jnp.array([3.0, 1 / 3])), jnp.log(jnp.array([0.25])), zeros(2), zeros(1))
    np.testing.assert_allclose(metrics, [0.5, 0.1, np.log(0.5), 0.75], rtol=1e-13)


def test_log_overlap_outlives_the_overlap():
    metrics = discriminator_metrics(jnp.array([2000.0]), jnp.array([-2000.0]), zeros(1), zeros(1))
    assert metrics.overlap_data == 0.0
    np.testing.assert_allclose(metrics.log_overlap, -2000.0)


def test_overlaps_agree_exactly_at_the_minimizing_z():
    data, drawn = instances.two_sides()
    cost = instances.energy()
    log_z = instances.solved(cost, data, drawn)
    at_root, off = (DiscriminatorLoss()(instances.density(cost, z), data, drawn)[1] for z in (log_z, log_z + 0.5))
    np.testing.assert_allclose(at_root.overlap_data, at_root.overlap_drawn, rtol=1e-13)
    assert abs(off.overlap_data / off.overlap_drawn - 1) > 0.1


def test_overlap_normalized_gradient_is_the_plain_one_over_the_overlap():
    data, drawn = instances.two_sides()
    cost = instances.energy()
    log_z = instances.solved(cost, data, drawn)
    plain, metrics = DiscriminatorLoss()(instances.density(cost, log_z), data, drawn)
    normalized, _ = OverlapNormalizedLoss()(instances.density(cost, log_z), data, drawn)
    np.testing.assert_allclose(normalized, plain, rtol=1e-14)
    wanted = instances.gradient(DiscriminatorLoss(), cost, log_z, data, drawn) / metrics.overlap_data
    np.testing.assert_allclose(instances.gradient(OverlapNormalizedLoss(), cost, log_z, data, drawn), wanted, rtol=1e-10, atol=1e-13)


def test_overlap_normalized_gradient_at_a_wrong_z_is_another():
    """The control: away from the root, the two sides are divided by different numbers."""
    data, drawn = instances.two_sides()
    cost = instances.energy()
    log_z = instances.solved(cost, data, drawn) + 1.0
    metrics = DiscriminatorLoss()(instances.density(cost, log_z), data, drawn)[1]
    plain = instances.gradient(DiscriminatorLoss(), cost, log_z, data, drawn) / metrics.overlap_data
    normalized = instances.gradient(OverlapNormalizedLoss(), cost, log_z, data, drawn)
    assert jnp.linalg.norm(normalized - plain) > 1e-2 * jnp.linalg.norm(plain)


def test_overlap_normalized_gradient_survives_separation():
    """Where D is certain of every sample the plain gradient is zero; this one still points somewhere, and lowers energies of the data."""

    def cost(theta):
        return lambda x: theta @ x

    data = Samples.unweighted(jnp.array([[-900.0, 1.0], [-950.0, 0.0]]), zeros(2))
    drawn = Samples.unweighted(jnp.array([[900.0, 0.5], [990.0, 2.0], [800.0, 0.1]]), zeros(3))
    theta = jnp.array([1.0, 0.0])

    def gradient(objective):
        return jax.grad(lambda theta: objective(UnnormalizedDensity(cost(theta), Constant(0.0)), data, drawn)[0])(theta)

    assert jnp.all(gradient(DiscriminatorLoss()) == 0.0)
    survived = gradient(OverlapNormalizedLoss())
    # Sample by sample: the data with the highest energy (-900), the draw with the lowest (800).
    np.testing.assert_allclose(survived, jnp.array([-900.0, 1.0]) - jnp.array([800.0, 0.1]), rtol=1e-12)
