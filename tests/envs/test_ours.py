"""The environments that Gymnasium does not have, against numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.envs.gridworld import MOVES, TabularEnvironment, gridworld
from triality.envs.point_mass import PointMass, PointMassState
from triality.envs.two_rooms import TwoRooms, remaining_way
from triality.errors import ConfigError
from triality.specs import EnvironmentSpec

KEY = jax.random.key(0)


def test_point_mass_by_hand():
    """p = (0.2, -1), v = (1, 0), u = (0.5, -3): the force is clipped to -1 in its second coordinate."""
    state = PointMassState(jnp.array([0.2, -1.0]), jnp.array([1.0, 0.0]))
    after = PointMass().transition(KEY, state, jnp.array([0.5, -3.0]))
    np.testing.assert_allclose(after.state.velocity, [0.95 + 0.05, -0.1], atol=1e-12)
    np.testing.assert_allclose(after.state.position, [0.3, -1.01], atol=1e-12)
    np.testing.assert_allclose(after.reward, -(0.64 + 0.25 + 0.1 + 0.0125), atol=1e-12)


def test_point_mass_stops_at_the_border_in_one_coordinate_only():
    state = PointMassState(jnp.array([1.99, 0.0]), jnp.array([1.0, 1.0]))
    after = PointMass().transition(KEY, state, jnp.zeros(2))
    np.testing.assert_allclose(after.state.position, [2.0, 0.095], atol=1e-12)
    np.testing.assert_allclose(after.state.velocity, [0.0, 0.95], atol=1e-12)


def test_point_mass_is_linear_quadratic_inside():
    """Away from the bounds the step is linear and the reward quadratic: second differences of the one vanish, third of the other."""
    env = PointMass()

    def along(distance):
        vector = distance * jnp.array([0.3, -0.2, 0.1, 0.4, 0.5, -0.6])
        after = env.transition(KEY, PointMassState(vector[:2], vector[2:4]), vector[4:])
        return jnp.concatenate([env.observe(after.state), after.reward[None]])

    values = jnp.stack([along(distance) for distance in (-1.0, -0.5, 0.0, 0.5, 1.0)])
    np.testing.assert_allclose(jnp.diff(values[:, :4], n=2, axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(jnp.diff(values[:, 4], n=3), 0.0, atol=1e-12)
    assert abs(jnp.diff(values[:, 4], n=2)[0]) > 1e-2


@pytest.mark.parametrize(
    ("start", "action", "end"),
    [
        ((-0.05, 0.4), (1.0, 0.0), (0.05, 0.4)),  # through the door
        ((-0.05, 0.0), (1.0, 0.5), (-0.01, 0.05)),  # against the wall, sliding along
        ((0.05, 0.0), (-1.0, -1.0), (0.01, -0.1)),  # from the other side
        ((-0.02, 0.1801), (1.0, 1.0), (0.08, 0.2801)),  # meets the line x = 0 at y = 0.2001, just inside the door
        ((-0.02, 0.17), (1.0, 1.0), (-0.01, 0.27)),  # meets it at 0.19, though it would end beside the door
        ((-0.95, 0.95), (-3.0, 3.0), (-1.0, 1.0)),  # the outer walls
        ((0.0, 0.4), (-1.0, 0.0), (-0.1, 0.4)),  # standing in the door
    ],
)
def test_two_rooms_walls(start, action, end):
    after = TwoRooms().transition(KEY, jnp.array(start), jnp.array(action))
    np.testing.assert_allclose(after.state, end, atol=1e-12)


def test_two_rooms_can_only_be_changed_through_the_door():
    """Many random walks: whoever changes rooms has crossed the line x = 0 inside the door."""
    env = TwoRooms()

    def walk(key):
        def step(state, key):
            after = env.transition(key, state, jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0)).state
            return after, (state, after)

        return jax.lax.scan(step, env.initial_state(key), jax.random.split(key, 400))[1]

    before, after = (np.asarray(side).reshape(-1, 2) for side in jax.jit(jax.vmap(walk))(jax.random.split(KEY, 200)))
    changed = (before[:, 0] < 0) != (after[:, 0] < 0)
    share = (0 - before[changed, 0]) / (after[changed, 0] - before[changed, 0])
    crossing = before[changed, 1] + share * (after[changed, 1] - before[changed, 1])
    assert changed.sum() > 50
    assert np.all((crossing > 0.2 - 1e-9) & (crossing < 0.6 + 1e-9))


def test_two_rooms_reward_is_the_way_that_is_left():
    np.testing.assert_allclose(remaining_way(jnp.array([0.7, 0.4])), 1.0)
    through_door = 0.3 + np.hypot(0.7, 1.0)
    np.testing.assert_allclose(remaining_way(jnp.array([-0.3, 0.4])), through_door)
    assert TwoRooms().transition(KEY, jnp.array([0.7, -0.6]), jnp.zeros(2)).reward == 0.0


def test_gridworld_by_hand():
    """Two rows, three columns: S # G over . . . with slip 1/2; from the start, right is blocked, and down leads to state 3."""
    env = gridworld(("S#G", "..."), slip=0.5)
    assert env.spec.observation_size == 6
    down, right = MOVES.index((1, 0)), MOVES.index((0, 1))

    def law(state, action):
        total = np.zeros(6)
        np.add.at(total, np.asarray(env.successors[state, action]), np.exp(np.asarray(env.log_probabilities[state, action])))
        return total

    np.testing.assert_allclose(law(0, down), [0.4, 0, 0, 0.6, 0, 0], atol=1e-12)
    np.testing.assert_allclose(law(0, right), [0.9, 0, 0, 0.1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(law(4, right), [0, 0, 0, 0.1, 0.3, 0.6], atol=1e-12)
    np.testing.assert_array_equal(env.reward[:, 0], [-1, -1, 0, -1, -1, -1])


def test_gridworld_steps_follow_the_table():
    env = gridworld(slip=0.3)
    keys = jax.random.split(KEY, 4000)
    state, action = jnp.array(24), jnp.array(1)  # the lower start, upwards
    after = np.asarray(jax.vmap(lambda key: env.transition(key, state, action).state)(keys))
    expected = np.zeros(30)
    np.add.at(expected, np.asarray(env.successors[24, 1]), np.exp(np.asarray(env.log_probabilities[24, 1])))
    measured = np.bincount(after, minlength=30) / len(keys)
    assert np.all(np.abs(measured - expected) <= 5 * np.sqrt(expected * (1 - expected) / len(keys)))
    starts = np.asarray(jax.vmap(env.initial_state)(keys))
    assert set(starts) == {0, 24}


def test_walls_are_never_entered():
    env = gridworld()
    walls = [index for index, cell in enumerate("S.#..G..#.......#..##.#.S.....") if cell == "#"]
    floor = np.setdiff1d(np.arange(30), walls)
    reachable = np.asarray(env.successors)[floor][np.isfinite(np.asarray(env.log_probabilities)[floor])]
    assert not set(reachable.tolist()) & set(walls)


@pytest.mark.parametrize(
    ("rows", "slip", "reason"),
    [((), 0.1, "one positive length"), (("S.", "."), 0.1, "one positive length"), (("S?",), 0.1, "expected cells"), (("..",), 0.1, "start"),
     (("S.",), 1.5, "probability")],
)  # fmt: skip
def test_a_wrong_drawing_is_refused(rows, slip, reason):
    with pytest.raises(ConfigError, match=reason):
        gridworld(rows, slip)


def test_a_specification_of_another_size_is_refused():
    env = gridworld()
    with pytest.raises(ConfigError, match="30 states and 5 actions"):
        TabularEnvironment(EnvironmentSpec("x", 29, num_actions=5), env.successors, env.log_probabilities, env.log_start, env.reward)
