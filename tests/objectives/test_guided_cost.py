"""Guided-cost losses: by hand, frozen weights with their broken twin, references, smoothing, weights and masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.objectives import instances
from triality.claims.controls import attached_loss
from triality.energy import Constant, UnnormalizedDensity
from triality.numerics import effective_sample_size
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.guided_cost import (
    DensityReference,
    GuidedCostLoss,
    MixtureGuidedCostLoss,
    ModelReference,
    TemperedToSampleSize,
)
from triality.partition.mixture import mixture
from triality.sampler import Samples

GIVEN = DensityReference(instances.DATA)
LOSSES = {
    "drawn only": GuidedCostLoss(),
    "model": MixtureGuidedCostLoss(ModelReference()),
    "given density": MixtureGuidedCostLoss(GIVEN),
    "tempered": GuidedCostLoss(TemperedToSampleSize(0.7)),
}


def test_drawn_only_by_hand():
    """E = x: data at 1 and 3, one draw at x = 2 with q = 1/2: 2 + log(exp(-2)/(1/2))."""
    data = Samples.unweighted(jnp.array([1.0, 3.0]), jnp.zeros(2))
    drawn = Samples.unweighted(jnp.array([2.0]), jnp.log(jnp.array([0.5])))
    value, metrics = GuidedCostLoss()(UnnormalizedDensity(lambda x: x, Constant(9.0)), data, drawn)
    np.testing.assert_allclose(value, 2.0 + (-2.0 + np.log(2.0)), rtol=1e-14)
    np.testing.assert_allclose(metrics, [-2.0 + np.log(2.0), 1.0, 1.0, 1.0], rtol=1e-14)


def test_mixture_by_hand():
    """One datum (E = 0, p_theta = 1/2 at log Z = log 2, q = 1/4) and three draws (E = log 4, p_theta = 1/8, q = 1/2): alpha = 1/4."""
    data = Samples.unweighted(jnp.array([0.0]), jnp.log(jnp.array([0.25])))
    drawn = Samples.unweighted(jnp.full(3, jnp.log(4.0)), jnp.log(jnp.full(3, 0.5)))
    value, _ = MixtureGuidedCostLoss()(UnnormalizedDensity(lambda x: x, Constant(jnp.log(2.0))), data, drawn)
    on_data, on_drawn = 1.0 / (0.25 * 0.5 + 0.75 * 0.25), 0.25 / (0.25 * 0.125 + 0.75 * 0.5)
    np.testing.assert_allclose(value, 0.0 + np.log((on_data + 3 * on_drawn) / 4), rtol=1e-14)


def test_gradient_is_the_difference_of_two_weighted_means():
    """mean_p dE - sum w dE / sum w, w = exp(-E)/q, the weights written out."""
    data, drawn = instances.two_sides()
    cost = instances.energy()
    jacobian = jax.vmap(lambda x: jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(jax.grad(lambda c: c(x))(cost))]))
    w = jnp.exp(-jax.vmap(cost)(drawn.x) - drawn.log_q)
    wanted = jacobian(data.x).mean(0) - w @ jacobian(drawn.x) / w.sum()
    np.testing.assert_allclose(instances.gradient(GuidedCostLoss(), cost, 0.4, data, drawn), wanted, rtol=1e-11, atol=1e-14)


def test_value_is_the_partition_estimate_of_its_own_name():
    data, drawn = instances.two_sides()
    cost = instances.energy()
    log_p = [jax.vmap(instances.DATA.log_prob)(side.x) for side in (data, drawn)]
    arrays = (-jax.vmap(cost)(data.x), log_p[0], data.log_q, -jax.vmap(cost)(drawn.x), log_p[1], drawn.log_q)
    metrics = LOSSES["given density"](instances.density(cost), data, drawn)[1]
    np.testing.assert_allclose(metrics.log_z, mixture(*arrays).value, rtol=1e-13)


def test_reference_decides_the_weights():
    """A given density does not look at the model, the model reference does: moving log Z moves one and not the other."""
    data, drawn = instances.two_sides()
    cost = instances.energy()
    moved = {}
    for name in ("model", "given density", "drawn only"):
        one, other = (LOSSES[name](instances.density(cost, log_z), data, drawn)[0] for log_z in (0.4, 1.4))
        moved[name] = abs(one - other)
    assert moved["given density"] == moved["drawn only"] == 0.0
    assert moved["model"] > 1e-2


def test_attached_weights_are_wrong_at_the_exact_solution():
    """X14: at p_theta = p with Z exact, in exact expectation, the frozen gradient is zero and the attached one is not."""
    points = jnp.linspace(-2.0, 2.0, 7)[:, None] * jnp.array([[1.0, 0.5]])
    cost = instances.energy()
    log_p = jax.nn.log_softmax(-jax.vmap(cost)(points))
    log_z = jax.nn.logsumexp(-jax.vmap(cost)(points))
    log_q = jax.nn.log_softmax(jnp.array([0.3, -0.9, 0.5, 1.0, -0.2, 0.0, 0.4]))
    sides = Samples(points, log_q, log_p), Samples(points, log_q, log_q)
    frozen = instances.gradient(MixtureGuidedCostLoss(), cost, log_z, *sides)
    assert jnp.max(jnp.abs(frozen)) < 1e-13
    assert jnp.max(jnp.abs(instances.gradient(DiscriminatorLoss(), cost, log_z, *sides))) < 1e-13
    assert jnp.linalg.norm(instances.gradient(attached_loss, cost, log_z, *sides)) > 1e-2


def test_previous_iterate_is_a_reference_like_any_other():
    """With the current model as the "previous" one, loss and gradient are those of the model reference: both are frozen."""
    data, drawn = instances.two_sides()
    cost = instances.energy()
    previous = MixtureGuidedCostLoss(DensityReference(instances.density(cost, 0.4)))
    values = (objective(instances.density(cost, 0.4), data, drawn)[0] for objective in (previous, LOSSES["model"]))
    assert next(values) == next(values)
    gradients = (instances.gradient(objective, cost, 0.4, data, drawn) for objective in (previous, LOSSES["model"]))
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("name", ["drawn only", "model", "given density"])  # tempering counts samples, not their weight
def test_weight_two_is_the_same_as_twice(name):
    data, drawn = instances.two_sides()
    cost = instances.energy()
    twice = [jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[:2]]), side) for side in (data, drawn)]
    weighted = [side._replace(log_weight=side.log_weight.at[:2].set(jnp.log(2.0))) for side in (data, drawn)]
    one, other = (LOSSES[name](instances.density(cost), *sides)[0] for sides in (weighted, twice))
    np.testing.assert_allclose(one, other, rtol=1e-13)
    gradients = (instances.gradient(LOSSES[name], cost, 0.4, *sides) for sides in (weighted, twice))
    np.testing.assert_allclose(*gradients, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_masked_samples_never_touch_loss_or_gradient(name):
    data, drawn = instances.two_sides()
    cost = instances.energy()
    more = Samples(jnp.full((2, 2), jnp.nan), jnp.full(2, jnp.nan), jnp.full(2, -jnp.inf))
    padded = [jax.tree.map(lambda a, b: jnp.concatenate([a, b]), side, more) for side in (data, drawn)]
    (value, metrics), (plain, plain_metrics) = (LOSSES[name](instances.density(cost), *sides) for sides in (padded, (data, drawn)))
    np.testing.assert_allclose(value, plain, rtol=1e-13)
    np.testing.assert_allclose(metrics, plain_metrics, rtol=1e-12)
    wanted = instances.gradient(LOSSES[name], cost, 0.4, data, drawn)
    np.testing.assert_allclose(instances.gradient(LOSSES[name], cost, 0.4, *padded), wanted, rtol=1e-10, atol=1e-13)


def test_ratios_that_overflow_exp_stay_finite():
    data = Samples.unweighted(jnp.array([[0.0, 0.0]]), jnp.array([-1400.0]))
    drawn = Samples.unweighted(jnp.array([[1.0, 0.0], [2.0, 0.0]]), jnp.array([-1000.0, -1400.0]))
    for objective in (GuidedCostLoss(), MixtureGuidedCostLoss()):

        def loss(scale, objective=objective):
            return objective(UnnormalizedDensity(lambda x: -scale * x[0], Constant(0.0)), data, drawn)[0]

        value, slope = jax.value_and_grad(loss)(900.0)
        assert jnp.isfinite(value)
        assert jnp.isfinite(slope)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_tempering_reaches_its_effective_sample_size(fraction):
    log_weight = 6.0 * jax.random.normal(jax.random.key(0), (200,))
    assert effective_sample_size(log_weight) < 0.1 * 200
    smoothed, power = TemperedToSampleSize(fraction)(log_weight)
    reached = effective_sample_size(smoothed) / 200
    assert fraction <= reached <= fraction + 1e-3
    np.testing.assert_allclose(smoothed, power * log_weight, rtol=1e-14)
    assert 0 < power < 1


def test_tempering_leaves_good_weights_alone():
    log_weight = 0.1 * jax.random.normal(jax.random.key(0), (200,))
    smoothed, power = TemperedToSampleSize(0.5)(log_weight)
    assert power == 1.0
    np.testing.assert_array_equal(smoothed, log_weight)


def test_tempering_counts_present_samples_only():
    log_weight = 6.0 * jax.random.normal(jax.random.key(0), (50,))
    padded = jnp.concatenate([log_weight, jnp.full(150, -jnp.inf)])
    (smoothed, power), (plain, plain_power) = TemperedToSampleSize(0.5)(padded), TemperedToSampleSize(0.5)(log_weight)
    np.testing.assert_allclose(power, plain_power, rtol=1e-12)
    np.testing.assert_allclose(smoothed[:50], plain, rtol=1e-12)
    assert jnp.all(jnp.isneginf(smoothed[50:]))


def test_tempering_changes_the_gradient_and_not_the_value():
    data, drawn = instances.two_sides()
    steep = jax.tree.map(lambda leaf: 4.0 * leaf, instances.energy())
    plain, tempered = GuidedCostLoss(), GuidedCostLoss(TemperedToSampleSize(0.7))
    (value, metrics), (other, other_metrics) = (f(instances.density(steep), data, drawn) for f in (plain, tempered))
    np.testing.assert_allclose(value, other, rtol=1e-14)
    assert metrics.ess_fraction == other_metrics.ess_fraction < 0.7
    assert other_metrics.power < 1
    difference = instances.gradient(plain, steep, 0.0, data, drawn) - instances.gradient(tempered, steep, 0.0, data, drawn)
    assert jnp.linalg.norm(difference) > 1e-2
