"""What is compared with what: past samplers keep their densities, starts stay apart, and fact 2 holds on the algorithm's own path."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.levels import MatchedTrajectories, Steps, Trajectories, log_ratio
from triality.algorithms.past_samplers import add, empty, fused_trajectories
from triality.algorithms.starts import FreeStarts, MatchedStarts
from triality.energies.step_cost import mlp_cost
from triality.envs.pendulum import Pendulum
from triality.objectives.by_start import ByStart
from triality.objectives.discriminator import DiscriminatorLoss, OverlapNormalizedLoss
from triality.objectives.guided_cost import MixtureGuidedCostLoss
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.trajectory import Trajectory, action_log_probs, rollout

ENV, HORIZON, NUM_DATA = Pendulum(), 6, 3
SCALING = identity_scaling(3)


def policy(seed: int):
    made = squashed_gaussian_policy(jax.random.key(seed), ENV.spec, SCALING, (8,))
    return eqx.tree_at(lambda p: p.mean.weights[-1], made, 40.0 * made.mean.weights[-1])


@pytest.fixture(scope="module")
def data() -> Trajectory:
    keys = jax.random.split(jax.random.key(9), NUM_DATA)
    batch = jax.vmap(lambda k: rollout(k, ENV, policy(9), HORIZON))(keys)
    return batch._replace(start=jnp.arange(NUM_DATA))


@pytest.fixture(scope="module")
def cost():
    return mlp_cost(jax.random.key(4), ENV.spec, SCALING, (8,), output_scale=1.0)


def fresh_log_probs(each, batch: Trajectory):
    return jnp.sum(jax.vmap(lambda one: action_log_probs(each, one))(batch), axis=-1)


def filled(level, data: Trajectory, num_policies: int):
    """A memory after ``num_policies`` additions, with the policies and batches that went in."""
    first = level.collect(jax.random.key(0), ENV, policy(0), data)
    memory, pairs = level.first_memory(policy(0), first, data), []
    for seed in range(num_policies):
        batch = level.collect(jax.random.key(seed), ENV, policy(seed), data)
        memory = level.remember(memory, policy(seed), batch, data)
        pairs.append((policy(seed), batch))
    return memory, pairs


@pytest.mark.slow
def test_the_matrix_holds_every_policy_at_every_rollout(data):
    """Also after the ring has turned: two slots, three policies, the first is gone."""
    memory, pairs = filled(Trajectories(4, 2), data, 3)
    kept = [pairs[2], pairs[1]]  # slot 3 mod 2 = 0 was overwritten last
    for k, (each, _) in enumerate(kept):
        for j, (_, batch) in enumerate(kept):
            np.testing.assert_allclose(memory.log_probs[k, j].sum(-1), fresh_log_probs(each, batch), rtol=1e-6)
        np.testing.assert_allclose(memory.data_log_probs[k].sum(-1), fresh_log_probs(each, data), rtol=1e-6)


def test_fused_density_is_the_mixture_not_the_newest_policy(data):
    memory, pairs = filled(Trajectories(4, 2), data, 2)
    log_m, log_m_data = fused_trajectories(memory)
    batch = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *[batch for _, batch in pairs])
    each = jnp.stack([fresh_log_probs(p, batch) for p, _ in pairs])
    np.testing.assert_allclose(log_m, jax.nn.logsumexp(each, axis=0) - jnp.log(2.0), rtol=1e-6)
    on_data = jnp.stack([fresh_log_probs(p, data) for p, _ in pairs])
    np.testing.assert_allclose(log_m_data, jax.nn.logsumexp(on_data, axis=0) - jnp.log(2.0), rtol=1e-6)
    # The mistake: old roll-outs labeled with the newest policy's density.
    assert np.max(np.abs(log_m - each[1])) > 0.1


def test_empty_slots_count_for_nothing(data):
    level = Trajectories(4, 3)
    memory, pairs = filled(level, data, 1)
    data_samples, drawn = level.samples(memory, data, jnp.zeros(NUM_DATA))
    assert np.isneginf(drawn.log_weight).sum() == 8
    np.testing.assert_allclose(drawn.log_q[:4], fresh_log_probs(*pairs[0]), rtol=1e-6)
    np.testing.assert_allclose(data_samples.log_q, fresh_log_probs(pairs[0][0], data), rtol=1e-6)


@pytest.mark.parametrize("num_past", [1, 3])
@pytest.mark.slow
def test_matched_rollouts_stay_with_their_start(num_past, data):
    level = MatchedTrajectories(6, 4, num_past)
    memory, pairs = filled(level, data, num_past)
    _, drawn = level.samples(memory, data, jnp.zeros(NUM_DATA))
    starts = drawn.x.observation[:, 0].reshape(NUM_DATA, -1, 3)
    np.testing.assert_allclose(starts, jnp.broadcast_to(data.observation[:, None, 0], starts.shape), atol=1e-6)
    np.testing.assert_allclose(drawn.x.log_prob.sum(-1), drawn.log_q, rtol=1e-6)
    assert drawn.x.start.reshape(NUM_DATA, -1).tolist() == [[i] * (2 * num_past) for i in range(NUM_DATA)]
    assert pairs[0][1].start.tolist() == [0, 0, 1, 1, 2, 2, -1, -1, -1, -1]


@pytest.mark.slow
def test_each_start_solves_its_own_log_z(data, cost):
    level = MatchedTrajectories(6, 2)
    memory, _ = filled(level, data, 1)
    data_samples, drawn = level.samples(memory, data, jnp.zeros(NUM_DATA))
    density = level.density(cost, data_samples, drawn)
    on_data, on_drawn = log_ratio(density.energy, data_samples), log_ratio(density.energy, drawn).reshape(NUM_DATA, -1)
    for i in range(NUM_DATA):
        odds_data = on_data[i] - density.log_z.values[i] - jnp.log(2.0)
        odds_drawn = on_drawn[i] - density.log_z.values[i] - jnp.log(2.0)
        lost, won = -jax.nn.softplus(odds_data), jax.nn.logsumexp(-jax.nn.softplus(-odds_drawn))
        assert float(lost) == pytest.approx(float(won), abs=1e-9)


def gradient(level, objective, cost, data_samples, drawn):
    def loss(cost):
        density = level.density(cost, data_samples, drawn)
        return level.loss(jax.random.key(0), objective, density, data_samples, drawn)[0]

    return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(eqx.filter_grad(loss)(cost))])


@pytest.mark.parametrize("level", [MatchedTrajectories(6, 2), Trajectories(7), Trajectories(4, 2)])
@pytest.mark.slow
def test_fact_2_on_rollouts(level, data, cost):
    """The discriminator's gradient is that of the mixture's likelihood, n_p != n_q, at the solved log Z; at another log Z it is not."""
    memory, _ = filled(level, data, 2)
    pair = level.samples(memory, data, jnp.zeros(NUM_DATA))
    gan = gradient(level, DiscriminatorLoss(), cost, *pair)
    irl = gradient(level, MixtureGuidedCostLoss(), cost, *pair)
    size = jnp.linalg.norm(irl)
    assert jnp.linalg.norm(gan - irl) < 1e-10 * size
    wrong = eqx.tree_at(lambda d: jax.tree.leaves(d.log_z)[0], level.density(cost, *pair), replace_fn=lambda z: z + 1.0)

    def at_wrong(objective):
        def loss(cost):
            density = eqx.tree_at(lambda d: d.energy, wrong, level.density(cost, *pair).energy)
            return level.loss(jax.random.key(0), objective, density, *pair)[0]

        return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(eqx.filter_grad(loss)(cost))])

    assert jnp.linalg.norm(at_wrong(DiscriminatorLoss()) - at_wrong(MixtureGuidedCostLoss())) > 1e-3 * size


@pytest.mark.slow
def test_overlap_normalized_gradient_is_the_plain_one_in_units_of_the_overlap(data, cost):
    level = Trajectories(7)
    memory, _ = filled(level, data, 1)
    pair = level.samples(memory, data, jnp.zeros(NUM_DATA))
    _, metrics = DiscriminatorLoss()(level.density(cost, *pair), *pair)
    plain, normalized = (gradient(level, each, cost, *pair) for each in (DiscriminatorLoss(), OverlapNormalizedLoss()))
    np.testing.assert_allclose(normalized, plain / metrics.overlap_data, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("level", [MatchedTrajectories(6, 3), pytest.param(Steps(MatchedStarts(6, 3)), marks=pytest.mark.slow)])
def test_free_rollouts_never_reach_the_cost(level, data, cost):
    batch = level.collect(jax.random.key(0), ENV, policy(0), data)
    spoiled = jax.tree.map(lambda leaf: leaf.at[-3:].set(7) if leaf.ndim > 1 and leaf.dtype != bool else leaf, batch)
    gradients = []
    for each in (batch, spoiled):
        memory = level.remember(level.first_memory(policy(0), each, data), policy(0), each, data)
        gradients.append(gradient(level, DiscriminatorLoss(), cost, *level.samples(memory, data, jnp.zeros(NUM_DATA))))
    np.testing.assert_array_equal(*gradients)


def test_step_level_has_no_z_and_counts_every_pair(data, cost):
    level = Steps(FreeStarts(5))
    memory, pairs = filled(level, data, 1)
    data_samples, drawn = level.samples(memory, data, jnp.zeros(NUM_DATA))
    assert data_samples.log_q.shape == (NUM_DATA * HORIZON,)
    assert drawn.log_q.shape == (5 * HORIZON,)
    assert level.density(cost, data_samples, drawn).log_z.value == 0.0
    np.testing.assert_allclose(drawn.log_q, pairs[0][1].log_prob.ravel())


def test_by_start_wants_equal_shares(data, cost):
    level = Trajectories(7)
    memory, _ = filled(level, data, 1)
    pair = level.samples(memory, data, jnp.zeros(NUM_DATA))
    with pytest.raises(ValueError, match="equal shares"):
        ByStart(DiscriminatorLoss())(level.density(cost, *pair), *pair)


@pytest.mark.slow
def test_a_demonstration_of_weight_two_counts_as_two(data, cost):
    level = Trajectories(6)
    memory, _ = filled(level, data, 1)
    doubled = jax.tree.map(lambda leaf: leaf[jnp.array([0, 0, 1, 2])], data)
    memory_doubled = level.remember(
        level.first_memory(policy(0), level.collect(jax.random.key(0), ENV, policy(0), data), doubled),
        policy(0),
        level.collect(jax.random.key(0), ENV, policy(0), data),
        doubled,
    )
    weighted = level.samples(memory, data, jnp.log(jnp.array([2.0, 1.0, 1.0])))
    repeated = level.samples(memory_doubled, doubled, jnp.zeros(4))
    np.testing.assert_allclose(
        gradient(level, DiscriminatorLoss(), cost, *weighted), gradient(level, DiscriminatorLoss(), cost, *repeated), rtol=1e-9
    )


def test_ring_starts_empty(data):
    batch = Trajectories(2).collect(jax.random.key(0), ENV, policy(0), data)
    past = add(empty(3, policy(0), batch, data), policy(0), batch, data)
    assert past.log_weight.tolist() == [0.0, -np.inf, -np.inf]


@pytest.mark.slow
def test_a_step_is_update_after_collect_and_seeds_are_independent(data):
    """jit, vmap and by hand give the same run; a learning rate is a leaf, so another one traces nothing anew."""
    algorithm = GanGcl(ENV, MatchedTrajectories(6, 2))
    init, step = jax.jit(lambda k: algorithm.init(k, data)), eqx.filter_jit(lambda a, s: a.step(s))
    states = [init(jax.random.key(seed)) for seed in (0, 1)]
    after = [step(algorithm, state)[0] for state in states]
    key, key_collect = jax.random.split(states[0].key)
    by_hand, metrics = algorithm.update(states[0]._replace(key=key), algorithm.collect(key_collect, states[0]))
    assert bool(metrics.is_finite)

    def numbers(state):
        return np.concatenate([np.asarray(leaf, float).ravel() for leaf in jax.tree.leaves(eqx.filter(state.policy, eqx.is_array))])

    np.testing.assert_allclose(numbers(by_hand), numbers(after[0]), rtol=1e-6, atol=1e-9)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    mapped = eqx.filter_jit(eqx.filter_vmap(lambda a, s: a.step(s)[0], in_axes=(None, eqx.if_array(0))))(algorithm, stacked)
    for i in range(2):
        np.testing.assert_allclose(numbers(jax.tree.map(lambda leaf, i=i: leaf[i], mapped)), numbers(after[i]), rtol=1e-6, atol=1e-9)
    faster = eqx.tree_at(lambda a: a.cost_learning_rate, algorithm, jnp.asarray(0.1))
    moved = step(faster, states[0])[0]
    assert not np.allclose(jax.tree.leaves(moved.cost)[0], jax.tree.leaves(after[0].cost)[0])
