"""Laws that every environment keeps, over the table of cases."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.envs.cases import CASES, QUICK, uniform_actions
from triality.sampler import AbstractSampler
from triality.specs import SPECS
from triality.trajectory import rollout

NUM_EPISODES = 16
every_case = pytest.mark.parametrize("name", CASES)


class UniformActions(AbstractSampler):
    """Any action at all, reaching beyond the box by half, at a density that these tests do not need."""

    env: eqx.Module

    def log_prob(self, x):
        return jnp.zeros(())

    def sample_and_log_prob(self, key):
        return uniform_actions(key, self.env.spec, (), beyond=1.5), jnp.zeros(())


@pytest.fixture(scope="module")
def episodes():
    """A batch of random episodes of each environment, rolled out once."""

    def roll(env):
        policy = UniformActions(env)
        keys = jax.random.split(jax.random.key(0), NUM_EPISODES)
        batch = jax.jit(jax.vmap(lambda key: rollout(key, env, lambda _: policy, env.spec.time_limit)), compiler_options=QUICK)
        return batch(keys)

    return {name: roll(env) for name, env in CASES.items()}


def start_and_action(env, seed=1):
    key_start, key_action = jax.random.split(jax.random.key(seed))
    return env.initial_state(key_start), uniform_actions(key_action, env.spec, ())


@every_case
def test_shapes_match_the_specification(name, episodes):
    spec, batch = CASES[name].spec, episodes[name]
    assert batch.observation.shape == (NUM_EPISODES, spec.time_limit + 1, spec.observation_size)
    expected = (NUM_EPISODES, spec.time_limit)
    assert batch.action.shape == expected + (() if spec.is_discrete else (spec.action_size,))
    assert batch.reward.shape == batch.mask.shape == expected
    assert batch.observation.dtype == jnp.float64


@every_case
def test_observations_stay_within_the_documented_bounds(name, episodes):
    spec, observation = CASES[name].spec, np.asarray(episodes[name].observation)
    low, high = np.array(spec.observation_low), np.array(spec.observation_high)
    assert low.shape == high.shape == (spec.observation_size,)
    assert np.all(observation >= low - 1e-12)
    assert np.all(observation <= high + 1e-12)
    assert np.all(np.isfinite(episodes[name].reward))


@every_case
def test_compiled_equals_plain(name):
    env = CASES[name]
    state, action = start_and_action(env)
    key = jax.random.key(2)
    plain, compiled = env.transition(key, state, action), eqx.filter_jit(env.transition)(key, state, action)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), plain, compiled)


@every_case
def test_a_step_is_a_function_of_its_key(name):
    env = CASES[name]
    state, action = start_and_action(env)
    step = eqx.filter_jit(env.transition)
    first, second = step(jax.random.key(2), state, action), step(jax.random.key(2), state, action)
    jax.tree.map(np.testing.assert_array_equal, first, second)
    jax.tree.map(np.testing.assert_array_equal, env.initial_state(jax.random.key(3)), env.initial_state(jax.random.key(3)))


@every_case
def test_batched_equals_one_at_a_time(name):
    env = CASES[name]
    pairs = [start_and_action(env, seed) for seed in range(4)]
    states, actions = (jax.tree.map(lambda *leaves: jnp.stack(leaves), *side) for side in zip(*pairs, strict=True))
    keys = jax.random.split(jax.random.key(4), 4)
    batched = jax.jit(jax.vmap(lambda *arguments: env.transition(*arguments)))(keys, states, actions)
    step = eqx.filter_jit(env.transition)
    for index, (state, action) in enumerate(pairs):
        alone = step(keys[index], state, action)
        jax.tree.map(lambda a, b, i=index: np.testing.assert_allclose(a, b[i], rtol=1e-12, atol=1e-14), alone, batched)


@every_case
def test_an_episode_ends_once_and_is_masked_afterwards(name, episodes):
    batch = jax.tree.map(np.asarray, episodes[name])
    assert not np.any(batch.terminated & batch.truncated)
    assert np.all(batch.terminated.sum(axis=1) + batch.truncated.sum(axis=1) == 1)
    lengths = batch.mask.sum(axis=1)
    assert np.array_equal(batch.mask, np.arange(batch.mask.shape[1]) < lengths[:, None])
    ended = batch.terminated | batch.truncated
    assert np.array_equal(ended.argmax(axis=1), lengths - 1)
    assert not np.any(batch.truncated[:, :-1])
    assert not np.any(np.where(batch.mask, 0.0, batch.reward))


def test_which_environments_terminate(episodes):
    """Random pushes drop the pole, and sometimes swing the acrobot up; wrapped in ``Absorbing``, nothing terminates."""
    terminating = {name for name, batch in episodes.items() if bool(jnp.any(batch.terminated))}
    assert {"cartpole"} <= terminating <= {"cartpole", "acrobot"}


@every_case
def test_the_state_behind_an_observation_is_found(name):
    """observe(state_from_observation(o)) = o, and both states go on alike."""
    env = CASES[name]
    step = eqx.filter_jit(env.transition)
    state, action = start_and_action(env)
    for seed in range(40):
        again = env.state_from_observation(env.observe(state))
        assert jax.tree.structure(again) == jax.tree.structure(state)
        assert [leaf.dtype for leaf in jax.tree.leaves(again)] == [leaf.dtype for leaf in jax.tree.leaves(state)]
        np.testing.assert_allclose(env.observe(again), env.observe(state), atol=1e-12)
        key = jax.random.key(seed)
        after, after_again = step(key, state, action), step(key, again, action)
        np.testing.assert_allclose(env.observe(after.state), env.observe(after_again.state), atol=1e-9)
        np.testing.assert_allclose(after.reward, after_again.reward, atol=1e-9)
        state, action = after.state, uniform_actions(key, env.spec, ())


@every_case
def test_actions_matter(name):
    """Broken-twin guard: two different actions lead to different next observations, or the laws above could hold for a still picture."""
    env = CASES[name]
    state, _ = start_and_action(env)
    step = eqx.filter_jit(env.transition)
    low, high = (0, env.spec.num_actions - 1) if env.spec.is_discrete else (env.spec.action_low, env.spec.action_high)

    def observation_after(action):
        current = state
        for seed in range(8):
            current = step(jax.random.key(seed), current, jnp.asarray(action)).state
        return env.observe(current)

    assert not np.allclose(observation_after(low), observation_after(high))


@every_case
def test_an_environment_is_a_pytree_whose_specification_is_static(name):
    """``jit`` takes an environment as an argument, and float32 stays float32."""
    env = CASES[name]
    leaves = jax.tree.leaves(env)
    assert all(eqx.is_array(leaf) for leaf in leaves)
    state = jax.jit(lambda env, key: env.initial_state(key))(env, jax.random.key(0))
    assert jax.tree.structure(state) == jax.tree.structure(env.initial_state(jax.random.key(0)))


def test_float32_runs_and_keeps_its_types():
    """A roll-out is a scan, so a step that changed a type would not even trace."""
    with jax.enable_x64(False):
        for name, env in CASES.items():
            if "gridworld" in name:
                continue  # its tables were made in float64
            policy = UniformActions(env)
            batch = jax.eval_shape(lambda key, env=env, policy=policy: rollout(key, env, lambda _: policy, 5), jax.random.key(0))
            assert batch.observation.dtype == jnp.float32, name
            assert batch.reward.dtype == jnp.float32, name


def test_the_table_of_specifications_is_complete():
    assert {env.spec.name for env in CASES.values()} == set(SPECS)
