"""The maze whose opening changes sides: exact sliding against many tiny steps, and numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.envs.point_maze import PointMaze, point_maze_anywhere, point_maze_shifted, slide_around

KEY = jax.random.key(0)
WORLDS = {"left": PointMaze(), "right": point_maze_shifted()}
SUBSTEPS, NUM = 2000, 4000


def tiny_steps(start, move, edge, toward):
    """The same motion in numpy: of each tiny step the coordinate that would enter the barrier is held."""
    position, tiny = start.copy(), move / SUBSTEPS

    def inside(x, y):
        return (toward * (x - edge) > 0) & (y > 0.25) & (y < 0.35)

    for _ in range(SUBSTEPS):
        x, y = position.T
        along_x = np.where(inside(x + tiny[:, 0], y), x, x + tiny[:, 0])
        along_y = np.where(inside(along_x, y + tiny[:, 1]), y, y + tiny[:, 1])
        position = np.stack([along_x, along_y], axis=1)
    return position


@pytest.fixture(scope="module", params=WORLDS)
def moves(request):
    """Starts close to the barrier, where something happens, with moves of every direction."""
    world, draw = WORLDS[request.param], np.random.default_rng(1)
    start = np.stack([world.edge + draw.uniform(-0.06, 0.06, NUM), draw.uniform(0.2, 0.4, NUM)], axis=1)
    is_free = ~((world.toward * (start[:, 0] - world.edge) >= 0) & (start[:, 1] >= 0.25) & (start[:, 1] <= 0.35))
    start = start[is_free]
    return world, start, 0.05 * draw.uniform(-1.0, 1.0, start.shape)


def ends(world, start, move, toward=None):
    slide = jax.jit(jax.vmap(lambda s, m: slide_around(s, m, world.edge, world.toward if toward is None else toward)))
    return np.asarray(slide(jnp.asarray(start), jnp.asarray(move)))


def test_sliding_is_the_limit_of_tiny_steps(moves):
    """Two tiny steps apart at most. One broken twin holds whoever met a side there for the whole step, corner or not; one is mirrored."""
    world, start, move = moves
    exact, limit = ends(world, start, move), tiny_steps(start, move, world.edge, world.toward)
    np.testing.assert_allclose(exact, limit, atol=2 * 0.05 / SUBSTEPS)
    met = np.abs(exact - start - move) > 1e-9
    assert np.all(met.sum(axis=0) > 100)
    held = np.where(met[:, 1], np.where(move[:, 1] > 0, 0.25, 0.35), exact[:, 1])
    assert np.abs(held - limit[:, 1]).max() > 0.01
    assert np.abs(ends(world, start, move, -world.toward) - limit).max() > 0.01


def test_nobody_is_ever_inside_the_barrier_or_outside_the_walls(moves):
    """Long walks from the start law in both worlds, in the precision of training too."""
    world = moves[0]

    def walk(key):
        def step(state, key):
            after = world.transition(key, state, jax.random.uniform(key, (2,), jnp.float32, -1.5, 1.5)).state.astype(jnp.float32)
            return after, after

        return jax.lax.scan(step, world.initial_state(key).astype(jnp.float32), jax.random.split(key, 400))[1]

    x, y = np.asarray(jax.jit(jax.vmap(walk))(jax.random.split(KEY, 100))).reshape(-1, 2).T
    low, high, edge = np.array([0.25, 0.35, world.edge], np.float32)
    assert not np.any((world.toward * (x - edge) > 0) & (y > low) & (y < high))
    assert min(x.min(), y.min()) == np.float32(-0.05)
    assert max(x.max(), y.max()) == np.float32(0.55)
    assert np.any(y >= high)


@pytest.mark.parametrize(
    ("start", "action", "end"),
    [
        ((0.3, 0.24), (0.6, 1.0), (0.33, 0.25)),  # against the barrier, sliding along it
        ((0.3, 0.36), (0.6, -1.0), (0.33, 0.35)),  # from above
        ((0.16, 0.25), (-1.0, 1.0), (0.11, 0.29)),  # around the corner: free for the last four fifths of the step
        ((0.14, 0.3), (1.0, 0.4), (0.15, 0.32)),  # against the end
        ((0.145, 0.33), (1.0, 0.8), (0.175, 0.37)),  # along the end and over its corner: free for the last half
        ((0.1, 0.24), (0.0, 1.0), (0.1, 0.29)),  # through the opening
        ((-0.04, 0.0), (-3.0, 3.0), (-0.05, 0.05)),  # the outer wall, with an action that is clipped
    ],
)
def test_steps_by_hand_and_in_the_mirror(start, action, end):
    """The shifted world is the mirror image about x = 0.3."""
    np.testing.assert_allclose(PointMaze().transition(KEY, jnp.array(start), jnp.array(action)).state, end, atol=1e-12)
    mirror, turn = jnp.array([0.6, 0.0]), jnp.array([-1.0, 1.0])
    narrow = point_maze_shifted().transition(KEY, mirror + turn * jnp.array(start), turn * jnp.array(action)).state
    np.testing.assert_allclose(narrow, jnp.clip(mirror + turn * jnp.array(end), -0.05, 0.55), atol=1e-12)


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_the_reward_is_of_the_position_before_and_of_the_clipped_action(world):
    reward = world.transition(KEY, jnp.array([0.0, 0.1]), jnp.array([0.5, -3.0])).reward
    np.testing.assert_allclose(reward, -0.5 - 1e-3 * 1.25, atol=1e-12)


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_starts_are_uniform_below_the_barrier(world):
    """Mean and variance of the square of side 0.1 about (0.3, 0), within five standard errors."""
    starts = np.asarray(jax.vmap(world.initial_state)(jax.random.split(KEY, 4000)))
    spread = 0.1 / np.sqrt(12)
    np.testing.assert_allclose(starts.mean(axis=0), [0.3, 0.0], atol=5 * spread / np.sqrt(4000))
    np.testing.assert_allclose(starts.var(axis=0) / spread**2, 1.0, atol=5 * np.sqrt(0.8 / 4000))
    assert np.all(np.abs(starts - [0.3, 0.0]) <= 0.05)


def test_starts_anywhere_are_uniform_beside_the_barrier_and_leave_out_its_strip():
    """Counts in cells of 0.1 m by 0.05 m, by chi-squared within five standard errors; starts below the barrier are the twin that fails."""

    def misfit(world):
        starts = np.asarray(jax.vmap(world.initial_state)(jax.random.split(KEY, 4000)))
        x, y = starts.T
        assert np.all((np.abs(starts - 0.25) <= 0.3) & ~((y > 0.25) & (y < 0.35))[:, None])
        along = np.where(y > 0.3, y - 0.1, y)
        counts = np.histogram2d(x, along, bins=(6, 10), range=((-0.05, 0.55), (-0.05, 0.45)))[0]
        expected = 4000 / counts.size
        return (np.sum((counts - expected) ** 2 / expected) - (counts.size - 1)) / np.sqrt(2 * (counts.size - 1))

    assert misfit(point_maze_anywhere()) < 5
    assert misfit(PointMaze()) > 1000


def test_starts_anywhere_change_nothing_else():
    world = point_maze_anywhere()
    assert (world.edge, world.toward, world.spec.name) == (PointMaze().edge, PointMaze().toward, "PointMazeAnywhere-v0")
