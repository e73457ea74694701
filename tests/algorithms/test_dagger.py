"""DAgger (item 4.4): the data grow by exactly n a round, the first round is cloning, and errors that can be made good do not compound."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.behavioral_cloning import BehavioralCloning
from triality.algorithms.dagger import Dagger
from triality.algorithms.expert_labels import MostLikelyLabels, SampledLabels
from triality.algorithms.expert_shares import ExpertFirst, GeometricShare, LearnerAlone
from triality.envs.tightrope import tightrope_environment, tightrope_expert
from triality.errors import ConfigError, DataError
from triality.policies.categorical import OneHotTabularPolicy, categorical_policy
from triality.policies.erring import ErringPolicy, erring
from triality.policies.scaling import identity_scaling
from triality.run import run, scan
from triality.runs.checkpoint import read_checkpoint, write_checkpoint
from triality.tabular.worlds import absorbing_tightrope, regret, tightrope

ERROR, SCALING, NUM_STEPS = 0.005, identity_scaling(2), 150


def linear_with_errors(key, spec, scaling):
    """Scores linear in the one-hot state, with a bias that both share: what is learned on the rope holds off it, until told better."""
    return ErringPolicy(categorical_policy(key, spec, scaling, hidden=()), ERROR)


def dagger(world, **changes):
    env = tightrope_environment(world)
    cloning = BehavioralCloning(env.spec, 0.3, batch_size=64, make_policy=linear_with_errors)
    settings = {"labels": MostLikelyLabels(), "num_rollouts": 48, "num_rounds": 4, "num_cloning_steps": NUM_STEPS} | changes
    return Dagger(env, tightrope_expert(world), cloning, world.mdp.num_steps, **settings)


@eqx.filter_jit
def two_rounds(algorithm, state):
    """The last state, the metrics of both rounds, and the policy after each. One program for every world of a horizon."""
    return run(algorithm, state, 2, 1, lambda state: state.policy)


@eqx.filter_jit
def first_state(algorithm):
    return algorithm.init(jax.random.key(0), SCALING)


def learned(world):
    """Four rounds."""
    halfway, *early = two_rounds(dagger(world), first_state(dagger(world)))
    state, *late = two_rounds(dagger(world), halfway)
    return state, *jax.tree.map(lambda *leaves: jnp.concatenate(leaves), early, late), halfway


def exact_regret(world, policy):
    """Of its most likely actions, done with the class's error: by the table, without a sample."""
    logits = jax.vmap(lambda x: policy(x).logits)(jnp.eye(2))
    greedy = jnp.log(jax.nn.one_hot(jnp.argmax(logits, axis=-1), logits.shape[-1]))
    return float(regret(world, erring(greedy, ERROR)))


@pytest.fixture(scope="module")
def short():
    """The recoverable rope: the last state, the metrics of four rounds, and the state after two."""
    state, metrics, _, halfway = learned(tightrope(12))
    return state, metrics, halfway


def test_the_data_grow_by_exactly_n_a_round(short):
    state, metrics, _ = short
    assert metrics.num_labels[:, 0].tolist() == [576, 1152, 1728, 2304]
    assert metrics.num_forgotten[:, 0].tolist() == [0, 0, 0, 0]
    assert metrics.beta[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert bool(state.cloning.data.mask.all())


def test_every_label_is_the_experts(short):
    """And off the rope it is another one than the learner took there at first."""
    state, _, _ = short
    data = state.cloning.data
    where = np.argmax(data.observation[:, :-1], axis=-1)
    np.testing.assert_array_equal(data.action, np.asarray(tightrope(12).expert)[where])
    assert np.sum(where == 1) > 0


def test_later_rounds_replace_the_oldest_and_are_counted(short):
    _, metrics, _ = two_rounds(dagger(tightrope(12)), short[0])
    assert metrics.num_labels[:, 0].tolist() == [2304] * 2
    assert metrics.num_forgotten[:, 0].tolist() == [576] * 2


def test_the_first_round_is_cloning_bit_for_bit():
    algorithm = dagger(tightrope(12))
    first = first_state(algorithm)
    key, key_collect = jax.random.split(first.key)
    batch = jax.jit(lambda key, state: algorithm.collect(key, state))(key_collect, first)
    assert np.all(np.argmax(batch.observation, axis=-1) == 0)  # the expert alone acted
    update = jax.jit(lambda state, batch: algorithm.update(state, batch)[0].policy)
    learned = update(first._replace(key=key), batch)
    data = first.cloning._replace(data=batch, data_log_weight=jnp.zeros(48))
    cloned = jax.jit(lambda state: scan(lambda s, _: algorithm.cloning.step(s), state, None, NUM_STEPS)[0].policy)(data)
    assert eqx.tree_equal(learned, cloned)
    assert not eqx.tree_equal(learned, first.policy)
    # Labels are asked for: what was done there does not matter.
    assert eqx.tree_equal(learned, update(first._replace(key=key), batch._replace(action=jnp.full_like(batch.action, 2))))


@pytest.mark.slow
def test_its_regret_does_not_compound():
    """Exponents from two horizons; cloning is the policy after the first round. The control: where falling is for good nothing helps."""
    horizons = (12, 96)

    def exponents(make):
        worlds = [make(horizon) for horizon in horizons]
        found = [learned(world)[2] for world in worlds]
        regrets = np.array(
            [[exact_regret(w, jax.tree.map(lambda x, i=i: x[i], p)) for i in (0, -1)] for w, p in zip(worlds, found, strict=True)]
        )
        return np.log(regrets[1] / regrets[0]) / np.log(horizons[1] / horizons[0]), regrets

    (cloning, aggregation), regrets = exponents(tightrope)
    assert cloning >= 1.7
    assert aggregation <= 1.2
    np.testing.assert_allclose(regrets[:, 1], ERROR * (np.array(horizons) - 1), rtol=0.01)  # as good as its class can be, at both
    assert np.all(exponents(absorbing_tightrope)[0] >= 1.7)


def test_a_stored_state_goes_on_as_if_never_stored(short, tmp_path):
    """From the second round on, whose end is read back from disk."""
    end, _, halfway = short
    write_checkpoint(tmp_path / "state.ckpt", halfway, step=2, config={})
    restored = read_checkpoint(tmp_path / "state.ckpt", jax.eval_shape(lambda: halfway))
    assert eqx.tree_equal(two_rounds(dagger(tightrope(12)), restored)[0], end)
    forgetful = restored._replace(iteration=jnp.zeros_like(restored.iteration))  # the broken twin begins again with the expert
    assert not eqx.tree_equal(two_rounds(dagger(tightrope(12)), forgetful)[0], end)


def test_a_batch_may_come_from_elsewhere():
    """The state that is begun with a host's batch for its shapes is the state that is begun with the environment."""
    algorithm = dagger(tightrope(12))
    key, state = jax.random.key(0), first_state(algorithm)
    like = jax.eval_shape(algorithm.collect, key, state)
    begun = jax.jit(lambda key: algorithm.init(key, SCALING, jax.tree.map(lambda leaf: jnp.ones(leaf.shape, leaf.dtype), like)))(key)
    assert eqx.tree_equal(begun, state)
    assert float(algorithm.acting(state)(jnp.array([1.0, 0.0])).log_prob(jnp.array(0))) == pytest.approx(0.0)  # the expert alone


def test_demonstrations_begin_the_data_and_are_never_forgotten():
    """The policy before the first round is cloned from them, bit for bit; each round comes after them, whatever it overwrites."""
    algorithm = dagger(tightrope(12), share=LearnerAlone(), num_rounds=1)
    expert_first = dagger(tightrope(12))
    recorded = jax.jit(lambda key, state: expert_first.collect(key, state))(jax.random.key(3), first_state(expert_first))
    recorded = jax.tree.map(lambda leaf: leaf[:3], recorded)
    short = jnp.arange(12) < 5
    recorded = recorded._replace(mask=recorded.mask & short, observation=jnp.where(jnp.arange(13)[:, None] < 5, recorded.observation, 9.0))
    log_weight = jnp.array([0.0, -1.0, 0.5])
    begin = eqx.filter_jit(lambda scaling: algorithm.init(jax.random.key(0), scaling, None, recorded, log_weight))
    begun = begin(SCALING)
    cloning = algorithm.cloning.init(jax.random.split(jax.random.key(0), 3)[0], begun.cloning.data, begun.cloning.data_log_weight, SCALING)
    cloned = jax.jit(lambda state: scan(lambda s, _: algorithm.cloning.step(s), state, None, NUM_STEPS)[0])(cloning)
    assert eqx.tree_equal(begun.policy, cloned.policy, rtol=1e-9, atol=1e-12)
    state, metrics, _ = two_rounds(algorithm, begun)
    assert metrics.num_labels[:, 0].tolist() == [3 * 5 + 576] * 2
    assert metrics.num_forgotten[:, 0].tolist() == [0, 576]
    assert metrics.beta[:, 0].tolist() == [0.0, 0.0]
    assert eqx.tree_equal(jax.tree.map(lambda leaf: leaf[:3], state.cloning.data), recorded)
    assert state.cloning.data_log_weight[:4].tolist() == [0.0, -1.0, 0.5, 0.0]
    assert float(begin(None).cloning.scaling.mean.sum()) == pytest.approx(1.0)  # of real steps, one-hot; padding would make it larger


def test_demonstrations_of_another_length_are_refused():
    algorithm = dagger(tightrope(12))
    recorded = jax.eval_shape(algorithm.collect, jax.random.key(0), jax.eval_shape(lambda: first_state(algorithm)))
    recorded = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype)[:, :7], recorded._replace(start=jnp.zeros((48, 1))))
    with pytest.raises(DataError, match="expected demonstrations padded to 12 steps, got 7"):
        algorithm.init(jax.random.key(0), SCALING, None, recorded)


def test_labels_are_drawn_or_the_most_likely_by_name():
    world = tightrope(12)
    doubtful = OneHotTabularPolicy(jnp.log(jnp.array([[0.6, 0.2, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]])))
    sampled, likely = (
        Dagger(tightrope_environment(world), doubtful, dagger(world).cloning, 12, labels=labels, num_rollouts=200)
        for labels in (SampledLabels(), MostLikelyLabels())
    )
    batch = likely.collect(jax.random.key(1), first_state(likely))
    on = np.argmax(batch.observation[:, :-1], axis=-1) == 0
    drawn, told = (np.asarray(one.ask(jax.random.key(2), batch).action)[on] for one in (sampled, likely))
    assert np.all(told == 0)
    frequency = np.bincount(drawn, minlength=4) / len(drawn)
    np.testing.assert_allclose(frequency, [0.6, 0.2, 0.1, 0.1], atol=5 * np.sqrt(0.25 / len(drawn)))
    log_prob = likely.ask(jax.random.key(2), batch).log_prob
    np.testing.assert_allclose(log_prob[on], np.log(0.6), rtol=1e-12)


def test_shares_of_the_expert():
    rounds = jnp.arange(4)
    assert jax.vmap(GeometricShare(0.5))(rounds).tolist() == [1.0, 0.5, 0.25, 0.125]
    assert jax.vmap(GeometricShare(0.0))(rounds).tolist() == jax.vmap(ExpertFirst())(rounds).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_without_an_expert_it_is_refused():
    world = tightrope(12)
    with pytest.raises(ConfigError, match="expected an expert that can be asked"):
        Dagger(tightrope_environment(world), None, dagger(world).cloning, 12)


def test_a_batch_of_another_size_is_refused():
    algorithm = dagger(tightrope(12))
    state = jax.eval_shape(lambda: algorithm.init(jax.random.key(0), SCALING))
    batch = jax.eval_shape(algorithm.collect, jax.random.key(1), state)
    batch = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((3, *leaf.shape[1:]), leaf.dtype), batch)
    with pytest.raises(DataError, match=r"expected 48 roll-outs of 12 steps, got \(3, 12\)"):
        jax.eval_shape(algorithm.update, state, batch)
