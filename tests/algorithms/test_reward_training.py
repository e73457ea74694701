"""An expert for a simulator's own reward: it learns, and what it reports is what an episode earned."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.reward_training import RewardTraining
from triality.simulators.collector import Collector
from triality.simulators.endings import Restarted
from triality.simulators.gymnasium_batch import GymnasiumBatch
from triality.updates.ppo import PPO


def trained(training: RewardTraining, iterations: int, sign: float = 1.0) -> list[float]:
    collector = Collector(GymnasiumBatch("CartPole-v1", 8), horizon=150, ending=Restarted())
    state, update, returns = training.init(jax.random.key(0)), eqx.filter_jit(training.update), []
    for iteration in range(iterations):
        batch = collector.collect(jax.random.key(iteration), state.policy, 8)
        state, metrics = update(state, batch._replace(reward=sign * batch.reward))
        returns.append(sign * float(metrics.return_mean))
    return returns


@pytest.mark.slow
def test_it_learns_to_balance_and_with_the_sign_turned_to_fall():
    training = RewardTraining(GymnasiumBatch("CartPole-v1", 1).spec, PPO(temperature=0.01, learning_rate=1e-3, hidden=(32,)))
    up, down = (trained(training, 15, sign) for sign in (1.0, -1.0))
    assert up[0] == pytest.approx(down[0])
    assert np.mean(up[-3:]) > 2.5 * up[0]
    assert np.mean(down[-3:]) < 0.7 * down[0]


def test_the_return_is_that_of_an_episode():
    collector = Collector(GymnasiumBatch("CartPole-v1", 2), horizon=100, ending=Restarted())
    training = RewardTraining(collector.spec, PPO(num_epochs=1, num_minibatches=1, hidden=(4,)))
    state = training.init(jax.random.key(3))
    batch = collector.collect(jax.random.key(4), state.policy, 2)
    _, metrics = training.update(state, batch)
    ends = np.asarray(batch.terminated)
    lengths = [len(piece) for row in ends for piece in np.split(row, np.flatnonzero(row[:-1]) + 1)]
    assert sum(lengths) == 200
    assert float(metrics.return_mean) == pytest.approx(np.mean(lengths))
    assert bool(jnp.all(batch.mask))
