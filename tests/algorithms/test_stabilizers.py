"""What keeps a discriminator tame leaves its optimum alone, or moves it by what is written down: exact, on enumerable worlds (7.9)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.algorithms.occupancies import Table, optimum, samples, visited
from triality.algorithms.airl import Airl
from triality.algorithms.gail import Gail
from triality.algorithms.starts import FreeStarts
from triality.algorithms.steps import Steps, Transitions
from triality.each_pair import EachPair
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.mlp import MLP
from triality.energies.shaped_cost import MakeShapedCost, OfTransition
from triality.energies.step_cost import DiscreteCost, mlp_cost
from triality.envs.gridworld import gridworld
from triality.export.numpy_cost import NumpyCost
from triality.export.write import write_cost
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.smoothed_labels import SmoothedLabelsLoss
from triality.policies.categorical import OneHotTabularPolicy, one_hot_tabular_policy
from triality.policies.scaling import identity_scaling
from triality.regularizers.spectral_norm import SpectrallyNormalized
from triality.run import run
from triality.sampler import Samples
from triality.tabular import TabularMDP, soft_value_iteration
from triality.tabular.worlds import random_mdp
from triality.trajectory import OfPair, action_log_probs, rollout
from triality.updates.ppo import PPO
from triality.updates.slow_cost import SlowCost
from triality.updates.soft_value_iteration import SoftValueIteration

MDP = random_mdp(jax.random.key(10), 4, 3, 2, discount=0.9)
LEVEL, SHARES = Steps(), jnp.array([0.3, 0.7])


def log_policy(seed: int):
    return jax.nn.log_softmax(jax.random.normal(jax.random.key(seed), (4, 3)))


EXPERT, PAST = log_policy(1), jnp.stack([log_policy(2), log_policy(3)])


def blind_to_actions() -> TabularMDP:
    """The same world with the dynamics of its first action for all of them: every policy visits states alike."""
    table = np.zeros((4, 3, 4))
    for x, k in np.ndindex(4, 2):
        table[x, :, int(MDP.successors[x, 0, k])] += float(jnp.exp(MDP.log_probabilities[x, 0, k]))
    return TabularMDP.from_dense(table, np.exp(np.asarray(MDP.log_start)), discount=0.9)


def fitted(data, drawn, cost=None, objective=None):
    """The optimal cost as a table."""
    begin = Table(jnp.zeros((4, 3))) if cost is None else cost
    objective = DiscriminatorLoss() if objective is None else objective
    dynamic, static = eqx.partition(begin, eqx.is_inexact_array)

    def loss(parameters):
        return objective(LEVEL.density(eqx.combine(parameters, static), data, drawn), data, drawn)[0]

    found, _ = optimum(loss, dynamic)
    return jax.vmap(lambda x: jax.vmap(lambda u: eqx.combine(found, static)(x, u))(jnp.arange(3)))(jnp.eye(4))


def replayed(world, log_q):
    """Demonstrations, and the steps of two past policies in their shares, under a density by state and action."""
    parts = [samples(LEVEL.view, world, visited(world, each), log_q, share) for each, share in zip(PAST, SHARES, strict=True)]
    return samples(LEVEL.view, world, visited(world, EXPERT), log_q), jax.tree.map(lambda *each: jnp.concatenate(each), *parts)


FUSED = jax.nn.logsumexp(PAST + jnp.log(SHARES)[:, None, None], axis=0)


def test_replay_with_the_fused_density_moves_nothing_where_policies_visit_alike():
    """The cost is -log pi_E, as without replay; with the density of the current policy alone it is another (pitfall 13)."""
    world = blind_to_actions()
    np.testing.assert_allclose(visited(world, PAST[0]).sum(axis=1), visited(world, EXPERT).sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(fitted(*replayed(world, FUSED)), -EXPERT, atol=1e-4)
    assert np.max(np.abs(fitted(*replayed(world, PAST[1])) + EXPERT)) > 0.1


def test_elsewhere_replay_moves_the_cost_by_what_the_docstring_says():
    states = jnp.stack([visited(MDP, each).sum(axis=1) for each in PAST])
    pooled = SHARES @ states
    weighed = jax.nn.logsumexp(PAST + jnp.log(SHARES[:, None] * states / pooled)[:, :, None], axis=0)
    shift = FUSED - weighed
    expected = -EXPERT - jnp.log(visited(MDP, EXPERT).sum(axis=1) / pooled)[:, None] - shift
    np.testing.assert_allclose(fitted(*replayed(MDP, FUSED)), expected, atol=1e-4)
    assert np.max(np.abs(shift)) > 1e-2


ENV, HORIZON = gridworld(("S..", "..G"), slip=0.1), 5


def grid_policy(seed: int) -> OneHotTabularPolicy:
    return OneHotTabularPolicy(jax.random.normal(jax.random.key(seed), (6, 5)))


@pytest.fixture(scope="module")
def rolled():
    draw = jax.jit(lambda policy, key: jax.vmap(lambda k: rollout(k, ENV, policy, HORIZON))(jax.random.split(key, 3)))
    data, *batches = [draw(grid_policy(seed), jax.random.key(seed)) for seed in (7, 8, 9, 10)]
    short = batches[2].mask.at[:, 2:].set(False)
    return data, [batches[0], batches[1], batches[2]._replace(mask=short, log_prob=jnp.where(short, batches[2].log_prob, 0.0))]


def test_steps_remember_every_policys_density_at_every_step_by_its_share(rolled):
    """Three policies through two slots; the last drew two steps where the one before drew five."""
    data, batches = rolled
    level = Steps(FreeStarts(3), num_past_samplers=2)
    memory = level.first_memory(grid_policy(0), batches[0], data)
    for seed, batch in zip((8, 9, 10), batches, strict=True):
        memory = level.remember(memory, grid_policy(seed), batch, data)
    of_data, drawn = level.samples(memory, data, jnp.zeros(3))
    kept = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), batches[2], batches[1])  # slot 3 mod 2 = 0 was overwritten last

    def fused(batch):
        each = [jax.vmap(lambda one, policy=policy: action_log_probs(policy, one))(batch) for policy in (grid_policy(10), grid_policy(9))]
        return jnp.logaddexp(jnp.log(2 / 7) + each[0], jnp.log(5 / 7) + each[1]).ravel()

    real = np.asarray(kept.mask.ravel())
    np.testing.assert_array_equal(drawn.log_weight, np.where(real, 0.0, -np.inf))
    np.testing.assert_allclose(drawn.log_q[real], fused(kept)[real], rtol=1e-9)
    np.testing.assert_allclose(of_data.log_q, fused(data), rtol=1e-9)
    assert np.max(np.abs(drawn.log_q[real] - kept.log_prob.ravel()[real])) > 0.1  # the twin: each by its own density


def test_one_slot_is_the_current_policy(rolled):
    data, batches = rolled
    level = Steps(FreeStarts(3))
    memory = level.first_memory(grid_policy(0), batches[0], data)
    for seed, batch in zip((8, 9), batches[:2], strict=True):
        memory = level.remember(memory, grid_policy(seed), batch, data)
    _, drawn = level.samples(memory, data, jnp.zeros(3))
    np.testing.assert_allclose(drawn.log_q, batches[1].log_prob.ravel(), rtol=1e-12)


@pytest.mark.parametrize(("of_data", "of_drawn"), [(0.1, 0.0), (0.1, 0.1), (0.05, 0.2)])
def test_smoothed_labels_shift_the_optimum_by_what_is_written_down(of_data, of_drawn):
    """At nu = 3, on the log-odds of every point; of the plain loss it is log p - log nu q."""
    log_p, log_q = visited(MDP, EXPERT), visited(MDP, PAST[0])
    data, drawn = (samples(EachPair(), MDP, each, PAST[0], weight) for each, weight in ((log_p, 1.0), (log_q, 3.0)))
    found = -fitted(data, drawn, objective=SmoothedLabelsLoss(of_data, of_drawn)) - jnp.log(3.0)
    expected = jnp.log((1 - of_data) * log_p + of_drawn * 3 * log_q) - jnp.log(of_data * log_p + (1 - of_drawn) * 3 * log_q)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.max(np.abs(found - jnp.log(log_p / (3 * log_q)))) > 0.1


def test_labels_that_are_not_smoothed_are_the_plain_loss_and_smoothing_both_sides_leaves_a_draw():
    data = samples(LEVEL.view, MDP, visited(MDP, EXPERT), EXPERT)
    density = LEVEL.density(Table(-PAST[0]), data, data)
    np.testing.assert_allclose(
        SmoothedLabelsLoss(0.0, 0.0)(density, data, data)[0], DiscriminatorLoss()(density, data, data)[0], rtol=1e-12
    )

    def slope(objective):
        return jax.grad(lambda table: objective(LEVEL.density(Table(table), data, data), data, data)[0])(-EXPERT)

    np.testing.assert_allclose(slope(SmoothedLabelsLoss(0.2, 0.2)), 0.0, atol=1e-14)
    assert np.max(np.abs(slope(SmoothedLabelsLoss(0.2, 0.0)))) > 1e-3


def test_spectral_norm_leaves_an_optimum_in_its_reach_alone():
    """And moves one that is steeper than it allows."""
    data, drawn = (samples(LEVEL.view, MDP, visited(MDP, each), PAST[0]) for each in (EXPERT, PAST[0]))
    exact = fitted(data, drawn)
    cost = DiscreteCost(MLP(jax.random.key(0), (4, 8, 3), output_bias=False), identity_scaling(4))
    wide, narrow = (fitted(data, drawn, SpectrallyNormalized(cost, bound)) for bound in (5.0, 0.3))
    np.testing.assert_allclose(wide, exact, atol=1e-2)
    assert np.max(np.abs(narrow - exact)) > 0.3


def test_a_normalized_cost_is_exported_with_the_weights_that_it_acts_with(tmp_path):
    cost = SpectrallyNormalized(mlp_cost(jax.random.key(0), ENV.spec, identity_scaling(6), (4,), 1.0), 2.0)
    write_cost(tmp_path, cost, ENV.spec)
    x, actions = jnp.eye(6)[2], np.arange(5)
    expected = jnp.stack([cost(x, jnp.asarray(u)) for u in actions])
    np.testing.assert_allclose(NumpyCost.load(tmp_path)(np.tile(x, (5, 1)), actions), expected, rtol=1e-10)
    assert np.max(np.abs(expected - jnp.stack([cost.energy(x, jnp.asarray(u)) for u in actions]))) > 1e-2


GRID = TabularMDP.from_sparse(ENV.successors, jnp.exp(ENV.log_probabilities), jnp.exp(ENV.log_start), discount=0.9)


def test_a_slow_cost_arrives_where_the_cost_stands_still(rolled):
    """The average is exact, (1 - rate)^n of what was; the policy arrives at the soft optimum of the latest, and one too slow does not."""
    tables = jax.random.normal(jax.random.key(5), (2, 6, 5))
    uniform, scaling = one_hot_tabular_policy(jax.random.key(0), ENV.spec, identity_scaling(6)), identity_scaling(6)
    best = soft_value_iteration(GRID, tables[1]).log_policy
    errors = []
    for rate in (0.5, 1e-4):
        rule = SlowCost(SoftValueIteration(GRID), ENV.spec, lambda *_: Table(jnp.zeros((6, 5))), rate=rate)
        state = rule.init(jax.random.key(0), uniform, scaling)
        update = eqx.filter_jit(
            lambda state, table, rule=rule: rule.update(jax.random.key(0), uniform, state, rolled[0], OfPair(Table(table)))
        )
        policy, state, _ = update(state, tables[0])
        np.testing.assert_allclose(policy.logits, soft_value_iteration(GRID, tables[0]).log_policy, atol=1e-5)
        for _ in range(30):
            policy, state, _ = update(state, tables[1])
        errors.append(np.max(np.abs(policy.logits - best)))
        np.testing.assert_allclose(state.average.cost.values, tables[1] + (1 - rate) ** 30 * (tables[0] - tables[1]), atol=1e-12)
    assert errors[0] < 1e-5
    assert errors[1] > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("constructor", [Airl, Gail])
def test_all_of_them_together_in_one_compiled_run(constructor, rolled):
    def make(key, spec, scaling):
        return SpectrallyNormalized(mlp_cost(key, spec, scaling, (4,)), 3.0)

    level = {Airl: Transitions(FreeStarts(3), num_past_samplers=2), Gail: Steps(FreeStarts(3), None, EachPair(), 2)}[constructor]
    slowed = {Airl: (MakeShapedCost(make), OfTransition), Gail: (make, OfPair)}[constructor]
    algorithm = constructor(
        ENV,
        level,
        SmoothedLabelsLoss(),
        update_rule=SlowCost(PPO(num_epochs=1, num_minibatches=1, hidden=(4,)), ENV.spec, *slowed),
        penalty=GradientPenalty(num_points=4),
        make_cost=make,
        make_policy=one_hot_tabular_policy,
        policy_cost=slowed[1],
    )
    state = algorithm.init(jax.random.key(0), rolled[0], scaling=identity_scaling(6))
    state, metrics, _ = jax.jit(lambda state: run(algorithm, state, 1, 3))(state)
    assert bool(metrics.is_finite.all())
    assert int(state.update.num_updates) == 3
    assert isinstance(level.samples(state.past, state.data, state.data_log_weight)[1], Samples)
