"""Roll-outs of several policies in one batch: their density is the mixture of those who drew them, log Z and gradient are exact under it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.objectives.decisions import TableCost, cost_gradient, trajectories
from tests.remote.table_batch import MDP, NUM_ACTIONS, NUM_STATES, log_table, policy
from triality.algorithms.levels import Steps, Trajectories
from triality.algorithms.past_samplers import add, empty, fused_decisions, fused_steps, fused_trajectories
from triality.errors import ConfigError
from triality.objectives.guided_cost import GuidedCostLoss
from triality.partition.importance import importance
from triality.sampler import Samples
from triality.tabular import enumerate_trajectories
from triality.trajectory import TrajectoryEnergy

SPACE = enumerate_trajectories(MDP)
NUM = SPACE.log_base.shape[0]
POLICIES = [policy(seed) for seed in range(3)]
TABLES = [log_table(each) for each in POLICIES]
LOG_Q = np.stack([np.asarray(trajectories(SPACE.points, jnp.asarray(table)).log_prob).sum(-1) for table in TABLES])
DRAWN_BY = (0, 2, 1, 0, 2, 0)
"""Who drew which copy of all trajectories: three, one and two shares of six."""
SHARES = np.array([3.0, 1.0, 2.0]) / 6.0
COST = 2.0 * jax.random.normal(jax.random.key(12), (NUM_STATES, NUM_ACTIONS))
EVERY = trajectories(SPACE.points, jnp.asarray(TABLES[0]))
ENERGY = jax.vmap(TrajectoryEnergy(TableCost(COST)))(EVERY)
EXACT_LOG_Z = float(jax.nn.logsumexp(SPACE.log_base - ENERGY))


def copies(drawn_by):
    """Every trajectory once for each of ``drawn_by``, with the log-probabilities of that policy."""
    parts = [trajectories(SPACE.points, jnp.asarray(TABLES[k])) for k in drawn_by]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)._replace(policy=jnp.repeat(jnp.array(drawn_by), NUM))


@pytest.fixture(scope="module")
def batch():
    return copies(DRAWN_BY)


@pytest.fixture(scope="module")
def memory(batch):
    """Policies 0 and 1 have been put in with batches of their own; now comes 2, with roll-outs of all three."""
    data = trajectories(SPACE.points, jnp.asarray(TABLES[1]))
    past = empty(1, POLICIES[0], batch, data, max_staleness=2)
    put_in = jax.jit(add)
    for k in range(2):
        past = put_in(past, POLICIES[k], copies([k] * len(DRAWN_BY)), data)
    return put_in(past, POLICIES[2], batch, data)


def mass_of(log_density):
    """log of the share that each of the six copies of each trajectory has, under the policy that drew the copy."""
    return jnp.tile(SPACE.log_base, len(DRAWN_BY)) + log_density - np.log(len(DRAWN_BY))


def test_the_fused_density_is_the_enumerated_mixture(memory):
    exact = np.log(SHARES @ np.exp(LOG_Q))
    log_m, log_m_data = fused_trajectories(memory)
    np.testing.assert_allclose(log_m.reshape(len(DRAWN_BY), NUM), np.tile(exact, (len(DRAWN_BY), 1)), atol=1e-10)
    np.testing.assert_allclose(log_m_data, exact, atol=1e-10)
    assert float(jnp.sum(jnp.exp(SPACE.log_base + log_m[:NUM]))) == pytest.approx(1.0, abs=1e-10)
    # The mistakes: the newest policy's density, and policies that count equally.
    assert np.abs(LOG_Q[2] - exact).max() > 0.3
    assert np.abs(np.log(np.mean(np.exp(LOG_Q), axis=0)) - exact).max() > 0.03
    np.testing.assert_allclose(np.sum(fused_decisions(memory), axis=-1), log_m, atol=1e-10)


def test_single_steps_have_the_mixture_of_single_steps(memory):
    states, actions = np.asarray(SPACE.points.states[:, :-1]), np.asarray(SPACE.points.actions)
    exact = np.log(sum(share * np.exp(table)[states, actions] for share, table in zip(SHARES, TABLES, strict=True)))
    on_drawn, on_data = fused_steps(memory)
    np.testing.assert_allclose(on_drawn.reshape(len(DRAWN_BY), *exact.shape), np.tile(exact, (len(DRAWN_BY), 1, 1)), atol=1e-10)
    np.testing.assert_allclose(on_data, exact, atol=1e-10)


@pytest.mark.parametrize("taken_for", ["the mixture", "the newest policy"])
def test_log_z_and_the_gradient_are_right_in_expectation(taken_for, memory, batch):
    """Copies weighted by the law of the policy that drew them, so that sums are expectations over late batches."""
    own = jnp.sum(batch.log_prob, axis=-1)
    log_q = fused_trajectories(memory)[0] if taken_for == "the mixture" else jnp.asarray(np.tile(LOG_Q[2], len(DRAWN_BY)))
    drawn = Samples(batch._replace(policy=None), log_q, mass_of(own))
    neg_energy = -jnp.tile(ENERGY, len(DRAWN_BY))
    value = float(importance(neg_energy - log_q, drawn.log_weight).value)
    visits = expected_visits(drawn) - cost_gradient(GuidedCostLoss(), COST, drawn, drawn)
    wrong = np.abs(visits - model_visits()).max()
    if taken_for == "the mixture":
        assert value == pytest.approx(EXACT_LOG_Z, abs=1e-10)
        assert wrong < 1e-10
    else:
        assert abs(value - EXACT_LOG_Z) > 0.05
        assert wrong > 0.01


def expected_visits(drawn):
    """Of every (state, action), under the weights of the samples."""
    weight = jnp.broadcast_to(jnp.exp(drawn.log_weight)[:, None], drawn.x.action.shape)
    states = drawn.x.observation[:, :-1, 0].astype(int)
    return jnp.zeros((NUM_STATES, NUM_ACTIONS)).at[states, drawn.x.action].add(weight)


def model_visits():
    """Under exp(-c) over all trajectories, starts and dynamics as they are."""
    return expected_visits(Samples(EVERY, ENERGY, SPACE.log_base - ENERGY - EXACT_LOG_Z))


def test_the_ring_forgets_what_nobody_drew_and_nothing_else(batch):
    """Four iterations with one batch each and K = 1: two policies are kept, whose roll-outs stand in the last batch."""
    data = trajectories(SPACE.points, jnp.asarray(TABLES[1]))
    past, put_in = empty(1, POLICIES[0], batch, data, max_staleness=1), jax.jit(add)
    for iteration, drawn_by in enumerate([(0,) * 6, (0, 1, 1, 0, 1, 0), (1, 2, 2, 2, 2, 1)]):
        past = put_in(past, POLICIES[iteration], copies(drawn_by), data)
    exact = np.log(np.exp(LOG_Q[1]) / 3 + 2 * np.exp(LOG_Q[2]) / 3)
    np.testing.assert_allclose(fused_trajectories(past)[0][:NUM], exact, atol=1e-10)
    np.testing.assert_allclose(fused_trajectories(past)[1], exact, atol=1e-10)


def test_of_a_policy_that_is_no_longer_kept_nothing_is_pretended(batch):
    data = trajectories(SPACE.points, jnp.asarray(TABLES[1]))
    past, put_in = empty(1, POLICIES[0], batch, data, max_staleness=1), jax.jit(add)
    for iteration in range(3):
        past = put_in(past, POLICIES[iteration], copies([iteration] * 6), data)
    late = put_in(past._replace(num_seen=jnp.array(2, jnp.int32)), POLICIES[2], copies([0, 2, 2, 2, 2, 2]), data)
    assert bool(jnp.isnan(fused_trajectories(late)[0][:NUM]).all())
    assert bool(jnp.isfinite(fused_trajectories(past)[0]).all())


@pytest.mark.parametrize("level", [Trajectories(6 * NUM), Steps()], ids=["trajectories", "steps"])
def test_a_level_of_one_policy_refuses_late_rollouts(level, batch):
    data = trajectories(SPACE.points, jnp.asarray(TABLES[1]))
    memory = level.first_memory(POLICIES[0], batch, data)
    with pytest.raises(ConfigError, match="give the level their max_staleness"):
        level.remember(memory, POLICIES[0], batch, data)


def test_a_batch_that_names_nobody_is_the_newest_policys(batch):
    data = trajectories(SPACE.points, jnp.asarray(TABLES[1]))
    level = Trajectories(6 * NUM, max_staleness=2)
    memory = level.first_memory(POLICIES[0], batch, data)
    for k in range(2):
        memory = level.remember(memory, POLICIES[k], copies([k] * 6)._replace(policy=None), data)
    of_data, drawn = level.samples(memory, data, jnp.zeros(NUM))
    np.testing.assert_allclose(drawn.log_q[:NUM], LOG_Q[1], atol=1e-10)
    np.testing.assert_allclose(of_data.log_q, LOG_Q[1], atol=1e-10)
