"""Roll-outs of several policies in one batch: their density is that of the mixture, under which log Z and gradient are exact."""

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
LOG_Q = np.stack([table[np.asarray(SPACE.points.states[:, :-1]), np.asarray(SPACE.points.actions)].sum(-1) for table in TABLES])
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


put_in = jax.jit(add)
DATA = trajectories(SPACE.points, jnp.asarray(TABLES[1]))


@pytest.fixture(scope="module")
def batch():
    return copies(DRAWN_BY)


@pytest.fixture(scope="module")
def memory(batch):
    """Policies 0 and 1 have been put in with batches of their own; now comes 2, with roll-outs of all three."""
    past = empty(1, POLICIES[0], batch, DATA, max_staleness=2)
    for k in range(2):
        past = put_in(past, POLICIES[k], copies([k] * len(DRAWN_BY)), DATA)
    return put_in(past, POLICIES[2], batch, DATA)


def mass_of(log_density):
    """log of the share that each of the six copies of each trajectory has, under the policy that drew the copy."""
    return jnp.tile(SPACE.log_base, len(DRAWN_BY)) + log_density - np.log(len(DRAWN_BY))


def test_the_fused_density_is_the_enumerated_mixture(memory):
    exact = np.log(SHARES @ np.exp(LOG_Q))
    log_m, log_m_data = jax.jit(fused_trajectories)(memory)
    np.testing.assert_allclose(log_m.reshape(len(DRAWN_BY), NUM), np.tile(exact, (len(DRAWN_BY), 1)), atol=1e-10)
    np.testing.assert_allclose(log_m_data, exact, atol=1e-10)
    assert float(jnp.sum(jnp.exp(SPACE.log_base + log_m[:NUM]))) == pytest.approx(1.0, abs=1e-10)
    # The mistakes: the newest policy's density, and policies that count equally.
    assert np.abs(LOG_Q[2] - exact).max() > 0.3
    assert np.abs(np.log(np.mean(np.exp(LOG_Q), axis=0)) - exact).max() > 0.03
    np.testing.assert_allclose(np.sum(jax.jit(fused_decisions)(memory), axis=-1), log_m, atol=1e-10)


@pytest.mark.slow
def test_single_steps_have_the_mixture_of_single_steps(memory):
    states, actions = np.asarray(SPACE.points.states[:, :-1]), np.asarray(SPACE.points.actions)
    exact = np.log(sum(share * np.exp(table)[states, actions] for share, table in zip(SHARES, TABLES, strict=True)))
    on_drawn, on_data = jax.jit(fused_steps)(memory)
    np.testing.assert_allclose(on_drawn.reshape(len(DRAWN_BY), *exact.shape), np.tile(exact, (len(DRAWN_BY), 1, 1)), atol=1e-10)
    np.testing.assert_allclose(on_data, exact, atol=1e-10)


@pytest.mark.parametrize("taken_for", ["the mixture", "the newest policy"])
def test_log_z_and_the_gradient_are_right_in_expectation(taken_for, memory, batch):
    """Copies weighted by the law of the policy that drew them, so that sums are expectations over late batches."""
    own = jnp.sum(batch.log_prob, axis=-1)
    log_q = jax.jit(fused_trajectories)(memory)[0] if taken_for == "the mixture" else jnp.asarray(np.tile(LOG_Q[2], len(DRAWN_BY)))
    drawn = Samples(batch._replace(policy=None), log_q, mass_of(own))
    neg_energy = -jnp.tile(ENERGY, len(DRAWN_BY))
    value = float(jax.jit(importance)(neg_energy - log_q, drawn.log_weight).value)
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


@pytest.mark.slow
def test_the_ring_forgets_what_nobody_drew_and_nothing_else(batch):
    """Three iterations with one batch each and K = 1: two policies are kept, whose roll-outs stand in the last batch."""
    past = empty(1, POLICIES[0], batch, DATA, max_staleness=1)
    for iteration, drawn_by in enumerate([(0,) * 6, (0, 1, 1, 0, 1, 0), (1, 2, 2, 2, 2, 1)]):
        past = put_in(past, POLICIES[iteration], copies(drawn_by), DATA)
    exact = np.log(np.exp(LOG_Q[1]) / 3 + 2 * np.exp(LOG_Q[2]) / 3)
    log_m, log_m_data = jax.jit(fused_trajectories)(past)
    np.testing.assert_allclose(log_m[:NUM], exact, atol=1e-10)
    np.testing.assert_allclose(log_m_data, exact, atol=1e-10)
    # Of a policy that is no longer kept nothing is pretended.
    too_late = put_in(past._replace(num_seen=jnp.array(2, jnp.int32)), POLICIES[2], copies((0, 2, 2, 2, 2, 2)), DATA)
    assert bool(jnp.isnan(jax.jit(fused_trajectories)(too_late)[0][:NUM]).all())


@pytest.mark.parametrize("level", [Trajectories(6 * NUM), Steps()], ids=["trajectories", "steps"])
def test_a_level_of_one_policy_refuses_late_rollouts(level, batch):
    memory = level.first_memory(POLICIES[0], batch, DATA)
    with pytest.raises(ConfigError, match="give the level their max_staleness"):
        level.remember(memory, POLICIES[0], batch, DATA)


@pytest.mark.slow
def test_a_batch_that_names_nobody_is_the_newest_policys(memory):
    level = Trajectories(6 * NUM, max_staleness=2)
    plain = copies([1] * 6)._replace(policy=None)
    after = jax.jit(level.remember)(memory._replace(num_seen=jnp.array(1, jnp.int32)), POLICIES[1], plain, DATA)
    np.testing.assert_array_equal(after.batch.policy, np.ones((1, 6 * NUM)))
    of_data, drawn = jax.jit(level.samples)(after, DATA, jnp.zeros(NUM))
    np.testing.assert_allclose(drawn.log_q[:NUM], LOG_Q[1], atol=1e-10)
    np.testing.assert_allclose(of_data.log_q, LOG_Q[1], atol=1e-10)
