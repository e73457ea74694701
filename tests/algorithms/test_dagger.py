"""DAgger (item 4.4): the data grow by exactly n a round, the first round is cloning, and errors that can be made good do not compound."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.behavioral_cloning import BehavioralCloning
from triality.algorithms.dagger import Dagger
from triality.algorithms.expert_labels import MostLikelyLabels, SampledLabels
from triality.algorithms.expert_shares import ExpertFirst, GeometricShare
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
def rounds(algorithm, state, num_rounds):
    """The last state, the metrics of every round, and the policy after each. One program for every world of a horizon."""
    return run(algorithm, state, num_rounds, 1, lambda state: state.policy)


def learned(world, num_rounds=4, **changes):
    algorithm = dagger(world, **changes)
    return rounds(algorithm, algorithm.init(jax.random.key(0), SCALING), num_rounds)


def exact_regret(world, policy):
    """Of its most likely actions, done with the class's error: by the table, without a sample."""
    logits = jax.vmap(lambda x: policy(x).logits)(jnp.eye(2))
    greedy = jnp.log(jax.nn.one_hot(jnp.argmax(logits, axis=-1), logits.shape[-1]))
    return float(regret(world, erring(greedy, ERROR)))


@pytest.fixture(scope="module")
def short():
    """The recoverable rope, four rounds."""
    return learned(tightrope(12))[:2]


def test_the_data_grow_by_exactly_n_a_round(short):
    state, metrics = short
    assert metrics.num_labels[:, 0].tolist() == [576, 1152, 1728, 2304]
    assert metrics.num_forgotten[:, 0].tolist() == [0, 0, 0, 0]
    assert metrics.beta[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert bool(state.cloning.data.mask.all())


def test_every_label_is_the_experts(short):
    """And off the rope it is another one than the learner took there at first."""
    state, _ = short
    data = state.cloning.data
    where = np.argmax(data.observation[:, :-1], axis=-1)
    np.testing.assert_array_equal(data.action, np.asarray(tightrope(12).expert)[where])
    assert np.sum(where == 1) > 0


def test_later_rounds_replace_the_oldest_and_are_counted(short):
    _, metrics, _ = rounds(dagger(tightrope(12)), short[0], 4)
    assert metrics.num_labels[:, 0].tolist() == [2304] * 4
    assert metrics.num_forgotten[:, 0].tolist() == [576] * 4


def test_the_first_round_is_cloning_bit_for_bit():
    world = tightrope(12)
    algorithm = dagger(world)
    first = algorithm.init(jax.random.key(0), SCALING)
    cloning = algorithm.cloning

    @jax.jit
    def both(first):
        key, key_collect = jax.random.split(first.key)
        batch = algorithm.collect(key_collect, first)
        after, metrics = algorithm.update(first._replace(key=key), batch)
        cloned, _ = scan(lambda s, _: cloning.step(s), first.cloning._replace(data=batch, data_log_weight=jnp.zeros(48)), None, NUM_STEPS)
        asked = algorithm.update(first._replace(key=key), batch._replace(action=jnp.zeros_like(batch.action) + 2))[0]
        return batch, after.policy, cloned.policy, asked.policy, metrics

    batch, from_dagger, from_cloning, from_other_actions, _ = both(first)
    assert np.all(np.argmax(batch.observation, axis=-1) == 0)  # the expert alone acted
    assert eqx.tree_equal(from_dagger, from_cloning)
    assert eqx.tree_equal(from_dagger, from_other_actions)  # labels are asked for: what was done does not matter
    assert not eqx.tree_equal(from_dagger, first.policy)


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
    """From the first round on, whose end is read back from disk."""
    algorithm, (end, _) = dagger(tightrope(12)), short
    halfway = rounds(algorithm, algorithm.init(jax.random.key(0), SCALING), 2)[0]
    write_checkpoint(tmp_path / "state.ckpt", halfway, step=2, config={})
    restored = read_checkpoint(tmp_path / "state.ckpt", jax.eval_shape(lambda: halfway))
    onward = rounds(algorithm, restored, 2)[0]
    assert eqx.tree_equal(onward, end)
    forgetful = restored._replace(iteration=jnp.zeros_like(restored.iteration))  # the broken twin begins again with the expert
    assert not eqx.tree_equal(rounds(algorithm, forgetful, 2)[0], end)


def test_labels_are_drawn_or_the_most_likely_by_name():
    world = tightrope(12)
    doubtful = OneHotTabularPolicy(jnp.log(jnp.array([[0.6, 0.2, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]])))
    sampled, likely = (
        Dagger(tightrope_environment(world), doubtful, dagger(world).cloning, 12, labels=labels, num_rollouts=200)
        for labels in (SampledLabels(), MostLikelyLabels())
    )
    batch = likely.collect(jax.random.key(1), likely.init(jax.random.key(0), SCALING))
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
    state = algorithm.init(jax.random.key(0), SCALING)
    batch = jax.eval_shape(functools.partial(algorithm.collect), jax.random.key(1), state)
    batch = jax.tree.map(lambda leaf: jnp.zeros((3, *leaf.shape[1:]), leaf.dtype), batch)
    with pytest.raises(DataError, match=r"expected 48 roll-outs of 12 steps, got \(3, 12\)"):
        algorithm.update(state, batch)
