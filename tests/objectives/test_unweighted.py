"""Losses that know no density: Kim & Bengio, EBGAN, LeCun's list, the Wasserstein critic. Values by hand, and what they do not do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.objectives import instances
from triality.objectives import lecun
from triality.objectives.contrastive import ContrastiveLoss
from triality.objectives.margin import MarginLoss, pull_away
from triality.objectives.wasserstein import LipschitzPenalty, WassersteinLoss
from triality.sampler import Samples

LOG_P = jax.nn.log_softmax(jnp.array([0.3, -1.2, 0.9, 0.0]))
LOG_Q = jax.nn.log_softmax(jnp.array([-0.5, 0.4, 0.1, 1.0]))
POINTS = jnp.arange(4)


def of_table(objective, data_law, drawn_law):
    """Gradient of the loss in a table of energies, exact expectations; log q is NaN: nobody may read it."""
    data, drawn = (Samples(POINTS, jnp.full(4, jnp.nan), law) for law in (data_law, drawn_law))
    return jax.grad(lambda table: objective(instances.density(lambda x: table[x], jnp.nan), data, drawn)[0])


def test_contrastive_gradient_is_the_likelihoods_only_where_the_negatives_follow_the_model():
    table = jnp.array([0.2, 0.7, -0.4, 0.1])
    model = jax.nn.softmax(-table)
    likelihood = jnp.exp(LOG_P) - model
    np.testing.assert_allclose(of_table(ContrastiveLoss(), LOG_P, jnp.log(model))(table), likelihood, atol=1e-14)
    with_q = of_table(ContrastiveLoss(), LOG_P, LOG_Q)(table)
    np.testing.assert_allclose(with_q - likelihood, model - jnp.exp(LOG_Q), atol=1e-14)  # its bias, exactly


def test_contrastive_loss_with_a_fixed_sampler_diverges():
    """Its gradient is constant, so that twice the steps make twice the energy."""
    gradient = of_table(ContrastiveLoss(), LOG_P, LOG_Q)
    np.testing.assert_allclose(gradient(jnp.zeros(4)), gradient(jnp.array([5.0, -3.0, 2.0, 100.0])), atol=1e-14)
    assert jnp.max(jnp.abs(gradient(jnp.zeros(4)))) > 0.1


def test_margin_loss_by_hand_and_beyond_the_margin():
    data, drawn = (Samples.unweighted(jnp.array(x), jnp.zeros(len(x))) for x in ([1.0, 2.0], [0.5, 4.0, 9.0]))
    loss, metrics = MarginLoss(5.0)(instances.density(lambda x: x), data, drawn)
    np.testing.assert_allclose(loss, 1.5 + (4.5 + 1.0 + 0.0) / 3, rtol=1e-12)
    np.testing.assert_allclose(metrics.inside_margin, 2 / 3, rtol=1e-12)
    slope = jax.grad(lambda scale: MarginLoss(0.1)(instances.density(lambda x: scale * x), data, drawn)[0])(1.0)
    np.testing.assert_allclose(slope, 1.5, rtol=1e-12)  # the data's alone: no draw is inside the margin


def test_margin_loss_is_the_margin_at_the_equilibrium():
    """At q = p every constant energy of at most m has loss m."""
    same = Samples(POINTS, LOG_P, LOG_P)
    for level in (0.0, 0.3, 1.0):
        assert float(MarginLoss(1.0)(instances.density(lambda x, c=level: c + 0.0 * x), same, same)[0]) == pytest.approx(1.0)
    assert float(MarginLoss(1.0)(instances.density(lambda x: 1.5 + 0.0 * x), same, same)[0]) == pytest.approx(1.5)


def test_pull_away_ignores_length_and_counts_pairs():
    code = jnp.array([[1.0, 2.0], [-3.0, 0.5], [0.2, 0.1]])
    unit = np.asarray(code) / np.linalg.norm(code, axis=1, keepdims=True)
    pairs = [(unit[i] @ unit[j]) ** 2 for i in range(3) for j in range(3) if i != j]
    np.testing.assert_allclose(pull_away(code), np.mean(pairs), rtol=1e-12)
    np.testing.assert_allclose(pull_away(code * jnp.array([[2.0], [0.1], [7.0]])), np.mean(pairs), rtol=1e-12)
    np.testing.assert_allclose(pull_away(jnp.ones((4, 3))), 1.0, rtol=1e-12)


CORRECT, INCORRECT = jnp.array([1.0, 3.0]), jnp.array([2.0, 0.5])
BY_HAND = {
    "perceptron": [0.0, 2.5],
    "hinge": [0.0, 3.5],
    "log_loss": [np.log1p(np.exp(-1.0)), np.log1p(np.exp(2.5))],
    "square_square": [1.0, 9.25],
    "minimum_classification_error": [1 / (1 + np.exp(1.0)), 1 / (1 + np.exp(-2.5))],
}


@pytest.mark.parametrize("name", BY_HAND)
def test_lecuns_losses_by_hand(name):
    np.testing.assert_allclose(getattr(lecun, name)(CORRECT, INCORRECT), BY_HAND[name], rtol=1e-12)


def test_hinge_without_margin_is_the_perceptron():
    np.testing.assert_allclose(lecun.hinge(CORRECT, INCORRECT, 0.0), lecun.perceptron(CORRECT, INCORRECT))


def test_all_pairs_and_the_most_offending():
    data, drawn = (Samples.unweighted(x, jnp.zeros(2)) for x in (CORRECT, INCORRECT))
    density = instances.density(lambda x: x)
    pairs = [max(0.0, 1.0 + c - i) for c in (1.0, 3.0) for i in (2.0, 0.5)]
    np.testing.assert_allclose(lecun.PairwiseLoss(lecun.hinge)(density, data, drawn)[0], np.mean(pairs), rtol=1e-12)
    np.testing.assert_allclose(lecun.MostOffending(lecun.hinge)(density, data, drawn)[0], np.mean([1.5, 3.5]), rtol=1e-12)


def test_the_perceptron_is_content_with_a_constant_and_the_others_are_not():
    same = Samples(POINTS, LOG_P, LOG_P)
    flat = instances.density(lambda x: 0.0 * x)
    assert float(lecun.PairwiseLoss(lecun.perceptron)(flat, same, same)[0]) == 0.0
    for name in set(BY_HAND) - {"perceptron"}:
        assert float(lecun.PairwiseLoss(getattr(lecun, name))(flat, same, same)[0]) > 0.4


def test_wasserstein_critic_finds_the_distance_of_two_points_on_a_line():
    """Over critics f = s x with |s| <= 1 the largest value is W_1, here of laws that do not cross; the loss is least there."""
    data = Samples(jnp.array([2.0, 5.0]), jnp.zeros(2), jnp.log(jnp.array([0.25, 0.75])))
    drawn = Samples(jnp.array([0.0, 1.0]), jnp.zeros(2), jnp.log(jnp.array([0.5, 0.5])))
    losses, metrics = zip(*(WassersteinLoss()(lambda x, s=s: s * x, data, drawn) for s in (-1.0, 0.3, 1.0)), strict=True)
    np.testing.assert_allclose([each.distance for each in metrics], 3.75 * np.array([-1.0, 0.3, 1.0]), rtol=1e-12)
    np.testing.assert_allclose(losses, [-each.distance for each in metrics], rtol=1e-12)


def test_lipschitz_penalty_wants_slope_one():
    data, drawn = (Samples.unweighted(jnp.full((3, 2), c), jnp.zeros(3)) for c in (1.0, -2.0))
    values = [float(LipschitzPenalty(10.0, 16)(jax.random.key(0), lambda x, s=s: s * x[0], data, drawn)) for s in (1.0, -1.0, 3.0, 0.0)]
    np.testing.assert_allclose(values, [0.0, 0.0, 40.0, 10.0], atol=1e-10)
    slope = jax.grad(lambda s: LipschitzPenalty()(jax.random.key(0), lambda x: s * x[0], data, drawn))(0.0)
    assert jnp.isfinite(slope)
