import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, DataError
from triality.tabular import noncausal_solution, sample_demonstrations
from triality.tabular.systems.path_integral import PathIntegralLoss, path_integral_irl, perturbations
from triality.tabular.systems.trajectory_features import trajectory_features
from triality.tabular.worlds import gridworld

GENERATOR = np.random.default_rng(3)
DEMONSTRATED = GENERATOR.normal(size=(6, 5))
PERTURBED = GENERATOR.normal(loc=[0.8, 0.4, 0.0, -0.8, 0.1], size=(6, 8, 5))


def loss_by_loops(theta, demonstrated, perturbed):
    total = 0.0
    for f, others in zip(demonstrated, perturbed, strict=True):
        bottom = np.exp(-theta @ f)
        for other in others:
            bottom += np.exp(-theta @ other)
        total -= np.log(np.exp(-theta @ f) / bottom)
    return total


def test_the_loss_is_the_conditional_softmax():
    theta = np.array([0.3, 1.1, 0.0, 0.7, 0.2])
    loss = PathIntegralLoss(jnp.asarray(DEMONSTRATED), jnp.asarray(PERTURBED))
    np.testing.assert_allclose(loss(jnp.asarray(theta)), loss_by_loops(theta, DEMONSTRATED, PERTURBED), rtol=1e-12)
    assert abs(loss(jnp.asarray(-theta)) - loss_by_loops(theta, DEMONSTRATED, PERTURBED)) > 0.1
    assert jnp.isfinite(loss(1e6 * jnp.asarray(theta)))


@pytest.mark.parametrize("l1", [0.01, 1.0])
def test_the_optimum_satisfies_the_conditions_of_karush_kuhn_and_tucker(l1):
    learned = path_integral_irl(jnp.asarray(DEMONSTRATED), jnp.asarray(PERTURBED), l1)
    assert learned.converged
    theta = np.asarray(learned.parameters)
    above, below = ([loss_by_loops(theta + h * e, DEMONSTRATED, PERTURBED) for e in np.eye(5)] for h in (1e-6, -1e-6))
    slack = (np.array(above) - np.array(below)) / 2e-6 + l1
    assert theta.min() >= 0
    assert 0 < np.sum(theta > 0) < 5
    np.testing.assert_allclose(slack[theta > 0], 0, atol=1e-6)
    assert slack[theta == 0].min() > 0
    value = loss_by_loops(theta, DEMONSTRATED, PERTURBED) + l1 * theta.sum()
    np.testing.assert_allclose(learned.objective, value, rtol=1e-12)
    # No random feasible point is better.
    others = np.abs(theta + 0.1 * np.random.default_rng(4).normal(size=(200, 5)))
    assert all(loss_by_loops(other, DEMONSTRATED, PERTURBED) + l1 * other.sum() > value for other in others)


def test_a_large_penalty_leaves_chance():
    learned = path_integral_irl(jnp.asarray(DEMONSTRATED), jnp.asarray(PERTURBED), 1e3)
    assert jnp.all(learned.parameters == 0)
    np.testing.assert_allclose(learned.likelihood, 1 / 9, rtol=1e-12)


MDP = gridworld(4, 4, start=np.full(16, 1 / 16), horizon=6)
KINDS = jax.random.categorical(jax.random.key(80), jnp.log(jnp.array([0.4, 0.2, 0.2, 0.2])), shape=(16,))
FEATURES = jnp.broadcast_to(jax.nn.one_hot(KINDS, 4)[:, None, 1:], (16, 4, 3))
THETA = jnp.array([0.8, 1.6, 0.0])


@pytest.fixture(scope="module")
def demonstrations():
    return sample_demonstrations(jax.random.key(81), MDP, noncausal_solution(MDP, FEATURES @ THETA).log_policy, 400)


def test_perturbations_are_local_and_follow_the_dynamics(demonstrations):
    near = perturbations(jax.random.key(82), MDP, demonstrations, 10, 0.3)
    assert near.states.shape == (4000, 7)
    np.testing.assert_array_equal(near.states[::10, 0], demonstrations.states[:, 0])
    np.testing.assert_array_equal(MDP.successors[near.states[:, :-1], near.actions, 0], near.states[:, 1:])
    # A uniform action is the old one a quarter of the time: 0.3 * 3/4 of 24000 actions differ.
    changed = np.mean(np.asarray(near.actions) != np.repeat(np.asarray(demonstrations.actions), 10, axis=0))
    assert abs(changed - 0.225) < 4 * np.sqrt(0.225 * 0.775 / 24_000)
    same = perturbations(jax.random.key(83), MDP, demonstrations, 2, 0.0)
    np.testing.assert_array_equal(same.states[::2], demonstrations.states)


@pytest.mark.slow
def test_against_uniform_trajectories_the_truth_comes_back(demonstrations):
    """Ranking against uniform noise is consistent: within the errors that the curvature at the optimum tells."""
    anywhere = perturbations(jax.random.key(84), MDP, demonstrations, 20, 1.0)
    counts, others = trajectory_features(FEATURES, demonstrations), trajectory_features(FEATURES, anywhere).reshape(400, 20, 3)
    learned = path_integral_irl(counts, others, l1=1e-6)
    assert learned.converged
    errors = jnp.sqrt(jnp.diag(jnp.linalg.inv(jax.jit(jax.hessian(PathIntegralLoss(counts, others)))(learned.parameters))))
    assert jnp.max(errors) < 0.15
    assert jnp.all(jnp.abs(learned.parameters - THETA) < 4 * errors)
    # The twin that ranks a random trajectory first learns nothing of the kind.
    turned = path_integral_irl(others[:, 0], others[:, 1:], l1=1e-6)
    assert jnp.any(jnp.abs(turned.parameters - THETA) > 4 * errors)


def test_wrong_input_is_refused():
    with pytest.raises(DataError, match="its own set"):
        path_integral_irl(jnp.ones((2, 3)), jnp.ones((3, 4, 3)))
    with pytest.raises(DataError, match="perturbed features"):
        path_integral_irl(jnp.ones((2, 3)), jnp.full((2, 4, 3), jnp.inf))
    with pytest.raises(ConfigError, match="l1 >= 0"):
        path_integral_irl(jnp.ones((2, 3)), jnp.ones((2, 4, 3)), l1=-0.1)
