"""Cloning a table is counting (item 4.2)."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from triality.algorithms.behavioral_cloning import BehavioralCloning, cloning_loss
from triality.envs.gridworld import gridworld
from triality.policies.categorical import OneHotTabularPolicy, one_hot_tabular_policy
from triality.run import run
from triality.trajectory import EachStep, Trajectory, rollout

ENV = gridworld(("S..", "..G"), slip=0.1)
NUM_STATES, NUM_ACTIONS, HORIZON = ENV.spec.observation_size, ENV.spec.num_actions, 60
LOG_WEIGHT = jnp.log(jnp.array([1.0, 2.0, 0.5, 3.0]))


@pytest.fixture(scope="module")
def data() -> Trajectory:
    """Four roll-outs of different weights, each padded from another step on."""
    policy = OneHotTabularPolicy(0.5 * jax.random.normal(jax.random.key(1), (NUM_STATES, NUM_ACTIONS)))
    batch = jax.vmap(lambda k: rollout(k, ENV, policy, HORIZON))(jax.random.split(jax.random.key(2), 4))
    return batch._replace(mask=batch.mask & (jnp.arange(HORIZON) < jnp.array([60, 45, 25, 35])[:, None]))


def counted(data: Trajectory, weights: np.ndarray) -> np.ndarray:
    """Weighted frequencies of actions given states, by a loop; nan where a state was never demonstrated."""
    table = np.zeros((NUM_STATES, NUM_ACTIONS))
    for n, t in np.argwhere(np.asarray(data.mask)):
        table[np.argmax(data.observation[n, t]), data.action[n, t]] += weights[n]
    with np.errstate(invalid="ignore"):
        return table / table.sum(axis=1, keepdims=True)


def cloned(data: Trajectory, log_weight: jax.Array) -> np.ndarray:
    """Probabilities at the minimum of ``cloning_loss``, by Newton steps of L-BFGS from the uniform table."""
    pairs = EachStep().samples(data, data.log_prob, log_weight)

    def loss(logits):
        return cloning_loss(OneHotTabularPolicy(logits), pairs)

    optimizer = optax.lbfgs()
    value_and_gradient = optax.value_and_grad_from_state(loss)

    def step(carry, _):
        logits, state = carry
        value, gradient = value_and_gradient(logits, state=state)
        updates, state = optimizer.update(gradient, state, logits, value=value, grad=gradient, value_fn=loss)
        return (optax.apply_updates(logits, updates), state), None

    start = jnp.zeros((NUM_STATES, NUM_ACTIONS))
    (logits, _), _ = jax.jit(lambda s: jax.lax.scan(step, (s, optimizer.init(s)), None, length=300))(start)
    return np.asarray(jax.nn.softmax(logits))


def test_the_optimal_table_is_the_table_of_frequencies(data):
    seen = counted(data, np.exp(LOG_WEIGHT))
    where = ~np.isnan(seen).any(axis=1)
    assert where.sum() >= 4
    positive = seen[where] > 0  # a frequency of zero is reached only at infinity
    found = cloned(data, LOG_WEIGHT)[where]
    np.testing.assert_allclose(found[positive], seen[where][positive], atol=1e-8)


def test_weights_and_padding_matter(data):
    """The broken twins: the same data with equal weights, or with padding counted, has another optimum, and by a wide margin."""
    found = cloned(data, LOG_WEIGHT)
    for twin in (counted(data, np.ones(4)), counted(data._replace(mask=jnp.ones_like(data.mask)), np.exp(LOG_WEIGHT))):
        where = ~np.isnan(twin).any(axis=1)
        assert np.abs(found[where] - twin[where]).max() > 0.01


def test_its_steps_go_to_that_optimum(data):
    """Adam on minibatches drawn with replacement: to within what their noise leaves."""
    cloning = BehavioralCloning(ENV.spec, learning_rate=0.02, make_policy=one_hot_tabular_policy)
    state, metrics, _ = jax.jit(lambda s: run(cloning, s, 1, 1500))(cloning.init(jax.random.key(0), data, LOG_WEIGHT))
    seen = counted(data, np.exp(LOG_WEIGHT))
    where = ~np.isnan(seen).any(axis=1)
    found = np.asarray(jax.nn.softmax(state.policy.logits))[where]
    np.testing.assert_allclose(found, seen[where], atol=0.06)
    losses = np.asarray(metrics.negative_log_likelihood[0])
    assert losses[-100:].mean() < losses[:100].mean()
