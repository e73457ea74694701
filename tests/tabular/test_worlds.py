import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.tabular.worlds import FIVE_MOVES, gridworld, icy_gridworld, objectworld, random_mdp, threshold_features


def test_gridworld_moves_walls_and_absorbing_cells():
    mdp = gridworld(3, 4, moves=FIVE_MOVES, absorbing=[11], horizon=2)
    assert mdp.num_branches == 1
    np.testing.assert_array_equal(mdp.successors[5, :, 0], [6, 9, 4, 1, 5])
    np.testing.assert_array_equal(mdp.successors[3, :, 0], [3, 7, 2, 3, 3])
    np.testing.assert_array_equal(mdp.successors[11, :, 0], 11)


def test_icy_gridworld_slips_with_the_stated_probability():
    mdp = icy_gridworld(3, slip=0.4, horizon=2)
    reached = np.zeros(9)
    np.add.at(reached, mdp.successors[1, 3], np.exp(mdp.log_probabilities[1, 3]))  # north from the middle of the upper rim
    np.testing.assert_allclose(reached, [0.1, 0.7, 0.1, 0, 0.1, 0, 0, 0, 0], atol=1e-15)
    np.testing.assert_allclose(np.exp(jax.nn.logsumexp(mdp.log_probabilities, axis=-1)), 1.0, rtol=1e-14)


def test_objectworld_distances_and_cost_by_brute_force():
    size, num_colors = 8, 3
    world = objectworld(jax.random.key(3), size=size, num_objects=6, num_colors=num_colors, discount=0.9)
    objects = np.asarray(world.objects)
    assert len({(row, column) for row, column, *_ in objects.tolist()}) == 6
    for cell in range(size * size):
        here = np.array([cell // size, cell % size])
        for column in range(2 * num_colors):
            same = objects[objects[:, 2 + column // num_colors] == column % num_colors]
            nearest = min((np.hypot(*(here - item[:2])) for item in same), default=np.sqrt(2) * size)
            np.testing.assert_allclose(world.distance[cell, column], nearest, rtol=1e-12)
        outer_0, outer_1 = world.distance[cell, 0], world.distance[cell, 1]
        assert world.cost[cell] == (0 if outer_0 > 3 else -1 if outer_1 <= 2 else 1)
    assert len(set(world.cost.tolist())) == 3
    features = threshold_features(world.distance, size)
    assert features.shape == (64, 48)
    np.testing.assert_array_equal(features[:, :size].sum(axis=1), np.sum(np.asarray(world.distance[:, :1]) < np.arange(1, 9), axis=1))


def test_random_mdp_has_distinct_successors():
    mdp = random_mdp(jax.random.key(4), 6, 2, 4, discount=0.9)
    assert all(len(set(row.tolist())) == 4 for row in mdp.successors.reshape(-1, 4))
    assert jnp.all(jnp.isfinite(mdp.log_probabilities))


@pytest.mark.parametrize(
    "build",
    [
        lambda: gridworld(0, 3, horizon=1),
        lambda: gridworld(2, 2, slip=1.5, horizon=1),
        lambda: gridworld(2, 2, moves=(), horizon=1),
        lambda: gridworld(2, 2, absorbing=[4], horizon=1),
        lambda: objectworld(jax.random.key(0), size=2, num_objects=5, horizon=1),
        lambda: objectworld(jax.random.key(0), num_colors=1, horizon=1),
        lambda: random_mdp(jax.random.key(0), 2, 2, 3, horizon=1),
        lambda: random_mdp(jax.random.key(0), 0, 2, 0, horizon=1),
    ],
)
def test_impossible_worlds_are_refused(build):
    with pytest.raises(ConfigError, match="expected"):
        build()
