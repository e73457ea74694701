"""Collected roll-outs: what the simulators said, under the log-probabilities of the draw, padded as compiled roll-outs are."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, SimulatorError
from triality.policies.categorical import CategoricalPolicy, categorical_policy
from triality.policies.gaussian import gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.simulators.collector import Collector
from triality.simulators.endings import Absorbed, Padded, Restarted
from triality.simulators.gymnasium_batch import GymnasiumBatch
from triality.simulators.mujoco_batch import MujocoBatch
from triality.trajectory import action_log_probs

KEY = jax.random.key(3)


def cartpole_policy(size: int = 4) -> CategoricalPolicy:
    policy = categorical_policy(jax.random.key(0), GymnasiumBatch("CartPole-v1", 1).spec, identity_scaling(4), (8,))
    if size == 4:
        return policy
    return categorical_policy(
        jax.random.key(0), Collector(GymnasiumBatch("CartPole-v1", 1), ending=Absorbed()).spec, identity_scaling(size)
    )


def test_actions_replayed_in_gymnasium_give_what_was_recorded():
    collector = Collector(GymnasiumBatch("CartPole-v1", 2), horizon=60)
    batch = collector.collect(KEY, cartpole_policy(), 4, seeds=[7, 8, 9, 10])
    assert batch.observation.shape == (4, 61, 4)
    own = gymnasium.make("CartPole-v1")
    for episode, seed in enumerate([7, 8, 9, 10]):
        seen, _ = own.reset(seed=seed)
        length = int(batch.mask[episode].sum())
        for step in range(length):
            np.testing.assert_allclose(batch.observation[episode, step], seen, atol=1e-6)
            seen, reward, terminated, _, _ = own.step(int(batch.action[episode, step]))
            assert batch.reward[episode, step] == reward
            assert batch.terminated[episode, step] == terminated
        np.testing.assert_allclose(batch.observation[episode, length], seen, atol=1e-6)
        assert bool(batch.terminated[episode, length - 1]) != bool(batch.truncated[episode, -1])
        assert not batch.mask[episode, length:].any()
        assert not batch.reward[episode, length:].any()


def test_log_probabilities_are_the_policys_own():
    collector = Collector(MujocoBatch("HalfCheetah-v5", 2), horizon=15)
    policy = gaussian_policy(jax.random.key(1), collector.spec, identity_scaling(17), (8,))
    batch = collector.collect(KEY, policy, 4)
    again = jax.vmap(lambda one: action_log_probs(policy, one))(batch)
    np.testing.assert_allclose(batch.log_prob, again, rtol=1e-9)
    other = gaussian_policy(jax.random.key(2), collector.spec, identity_scaling(17), (8,))
    assert not np.allclose(batch.log_prob, jax.vmap(lambda one: action_log_probs(other, one))(batch))
    assert len(np.unique(np.asarray(batch.action[:, :, 0]))) == 60  # no two draws are the same
    assert bool(batch.truncated[:, -1].all())


def test_one_key_gives_one_batch_and_another_another():
    collector = Collector(MujocoBatch("Hopper-v5", 2), horizon=10)
    policy = gaussian_policy(jax.random.key(1), collector.spec, identity_scaling(11), (8,))
    first, second, third = (collector.collect(key, policy, 2) for key in (KEY, KEY, jax.random.key(4)))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), first, second))
    assert not np.allclose(first.observation[:, 0], third.observation[:, 0])


def test_batches_side_by_side_collect_what_one_batch_does():
    together = Collector(MujocoBatch("Hopper-v5", 5), horizon=40, ending=Absorbed())
    apart = Collector([MujocoBatch("Hopper-v5", 3, 1), MujocoBatch("Hopper-v5", 2, 1, first=3)], horizon=40, ending=Absorbed())
    policy = gaussian_policy(jax.random.key(1), together.spec, identity_scaling(12), (8,))
    one, other = (collector.collect(KEY, policy, 10) for collector in (together, apart))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), one, other)
    assert not np.allclose(one.observation[:5], one.observation[5:]), "two rounds of the simulators are two draws"
    assert 0 < apart.timing.physics + apart.timing.policy <= apart.timing.total
    for collector in (together, apart):
        collector.close()


def test_a_failing_simulator_of_a_later_batch_is_named_by_its_number():
    collector = Collector([MujocoBatch("Hopper-v5", 3, 1), MujocoBatch("Hopper-v5", 2, 1, first=3)], horizon=5)
    wild = gaussian_policy(jax.random.key(1), collector.spec, identity_scaling(11), (8,))
    collector.collect(KEY, wild, 5)
    broken = collector._lanes[1]._simulators[1]
    broken.init_qpos[:] = np.nan
    with pytest.raises(SimulatorError, match=r"Hopper-v5, step 1 .* simulator 4"):
        collector.collect(KEY, wild, 5)


def test_an_absorbing_state_makes_all_episodes_equally_long_and_changes_no_return():
    plain, absorbing = (Collector(GymnasiumBatch("CartPole-v1", 2), horizon=80, ending=each) for each in (Padded(), Absorbed()))
    policy = cartpole_policy(size=5)
    batch = absorbing.collect(KEY, policy, 2)
    assert bool(batch.mask.all())
    assert not batch.terminated.any()
    over = np.asarray(batch.observation[..., -1])
    assert over[:, 0].tolist() == [0, 0]
    assert over[:, -1].tolist() == [1, 1]
    assert np.all(np.diff(over) >= 0)
    assert not np.asarray(batch.observation)[over == 1][:, :-1].any()
    np.testing.assert_array_equal(np.sum(batch.reward, axis=1), np.argmax(over, axis=1))
    assert plain.spec.observation_size == absorbing.spec.observation_size - 1


def test_wrong_numbers_are_refused():
    with pytest.raises(ConfigError, match="horizon of 1 to 500"):
        Collector(GymnasiumBatch("CartPole-v1", 2), horizon=501)
    with pytest.raises(ConfigError, match="multiple of 2"):
        Collector(GymnasiumBatch("CartPole-v1", 2), horizon=5).collect(KEY, cartpole_policy(), 3)


def test_a_failing_simulator_is_named_with_its_step():
    class Failing(gymnasium.Wrapper):
        def step(self, action):
            self.count = getattr(self, "count", 0) + 1
            if self.count == 3:
                raise ValueError("the motor burned")
            return self.env.step(action)

    collector = Collector(GymnasiumBatch("CartPole-v1", 1, make=lambda: Failing(gymnasium.make("CartPole-v1"))), horizon=5)
    with pytest.raises(SimulatorError, match=r"CartPole-v1, step 3 .* simulator 0 .* the motor burned"):
        collector.collect(KEY, cartpole_policy(), 1)


def test_a_restarted_row_holds_episodes_end_to_end():
    collector = Collector(GymnasiumBatch("CartPole-v1", 2), horizon=80, ending=Restarted())
    batch = collector.collect(KEY, cartpole_policy(), 2, seeds=[7, 8])
    assert bool(batch.mask.all())
    assert float(batch.reward.min()) == 1.0
    assert int(batch.terminated.sum()) > 2
    assert bool(batch.truncated[:, -1].all())
    own = gymnasium.make("CartPole-v1")
    own.reset(seed=7)
    for step in range(80):
        seen, _, terminated, _, _ = own.step(int(batch.action[0, step]))
        assert terminated == batch.terminated[0, step]
        if terminated:
            seen, _ = own.reset()
        np.testing.assert_allclose(batch.observation[0, step + 1], seen, atol=1e-6)


def test_a_restarted_row_ends_with_what_its_last_step_led_to():
    """Where the time limit cuts it, the start of another episode is not what the advantages may go on from."""
    collector = Collector(GymnasiumBatch("Pendulum-v1", 1), ending=Restarted())
    batch = collector.collect(KEY, gaussian_policy(KEY, collector.spec, identity_scaling(3), (4,)), 1, seeds=[7])
    own = gymnasium.make("Pendulum-v1")
    seen, _ = own.reset(seed=7)
    for step in range(200):
        seen, *_ = own.step(np.asarray(batch.action[0, step]))
    np.testing.assert_allclose(batch.observation[0, 200], seen, atol=1e-4)
    assert np.abs(seen - own.reset()[0]).max() > 0.1
