import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, DataError
from triality.tabular import empirical_visitation, enumerate_trajectories, noncausal_solution, sample_demonstrations
from triality.tabular.demonstrations import TabularDemonstrations
from triality.tabular.systems.proximal import ProximalConfig, minimize_with_l1
from triality.tabular.systems.relative_entropy import RelativeEntropyLoss, hoeffding_epsilon, relative_entropy_irl
from triality.tabular.systems.trajectory_features import trajectory_features
from triality.tabular.trajectories import step_log_probs
from triality.tabular.worlds import random_mdp

MDP = random_mdp(jax.random.key(70), 3, 2, 2, horizon=4)
FEATURES = jax.random.normal(jax.random.key(71), (3, 2, 3))
THETA = jnp.array([1.2, -0.7, 0.4])


def published_gradient(theta, demonstrated, drawn, ratio, epsilon):
    """Their formula, by loops, for the reward -theta.f: the gradient of their g in the weights of the reward."""
    reward = -theta
    top, bottom = np.zeros_like(theta), 0.0
    for f, w in zip(drawn, ratio, strict=True):
        top += w * np.exp(reward @ f) * f
        bottom += w * np.exp(reward @ f)
    return demonstrated.mean(axis=0) - top / bottom - np.sign(reward) * epsilon


def test_the_gradient_is_the_published_formula():
    generator = np.random.default_rng(0)
    demonstrated, drawn, theta = generator.normal(size=(5, 3)), generator.normal(size=(40, 3)), generator.normal(size=3)
    log_ratio, epsilon = generator.normal(size=40), np.array([0.1, 0.2, 0.3])
    loss = RelativeEntropyLoss(jnp.asarray(demonstrated.mean(axis=0)), jnp.asarray(drawn), jnp.asarray(log_ratio))
    ours = jax.grad(lambda theta: loss(theta) + jnp.sum(epsilon * jnp.abs(theta)))(jnp.asarray(theta))
    # L(theta) = -g(-theta), so that L has the gradient of g at the reward's weights: two turned signs.
    np.testing.assert_allclose(ours, published_gradient(theta, demonstrated, drawn, np.exp(log_ratio), epsilon), atol=1e-12)
    for ratio, turned in ((np.ones(40), theta), (np.exp(log_ratio), -theta)):
        assert np.max(np.abs(ours - published_gradient(turned, demonstrated, drawn, ratio, epsilon))) > 1e-2


@pytest.fixture(scope="module")
def exact():
    """Every path, weighed as the sampler draws it: the estimate without its noise."""
    space = enumerate_trajectories(MDP)
    paths = TabularDemonstrations(space.points.states, space.points.actions, jnp.full(space.log_base.shape, 4))
    features = trajectory_features(FEATURES, paths)
    model = space.log_base - features @ THETA
    return features, space.log_base, jax.nn.softmax(model), space


def test_features_of_trajectories_are_the_visits_times_features():
    batch = sample_demonstrations(jax.random.key(72), MDP, jnp.log(jnp.full((3, 2), 0.5)), 20)
    counts = trajectory_features(FEATURES, batch)
    visits = empirical_visitation(MDP, batch).state_action
    np.testing.assert_allclose(counts.mean(axis=0), jnp.tensordot(visits, FEATURES, axes=2), atol=1e-12)
    short = batch._replace(lengths=jnp.full(20, 2), states=batch.states.at[:, 2:].set(0))
    by_hand = sum(0.5**t * FEATURES[batch.states[3, t], batch.actions[3, t]] for t in range(2))
    np.testing.assert_allclose(trajectory_features(FEATURES, short, 0.5)[3], by_hand, atol=1e-12)


def test_with_every_path_the_truth_comes_back_whoever_drew(exact):
    features, log_base, model, space = exact
    demonstrated = (model @ features)[None]
    skewed = jax.nn.log_softmax(jax.random.normal(jax.random.key(73), (3, 2)))
    log_pi = jax.vmap(lambda one: jnp.sum(step_log_probs(skewed, one)))(space.points)
    # Enumerated instead of drawn: a path's frequency under the sampler joins its ratio.
    log_drawn = log_base + log_pi
    learned = relative_entropy_irl(demonstrated, features, (-log_pi) + log_drawn)
    assert learned.converged
    np.testing.assert_allclose(learned.parameters, THETA, atol=1e-6)
    np.testing.assert_allclose(jnp.exp(learned.log_weight), model, atol=1e-7)
    expected = jnp.exp(MDP.log_start) @ jnp.exp(noncausal_solution(MDP, FEATURES @ THETA).value[0])
    np.testing.assert_allclose(learned.log_z + jnp.log(features.shape[0]), jnp.log(expected), atol=1e-7)
    # The twin without weights takes the sampler for the baseline.
    assert jnp.max(jnp.abs(relative_entropy_irl(demonstrated, features, log_drawn).parameters - THETA)) > 0.05


def test_epsilon_is_the_box_of_the_feature_gap_and_makes_zeros(exact):
    features, log_base, model, _ = exact
    epsilon = jnp.array([0.05, 0.9, 0.02])
    demonstrated = (model @ features)[None]
    learned = relative_entropy_irl(demonstrated, features, log_base, epsilon)
    assert learned.converged
    gap = demonstrated[0] - jnp.exp(learned.log_weight) @ features
    assert jnp.all(jnp.abs(gap) <= epsilon + 1e-8)
    active = learned.parameters != 0
    assert active.tolist() == [True, False, True]
    np.testing.assert_allclose(gap[active], -(epsilon * jnp.sign(learned.parameters))[active], atol=1e-8)


def test_hoeffding_holds_and_half_of_it_does_not():
    """P(mean - expectation >= epsilon) <= 1 - confidence, at Bernoulli(1/2); a quarter of the width covers too little."""
    epsilon = hoeffding_epsilon(40, 1.0, confidence=0.9)[0]
    means = np.random.default_rng(1).binomial(40, 0.5, size=20_000) / 40 - 0.5
    assert np.mean(means >= epsilon) <= 0.1 + 4 * np.sqrt(0.09 / 20_000)
    assert np.mean(means >= epsilon / 4) > 0.15


def test_the_solver_stops_at_its_count_and_says_so():
    demonstrated, drawn = jnp.array([[9.0]]), jnp.array([[0.0], [4.0]])  # outside of the hull: no optimum
    learned = relative_entropy_irl(demonstrated, drawn, config=ProximalConfig(max_num_steps=50))
    assert not learned.converged
    assert learned.ess < 1.01
    quadratic = minimize_with_l1(lambda theta: 0.5 * jnp.sum((theta - jnp.array([3.0, -2.0, 0.5])) ** 2), jnp.zeros(3), jnp.ones(3), 0.0)
    np.testing.assert_allclose(quadratic.parameters, [2.0, 0.0, 0.0], atol=1e-9)


def test_wrong_input_is_refused():
    ok = jnp.ones((2, 3))
    with pytest.raises(DataError, match="drawn features"):
        relative_entropy_irl(ok, ok.at[0, 0].set(jnp.nan))
    with pytest.raises(DataError, match="align them"):
        relative_entropy_irl(ok, jnp.ones((4, 2)))
    with pytest.raises(ConfigError, match="epsilon >= 0"):
        relative_entropy_irl(ok, ok, epsilon=-1.0)
    with pytest.raises(ConfigError, match="confidence"):
        hoeffding_epsilon(3, 1.0, confidence=1.0)
    with pytest.raises(ConfigError, match="tolerance > 0"):
        ProximalConfig(tolerance=0.0)
