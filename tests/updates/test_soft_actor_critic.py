"""Soft actor-critic against exact answers: soft value iteration, a Riccati equation, and what the discriminator must go on seeing."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.algorithms.occupancies import Table
from triality.algorithms.cost_learning import State
from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.starts import FreeStarts
from triality.algorithms.steps import Steps
from triality.energies.gradient_penalty import GradientPenalty
from triality.envs.gridworld import gridworld
from triality.objectives.discriminator import DiscriminatorLoss
from triality.policies.categorical import OneHotTabularPolicy, one_hot_tabular_policy
from triality.policies.scaling import identity_scaling
from triality.runs.checkpoint import read_checkpoint, write_checkpoint
from triality.sampler import Samples
from triality.samplers.gaussian import Gaussian
from triality.specs import EnvironmentSpec
from triality.tabular import TabularMDP, soft_value_iteration
from triality.trajectory import OfPair, Trajectory, action_log_probs, rollout
from triality.updates.soft_actor_critic import SoftActorCritic
from triality.updates.transition_buffer import Transition

GAMMA, END = 0.8, 4
# Four states and an end; two successors each, equally likely. Some actions may end it all.
SUCCESSORS = np.array([
    [[1, 2], [0, 3], [END, END]],
    [[2, 0], [END, 1], [3, 1]],
    [[3, 3], [1, 0], [2, END]],
    [[0, 1], [3, 2], [END, END]],
    [[END, END], [END, END], [END, END]],
])  # fmt: skip
MDP = TabularMDP.from_sparse(SUCCESSORS, np.full(SUCCESSORS.shape, 0.5), 0, discount=GAMMA)
COST = jnp.array([[0.3, -0.6, 1.5], [1.0, 0.2, -0.4], [-0.8, 0.5, 0.1], [0.9, -0.2, 1.2]])
TABLE = EnvironmentSpec("table", 4, num_actions=3)
UNIFORM = OneHotTabularPolicy(jnp.zeros((4, 3)))
RULE = SoftActorCritic(
    TABLE,
    learning_rate=1e-2,
    twins_learning_rate=1e-2,
    gamma=GAMMA,
    target_rate=0.05,
    num_updates=1500,
    batch_size=96,
    capacity=24,
    hidden=(),
)


def every_transition() -> Trajectory:
    """Each of the 24 once, as an episode of one step; where it ends, what is recorded after it is a state that it does not lead to."""
    x, u, k = (index.ravel() for index in np.indices((4, 3, 2)))
    after = SUCCESSORS[x, u, k]
    ends = jnp.asarray(after == END)[:, None]
    observation = jnp.stack([jnp.eye(4)[x], jnp.eye(4)[np.where(after == END, 2, after)]], axis=1)
    real, nothing = jnp.ones((24, 1), bool), jnp.zeros((24, 1))
    return Trajectory(observation, jnp.asarray(u)[:, None], nothing, real, ends, ~ends, nothing, jnp.zeros(24, int))


BATCH = every_transition()


def soft_optimum(temperature: float = 1.0):
    """After the end nothing is earned, entropy included: a cost of log 3 takes it out of the oracle's absorbing state."""
    cost = jnp.concatenate([COST / temperature, jnp.full((1, 3), jnp.log(3.0))])
    solution = soft_value_iteration(MDP, cost, tolerance=1e-10)
    np.testing.assert_allclose(solution.value[END], 0.0, atol=1e-8)
    return jnp.exp(solution.log_policy[:END])


@pytest.fixture(scope="module")
def learned():
    """Policies of four rules at once, and what they report: one compiled program, seeds and settings under one ``vmap``."""

    @jax.jit
    def learn(key, temperature, table, ends):
        rule = eqx.tree_at(lambda rule: rule.temperature, RULE, temperature)
        key_init, key_update = jax.random.split(key)
        state = rule.init(key_init, UNIFORM, identity_scaling(4))
        policy, state, metrics = rule.update(key_update, UNIFORM, state, BATCH._replace(terminated=ends), OfPair(Table(table)))
        return jax.nn.softmax(policy.logits), state, metrics

    keys = jax.random.split(jax.random.key(0), 5)
    tables = COST * jnp.array([1.0, 1.0, 1.0, -1.0, 1.0])[:, None, None]
    ends = jnp.stack([BATCH.terminated] * 4 + [jnp.zeros_like(BATCH.terminated)])
    return jax.vmap(learn)(keys, jnp.array([1.0, 1.0, 0.4, 1.0, 1.0]), tables, ends)


def test_it_converges_to_the_soft_optimum_with_chance_and_ends(learned):
    """Two seeds at temperature 1 and one at 0.4; the table itself has to be asymmetric for the twins to fail."""
    policies, _, _ = learned
    for index, temperature in enumerate((1.0, 1.0, 0.4)):
        np.testing.assert_allclose(policies[index], soft_optimum(temperature), atol=0.02)
    assert np.max(np.abs(soft_optimum(1.0) - soft_optimum(0.4))) > 0.1
    assert np.max(np.abs(policies[0] - policies[1])) > 0.0  # seeds under one vmap are seeds


def test_a_turned_sign_and_a_bootstrap_through_ends_are_rejected(learned):
    policies, _, _ = learned
    for index in (3, 4):
        assert np.max(np.abs(policies[index] - soft_optimum())) > 0.1


def test_what_it_reports(learned):
    _, state, metrics = learned
    np.testing.assert_array_equal(metrics.num_kept, 24)
    assert np.all(metrics.explained_variance[:4] > 0.5)
    assert np.all(metrics.twin_gap < 0.05)
    assert np.all(np.isfinite(np.stack(metrics)))
    np.testing.assert_array_equal(state.buffer.kept.terminated[0], BATCH.terminated[:, 0])


def part_of(*steps) -> Transition:
    x, u, after, ends = (np.array(each) for each in zip(*steps, strict=True))
    return Transition(jnp.eye(4)[x], jnp.asarray(u), jnp.eye(4)[after], jnp.asarray(ends))


def test_targets_by_hand():
    """-c + gamma (1 - end) sum_u pi (min Q - T log pi), to rounding; entropy once, with its weight."""
    rule = eqx.tree_at(lambda rule: rule.temperature, RULE, 0.5)
    policy = OneHotTabularPolicy(jax.random.normal(jax.random.key(1), (4, 3)))
    twins = rule.init(jax.random.key(0), policy, identity_scaling(4)).twins
    part = part_of((0, 2, 3, False), (1, 0, 2, False), (2, 1, 0, True))
    found = rule.targets(jax.random.key(2), policy, twins, part, OfPair(Table(COST)))
    log_pi = jax.nn.log_softmax(policy.logits)
    value = jnp.sum(jnp.exp(log_pi) * (jax.vmap(twins.values)(jnp.eye(4)).min(axis=1) - 0.5 * log_pi), axis=1)
    expected = jnp.array([-COST[0, 2] + GAMMA * value[3], -COST[1, 0] + GAMMA * value[2], -COST[2, 1]])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(jax.grad(lambda scale: jnp.sum(_scaled_targets(rule, policy, twins, part, scale)))(1.0), 0.0)


def _scaled_targets(rule, policy, twins, part, scale):
    return rule.targets(jax.random.key(2), OneHotTabularPolicy(scale * policy.logits), twins, part, OfPair(Table(scale * COST)))


SHORT = SoftActorCritic(TABLE, 1e-2, num_updates=3, batch_size=8, capacity=40, hidden=(4,))


@pytest.fixture(scope="module")
def shortly():
    @jax.jit
    def improve(batch, table, key):
        state = SHORT.init(jax.random.key(1), UNIFORM, identity_scaling(4))
        return SHORT.update(key, UNIFORM, state, batch, OfPair(Table(table)))

    return improve


def test_who_drew_an_action_does_not_matter_to_the_policy(shortly):
    """The densities of the batch are read for the metrics alone; its actions and the cost do matter."""
    key = jax.random.key(2)
    policy, _, metrics = shortly(BATCH, COST, key)
    other, _, changed = shortly(BATCH._replace(log_prob=BATCH.log_prob - 5.0), COST, key)
    np.testing.assert_array_equal(policy.logits, other.logits)
    assert float(changed.entropy - metrics.entropy) == pytest.approx(5.0)
    moved, _, _ = shortly(BATCH, -COST, key)
    assert np.max(np.abs(policy.logits - moved.logits)) > 1e-3


def test_padding_never_matters(shortly):
    """Whatever stands in masked steps; the twin, unmasked, is spoiled."""
    hidden = BATCH._replace(mask=BATCH.mask.at[::2].set(False))
    spoiled = hidden._replace(observation=hidden.observation.at[::2].set(jnp.nan), log_prob=hidden.log_prob.at[::2].set(jnp.nan))
    policy, state, metrics = shortly(hidden, COST, jax.random.key(2))
    other, _, of_spoiled = shortly(spoiled, COST, jax.random.key(2))
    np.testing.assert_array_equal(policy.logits, other.logits)
    np.testing.assert_array_equal(np.stack(metrics), np.stack(of_spoiled))
    assert int(state.buffer.num_kept) == 12
    broken, _, _ = shortly(spoiled._replace(mask=BATCH.mask), COST, jax.random.key(2))
    assert np.isnan(broken.logits).any()


def test_a_state_is_stored_and_read_back(shortly, tmp_path):
    """Buffer, twins, slow twins and optimizers: every array, into the shapes of a fresh one."""
    _, state, _ = shortly(BATCH, COST, jax.random.key(2))
    write_checkpoint(tmp_path / "state.ckpt", state, step=1, config={})
    like = eqx.filter_eval_shape(lambda key: SHORT.init(key, UNIFORM, identity_scaling(4)), jax.random.key(0))
    assert eqx.tree_equal(read_checkpoint(tmp_path / "state.ckpt", like), state)


def test_types_stay_what_they_are():
    """float32 in, float32 out, nothing weakly typed: the second update is the first one's program."""
    narrow = [
        jax.tree.map(_as_float32, each)
        for each in (SHORT, UNIFORM, BATCH, COST, SHORT.init(jax.random.key(0), UNIFORM, identity_scaling(4)))
    ]
    rule, policy, batch, table, state = narrow
    update = eqx.filter_eval_shape(lambda s: rule.update(jax.random.key(0), policy, s, batch, OfPair(Table(table))), state)
    for before, after in zip(jax.tree.leaves((policy, state)), jax.tree.leaves(update[:2]), strict=True):
        assert (before.shape, before.dtype, before.weak_type) == (after.shape, after.dtype, after.weak_type)
    assert all(leaf.dtype == jnp.float32 for leaf in update[2])


def _as_float32(leaf):
    return leaf.astype(jnp.float32) if eqx.is_array(leaf) and leaf.dtype == jnp.float64 else leaf


GRID, HORIZON = gridworld(("S..", "..G"), slip=0.1), 5
LEARNING = GanGcl(
    GRID,
    Steps(FreeStarts(3), num_past_samplers=2),
    DiscriminatorLoss(),
    update_rule=SoftActorCritic(GRID.spec, learning_rate=0.1, num_updates=15, batch_size=16, capacity=64, hidden=()),
    penalty=GradientPenalty(0.0, num_points=1),
    cost_learning_rate=0.1,
    num_cost_steps=1,
    make_cost=lambda *_: Table(jnp.zeros((6, 5))),
    make_policy=one_hot_tabular_policy,
)


@pytest.fixture(scope="module")
def replayed():
    """Demonstrations, the states before and after the second iteration, and the roll-outs of both."""
    scaling, expert = identity_scaling(6), OneHotTabularPolicy(jax.random.normal(jax.random.key(7), (6, 5)))
    collect = jax.jit(lambda key, state: LEARNING.collect(key, state))
    update = jax.jit(lambda state, batch: LEARNING.update(state, batch)[0])
    data = jax.jit(jax.vmap(lambda k: rollout(k, GRID, expert, HORIZON)))(jax.random.split(jax.random.key(1), 4))
    first = LEARNING.init(jax.random.key(0), data, scaling=scaling)
    batches = [collect(jax.random.key(2), first)]
    second = update(first, batches[0])
    batches.append(collect(jax.random.key(3), second))
    return data, (first.policy, second.policy), batches, second, update(second, batches[1])


@jax.jit
def under(policy, trajectories) -> jax.Array:
    return jax.vmap(lambda one: action_log_probs(policy, one))(trajectories)


@jax.jit
def cost_after(state: State, data, batch, log_q_data, log_q) -> jax.Array:
    """The table after one step down the discriminator's loss on these samples, with these densities."""
    level = Steps()
    of_data, drawn = level.view.samples(data, log_q_data), level.view.samples(batch, log_q)

    def loss(cost):
        return DiscriminatorLoss()(level.density(cost, of_data, drawn), of_data, drawn)[0]

    optimizer = optax.chain(optax.scale_by_adam(b1=0.5), optax.scale(-0.1))
    updates, _ = optimizer.update(jax.grad(loss)(state.cost), state.cost_optimizer)
    return eqx.apply_updates(state.cost, updates).values


def test_the_discriminator_sees_the_fused_density_of_those_who_drew(replayed):
    """With replay, as under any other update. The twin: roll-outs of before labeled with the density of the policy of now (pitfall 13)."""
    data, policies, batches, state, after = replayed
    batch = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *batches)

    def fused(trajectories):
        return jnp.logaddexp(*(under(policy, trajectories) for policy in policies)) - jnp.log(2.0)

    now = policies[1]
    assert np.max(np.abs(under(now, batches[0]) - batches[0].log_prob)) > 0.3  # the policy has moved, so that it matters which
    expected = cost_after(state, data, batch, fused(data), fused(batch))
    np.testing.assert_allclose(after.cost.values, expected, rtol=1e-9, atol=1e-12)
    relabeled = cost_after(state, data, batch, under(now, data), under(now, batch))
    assert np.max(np.abs(after.cost.values - relabeled)) > 1e-3


def test_without_replay_it_is_the_density_of_the_policy_that_drew_the_batch(replayed):
    """And not that of the buffer, which holds none, nor that of the policy after its improvement."""
    data, policies, batches, _, after = replayed
    alone = eqx.tree_at(lambda a: a.level, LEARNING, Steps(FreeStarts(3)))
    memory = alone.level.first_memory(policies[1], batches[1], data)
    _, drawn = alone.level.samples(alone.level.remember(memory, policies[1], batches[1], data), data, jnp.zeros(4))
    assert isinstance(drawn, Samples)
    np.testing.assert_allclose(drawn.log_q, batches[1].log_prob.ravel(), rtol=1e-12)
    assert "log_prob" not in Transition._fields
    assert np.max(np.abs(drawn.log_q - under(after.policy, batches[1]).ravel())) > 0.1


LINE = EnvironmentSpec("line", 1, action_size=1, action_low=(-2.0,), action_high=(2.0,))
DRIFT, PUSH, AIM = 0.9, 0.5, 0.7


class Linear(eqx.Module):
    """u = gain x + offset + noise."""

    gain: jax.Array
    offset: jax.Array
    log_scale: jax.Array

    def __call__(self, x):
        return Gaussian(self.gain * x + self.offset, self.log_scale)


def line_cost(x, u, after):
    """Cheapest at x = 0 and at u = AIM: not symmetric in anything."""
    del after
    return 0.5 * x[0] ** 2 + 1.5 * (u[0] - AIM) ** 2


def riccati(gamma: float) -> tuple[float, float, float]:
    """Gain, offset and log scale of the soft-optimal policy: V = -(p x^2 + 2 s x) + const, iterated."""
    p, s = 0.0, 0.0
    for _ in range(500):
        curve = 1.5 + gamma * PUSH**2 * p
        push = 1.5 * AIM - gamma * PUSH * s
        p, s = (
            0.5 + gamma * DRIFT**2 * p - (gamma * DRIFT * PUSH * p) ** 2 / curve,
            gamma * DRIFT * s + push * gamma * DRIFT * PUSH * p / curve,
        )
    curve = 1.5 + gamma * PUSH**2 * p
    return -gamma * PUSH * DRIFT * p / curve, (1.5 * AIM - gamma * PUSH * s) / curve, -0.5 * np.log(2.0 * curve)


def test_in_a_box_it_converges_to_the_linear_quadratic_optimum():
    """Discounted and soft, by Riccati's equation; neither the one-step optimum nor the one of the turned sign passes."""
    x, u = jax.random.uniform(jax.random.key(0), (2, 1000, 1, 1), minval=-2.0, maxval=2.0)
    observation = jnp.concatenate([x, DRIFT * x + PUSH * u], axis=1)
    real, nothing = jnp.ones((1000, 1), bool), jnp.zeros((1000, 1))
    batch = Trajectory(observation, u, nothing, real, ~real, real, nothing, jnp.zeros(1000, int))
    rule = SoftActorCritic(LINE, 5e-3, 5e-3, GAMMA, 1.0, 0.05, num_updates=2000, batch_size=128, capacity=1000, hidden=(32,))
    policy = Linear(*jnp.zeros((3, 1)))

    @jax.jit
    def learn(key):
        return rule.update(key, policy, rule.init(key, policy, identity_scaling(1)), batch, line_cost)[0]

    found = learn(jax.random.key(1))
    exact, at_once = riccati(GAMMA), riccati(0.0)
    np.testing.assert_allclose(np.ravel([found.gain, found.offset, found.log_scale]), exact, atol=0.05)
    assert np.min(np.abs(np.subtract(exact, at_once))) > 0.05
