"""The acceptance ratio (fact 1, D2): against pymbar, against its own equation, differentiated, and at the edges of floating point."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pymbar.other_estimators import bar
from scipy.special import log_expit, logsumexp

from triality.errors import ConfigError
from triality.partition.acceptance_ratio import Sides, acceptance_ratio, residual, residual_and_slope, solve_log_z
from triality.partition.newton import bracketed_newton, with_slope

CAPACITY = 100
jitted_solve, jitted_estimate = jax.jit(solve_log_z), jax.jit(acceptance_ratio)
jitted_gradient = jax.jit(jax.grad(solve_log_z, argnums=(0, 1, 2, 3)))


def padded(data, drawn, weight_data=None, weight_drawn=None, filler=0.0):
    """Both sides at one shape, so that every test here shares three compilations. What is masked must not matter."""
    sides = []
    for values, weights in ((data, weight_data), (drawn, weight_drawn)):
        values = jnp.asarray(values)
        spare = CAPACITY - values.shape[0]
        weights = jnp.zeros_like(values) if weights is None else jnp.asarray(weights, values.dtype)
        sides.append((jnp.pad(values, (0, spare), constant_values=filler), jnp.pad(weights, (0, spare), constant_values=-jnp.inf)))
    return sides[0][0], sides[1][0], sides[0][1], sides[1][1]


def solve(*arrays, filler=0.0):
    return jitted_solve(*padded(*arrays, filler=filler))


def estimate(*arrays, filler=0.0):
    return jitted_estimate(*padded(*arrays, filler=filler))


def gradient(*arrays, filler=0.0):
    return jitted_gradient(*padded(*arrays, filler=filler))


def ratios(seed: int, n: int, m: int, spread: float = 1.0, shift: float = 0.7):
    """r at data and drawn samples: data have the larger ratios, as they do when the model fits."""
    rng = np.random.default_rng(seed)
    return shift + 0.5 * spread + spread * rng.normal(size=n), shift - 0.5 * spread + spread * rng.normal(size=m)


def gap_of_log_sums(log_z, data, drawn):
    """log sum_p (1 - D) - log sum_q D, written again in scipy."""
    log_nu = np.log(len(drawn) / len(data))
    return logsumexp(log_expit(-(data - log_z - log_nu))) - logsumexp(log_expit(drawn - log_z - log_nu))


@pytest.mark.parametrize(("n", "m", "spread"), [(40, 40, 1.0), (30, 90, 2.0), (90, 30, 0.3), (50, 20, 6.0)])
def test_equals_pymbar(n, m, spread):
    data, drawn = ratios(n + m, n, m, spread)
    theirs = bar(-drawn, data, relative_tolerance=1e-14)  # work from q to p is -r; Delta f = -log Z
    ours = estimate(data, drawn)
    assert float(ours.value) == pytest.approx(-theirs["Delta_f"], abs=1e-8)
    # Their error bar is the realizable closed form, ours the sandwich: close, not equal.
    if spread <= 2:
        assert float(ours.stderr) == pytest.approx(theirs["dDelta_f"], rel=0.35)


@pytest.mark.parametrize("logit", [40.0, 300.0])
def test_saturated_logits_still_find_the_root(logit):
    rng = np.random.default_rng(3)
    data, drawn = logit + rng.normal(size=30), -logit + rng.normal(size=70)
    value = float(solve(data, drawn))
    assert abs(gap_of_log_sums(value, data, drawn)) < 1e-9
    if logit == 40.0:
        assert value == pytest.approx(-bar(-drawn, data, relative_tolerance=1e-14)["Delta_f"], abs=1e-8)
    # The equation in plain sums says nothing here: it holds to 1e-9 nats away from the root as well.
    elsewhere = value + 13.0
    realness = np.exp(log_expit(np.concatenate([data, drawn]) - elsewhere - np.log(70 / 30))).sum()
    assert abs(realness - 30) < 1e-6
    assert abs(gap_of_log_sums(elsewhere, data, drawn)) > 20


@pytest.mark.parametrize(("n", "m"), [(25, 25), (20, 60)])
def test_judged_the_wrong_way_round(n, m):
    """Data with the smaller ratios: the sums stand at their maximum. At nu = 1 the root is the middle, by symmetry."""
    data, drawn = jnp.full(n, -40.0), jnp.full(m, 40.0)
    value = float(solve(data, drawn))
    if n == m:
        assert value == pytest.approx(0.0, abs=1e-9)
    else:
        # n sigmoid(b + 40 + log nu) = m sigmoid(40 - b - log nu): the second is what gives way.
        assert abs(gap_of_log_sums(value, np.asarray(data), np.asarray(drawn))) < 1e-9


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_logits_of_ten_thousand(dtype, sign):
    rng = np.random.default_rng(5)
    data = jnp.asarray(sign * 1e4 + rng.normal(size=64), dtype)
    drawn = jnp.asarray(-sign * 1e4 + rng.normal(size=32), dtype)
    result = estimate(data, drawn)
    assert result.value.dtype == dtype
    sides = Sides(data, drawn, jnp.zeros_like(data), jnp.zeros_like(drawn))
    assert abs(float(residual(result.value, sides))) < 1e4 * 20 * float(jnp.finfo(dtype).eps)
    assert np.isfinite(float(result.stderr))
    if dtype == jnp.float64:
        assert all(np.isfinite(np.asarray(g)[:32]).all() for g in gradient(data, drawn))


def test_float32_agrees_with_float64():
    data, drawn = ratios(11, 90, 100)
    single = estimate(jnp.asarray(data, jnp.float32), jnp.asarray(drawn, jnp.float32))
    double = estimate(data, drawn)
    for ours, exact in zip(jax.tree.leaves(single), jax.tree.leaves(double), strict=True):
        assert ours.dtype == jnp.float32
        np.testing.assert_allclose(ours, exact, rtol=2e-4)


@pytest.mark.parametrize("filler", [np.nan, np.inf, -np.inf, 1e30])
def test_masked_samples_change_nothing(filler):
    data, drawn = ratios(7, 30, 50)
    expected, dirty = jax.tree.leaves(estimate(data, drawn)), jax.tree.leaves(estimate(data, drawn, filler=filler))
    np.testing.assert_array_equal(dirty, expected)
    by_data, by_drawn, _, _ = gradient(data, drawn, filler=filler)
    np.testing.assert_array_equal(by_data, gradient(data, drawn)[0])
    np.testing.assert_array_equal(by_data[30:], 0.0)
    np.testing.assert_array_equal(by_drawn[50:], 0.0)


def test_padding_is_the_same_as_no_samples_there():
    data, drawn = map(jnp.asarray, ratios(7, 30, 50))
    np.testing.assert_allclose(jax.tree.leaves(jitted_estimate(data, drawn)), jax.tree.leaves(estimate(data, drawn)), rtol=1e-11)


def test_weights_count():
    data, drawn = ratios(7, 30, 50)
    # A weight of three is three copies, for the value; and weights have no scale of their own.
    thrice = solve(data, drawn, jnp.full(30, np.log(3.0)), jnp.zeros(50))
    assert float(thrice) == pytest.approx(float(solve(np.tile(data, 3), drawn)), abs=1e-12)
    scaled = solve(data, drawn, jnp.full(30, 5.0), jnp.full(50, 5.0))
    assert float(scaled) == pytest.approx(float(solve(data, drawn)), abs=1e-12)


def test_infinite_ratios_on_the_side_where_they_make_sense():
    """Energy infinite at a drawn sample, q = 0 at a datum: counted, not fatal, and far outside [min r, max r] if they are many."""
    data = jnp.concatenate([jnp.array([0.3, 0.5]), jnp.full(30, jnp.inf)])
    drawn = jnp.concatenate([jnp.array([0.1, 0.4, 0.2]), jnp.full(90, -jnp.inf)])
    for pair in [(data, drawn), (data, drawn[:3]), (data[:2], drawn)]:
        value = float(solve(*pair))
        assert abs(gap_of_log_sums(value, *map(np.asarray, pair))) < 1e-9
    assert float(solve(data, drawn[:3])) > 0.5  # beyond the largest finite ratio
    assert float(solve(data[:2], drawn)) < 0.1  # below the smallest
    assert all(np.isfinite(np.asarray(g)).all() for g in gradient(data, drawn)[:2])
    assert np.isnan(float(solve(-data, drawn)))  # p_theta = 0 at a datum: no root is promised
    assert np.isnan(float(solve(data, -drawn)))


def test_no_samples_is_nan_with_zero_gradient():
    data, drawn = ratios(1, 5, 5)
    nothing = np.full(5, -np.inf)
    result = estimate(data, drawn, nothing, np.zeros(5))
    assert np.isnan(float(result.value))
    assert np.isnan(float(result.stderr))
    for leaf in gradient(data, drawn, nothing, np.zeros(5)):
        np.testing.assert_array_equal(leaf, 0.0)


@pytest.mark.parametrize("log_nu", [0.0, 0.7])
@pytest.mark.parametrize("shift", [0.0, 300.0, -300.0])
def test_the_equation_without_logarithms_is_the_same_one(log_nu, shift):
    """What Newton's method calls, against the equation and its derivative; masked, infinite and weighted samples in it."""
    data, drawn = ratios(19, 12, 15, spread=5.0, shift=shift)
    data[0], drawn[0], data[1] = np.inf, -np.inf, 0.0
    weights = np.linspace(-2.0, 3.0, 12)
    weights[1] = -np.inf
    sides = Sides(*map(jnp.asarray, (data, drawn, weights, np.zeros(15))))
    for log_z in (shift - 40.0, shift, shift + 3.0, shift + 40.0):
        point, nu = jnp.asarray(log_z), jnp.asarray(log_nu)
        expected = with_slope(lambda b, nu=nu: residual(b, sides, nu))(point)
        np.testing.assert_allclose(residual_and_slope(point, sides, nu), expected, rtol=1e-9, atol=1e-12)


def test_one_root_from_every_start():
    data, drawn = map(jnp.asarray, ratios(13, 40, 60, spread=20.0))
    sides = Sides(data, drawn, jnp.zeros(40), jnp.zeros(60))
    low, high = jnp.min(jnp.concatenate([data, drawn])), jnp.max(jnp.concatenate([data, drawn]))
    starts = jnp.linspace(low, high, 60)
    function = with_slope(lambda b: residual(b, sides))
    roots = jax.jit(jax.vmap(lambda start: bracketed_newton(function, start, low, high, jnp.array(1e-13))))(starts)
    np.testing.assert_allclose(roots, float(solve(data, drawn)), atol=1e-11)
    slopes = jax.jit(jax.vmap(jax.grad(lambda b: residual(b, sides))))(starts)
    assert float(jnp.min(slopes)) > 0  # increasing, hence unique


def test_fixed_point_iteration_stalls_where_newton_arrives():
    """The broken twin: Z <- mean_all exp(-E)/mu~(Z) climbs at most log(1 + nu) a step."""
    data, drawn = ratios(17, 20, 20, spread=1.0, shift=500.0)
    log_z = 0.0
    for _ in range(100):
        terms = np.concatenate([data, drawn])
        log_z = logsumexp(terms - np.logaddexp(terms - log_z, 0.0) + np.log(2.0)) - np.log(40)
    assert log_z < 100 * np.log(2.0) + 1e-9
    assert float(solve(data, drawn)) > 490


def test_gradient_is_that_of_the_implicit_function():
    data, drawn = ratios(19, 6, 9)
    arrays = [data, drawn, np.linspace(-0.5, 0.4, 6), np.linspace(0.2, -0.7, 9)]
    implicit = gradient(*arrays)
    for which, array in enumerate(arrays):
        for i in range(len(array)):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [a.copy() for a in arrays]
                moved[which][i] += step
                ends.append(float(solve(*moved)))
            assert float(implicit[which][i]) == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)
    assert float(implicit[0].sum() + implicit[1].sum()) == pytest.approx(1.0, abs=1e-12)  # E -> E - k shifts log Z by k


def test_second_derivatives():
    data, drawn = map(jnp.asarray, ratios(19, 6, 9))
    along = jnp.linspace(-1.0, 1.0, 9)
    curvature = jax.jit(jax.grad(jax.grad(lambda t: solve_log_z(data, drawn + t * along))))(0.0)
    slopes = [float(gradient(data, drawn + t * along)[1][:9] @ along) for t in (1e-4, -1e-4)]
    assert float(curvature) == pytest.approx((slopes[0] - slopes[1]) / 2e-4, abs=1e-7)


def test_gradient_survives_saturation():
    by_data, by_drawn, _, _ = gradient(np.array([400.0, 380.0]), np.array([-400.0, -395.0, -420.0]))
    # Only the worst-judged sample of each side moves the root, by one half each.
    np.testing.assert_allclose(by_data[:2], [0.0, 0.5], atol=1e-8)
    np.testing.assert_allclose(by_drawn[:3], [0.0, 0.5, 0.0], atol=5e-3)


def test_vmap_equals_loop():
    stacked = [jnp.stack(leaves) for leaves in zip(*(padded(*ratios(k, 12, 20, spread=1.0 + k)) for k in range(5)), strict=True)]
    batched = jax.jit(jax.vmap(solve_log_z))(*stacked)
    np.testing.assert_allclose(batched, [float(jitted_solve(*(leaf[k] for leaf in stacked))) for k in range(5)], rtol=1e-12)


def test_shifting_the_energy_shifts_the_value_only():
    data, drawn = ratios(23, 30, 40)
    before, after = estimate(data, drawn), estimate(data + 3.0, drawn + 3.0)
    assert float(after.value - before.value) == pytest.approx(3.0, abs=1e-12)
    np.testing.assert_allclose(jax.tree.leaves(after)[1:], jax.tree.leaves(before)[1:], rtol=1e-9)


def test_overlap_is_the_same_from_both_sides():
    data, drawn = ratios(29, 40, 60)
    result = estimate(data, drawn)
    on_drawn = 1.5 * np.exp(log_expit(drawn - float(result.value) - np.log(1.5))).mean()
    assert float(result.diagnostics.overlap) == pytest.approx(on_drawn, rel=1e-10)


def test_strata_need_labels():
    with pytest.raises(ConfigError, match="stratum"):
        acceptance_ratio(jnp.zeros(2), jnp.zeros(2), num_strata=2)
