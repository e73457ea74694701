import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.tabular import instances
from triality.errors import DataError
from triality.tabular import TabularDemonstrations, discounted_visits, empirical_visitation, policy_visits, sample_demonstrations
from triality.tabular.worlds import gridworld, random_mdp

CORRIDOR = gridworld(1, 4, horizon=3)  # east, south, west, north
EAST, SOUTH, WEST = 0, 1, 2


def test_visits_by_hand():
    demonstrations = TabularDemonstrations(
        states=jnp.array([[0, 1, 2, 3], [0, 0, 1, 0]]),
        actions=jnp.array([[EAST, EAST, EAST], [SOUTH, EAST, WEST]]),
        lengths=jnp.array([3, 3]),
    )
    visitation = empirical_visitation(CORRIDOR, demonstrations)
    expected = np.zeros((4, 4))
    expected[0, EAST], expected[1, EAST], expected[2, EAST], expected[0, SOUTH], expected[1, WEST] = 1.0, 0.5, 0.5, 0.5, 0.5
    np.testing.assert_allclose(visitation.state_action, expected)
    np.testing.assert_allclose(visitation.start, [1, 0, 0, 0])
    only_first = empirical_visitation(CORRIDOR, demonstrations, weights=[2.0, 0.0])
    np.testing.assert_allclose(only_first.state_action[:3, EAST], 1.0)
    np.testing.assert_allclose(only_first.state_action.sum(), 3.0)


def test_discounted_visits_by_hand_ignore_padding_and_sum_to_the_whole():
    mdp = gridworld(1, 4, discount=0.5)
    demonstrations = TabularDemonstrations(jnp.array([[0, 1, 2, 99]]), jnp.array([[EAST, EAST, 99]]), jnp.array([2]))
    visitation = empirical_visitation(mdp, demonstrations)
    np.testing.assert_allclose(visitation.state_action[:2, EAST], np.array([1.0, 0.5]) * 2.0 / 1.5)
    np.testing.assert_allclose(visitation.state_action.sum(), 2.0)


def test_sampled_demonstrations_follow_policy_and_dynamics():
    """Every cell of the visits within five standard errors of the exact marginals; a cell has at most variance T^2 / 4 a trajectory."""
    mdp = instances.stochastic()
    log_policy = instances.random_log_policy(mdp)
    num_trajectories = 20_000
    demonstrations = sample_demonstrations(jax.random.key(1), mdp, log_policy, num_trajectories)
    exact = policy_visits(mdp, log_policy)
    one_hot = np.zeros((num_trajectories, mdp.num_states, mdp.num_actions))
    np.add.at(one_hot, (np.arange(num_trajectories)[:, None], demonstrations.states[:, :-1], demonstrations.actions), 1.0)
    standard_error = one_hot.std(axis=0) / np.sqrt(num_trajectories)
    visitation = empirical_visitation(mdp, demonstrations)
    assert np.all(np.abs(visitation.state_action - exact.total) < 5 * standard_error)
    wrong = policy_visits(mdp, log_policy[::-1]).total  # the policy in reversed time: must be told apart
    assert np.any(np.abs(visitation.state_action - wrong) > 10 * standard_error)


def test_discounted_sampling_approaches_the_occupancy():
    mdp = random_mdp(jax.random.key(2), 5, 2, 2, discount=0.9)
    log_policy = jax.nn.log_softmax(jax.random.normal(jax.random.key(3), (5, 2)))
    visitation = empirical_visitation(mdp, sample_demonstrations(jax.random.key(4), mdp, log_policy, 4000, num_steps=150))
    np.testing.assert_allclose(visitation.state_action, discounted_visits(mdp, log_policy).state_action, atol=0.1)
    np.testing.assert_allclose(visitation.state_action.sum(), 10.0, rtol=1e-12)


GOOD = {"states": [[0, 1, 2, 3]], "actions": [[EAST, EAST, EAST]], "lengths": [3]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"states": [[0, 1, 2]]}, "N, T >= 1"),
        ({"states": np.zeros((0, 4)), "actions": np.zeros((0, 3)), "lengths": np.zeros(0)}, "N, T >= 1"),
        ({"lengths": [0]}, "drop empty trajectories"),
        ({"lengths": [4]}, "lengths in 1 .. 3"),
        ({"lengths": [2]}, "absorbing state"),
        ({"states": [[0, 1, 2, 4]]}, "state indices in 0 .. 3"),
        ({"actions": [[EAST, 4, EAST]]}, "action indices in 0 .. 3"),
        ({"states": [[0, 1, 3, 3]]}, "first from state 1 by action 0 to state 3"),
    ],
)
def test_wrong_demonstrations_are_refused(change, message):
    def build(parts):
        return TabularDemonstrations(*(jnp.asarray(parts[name], dtype=int) for name in ("states", "actions", "lengths")))

    empirical_visitation(CORRIDOR, build(GOOD))
    with pytest.raises(DataError, match=message):
        empirical_visitation(CORRIDOR, build(GOOD | change))


def test_wrong_weights_are_refused():
    one = TabularDemonstrations(jnp.array([[0, 1, 2, 3]]), jnp.array([[EAST, EAST, EAST]]), jnp.array([3]))
    for weights in ([1.0, 1.0], [-1.0], [0.0], [np.nan]):
        with pytest.raises(DataError, match="finite weights"):
            empirical_visitation(CORRIDOR, one, weights)
