"""One scaling for cost, policy and value at every moment (pitfall 7), and for each past policy the one that it drew with."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms import cost_learning
from triality.algorithms.airl import Airl
from triality.algorithms.gail import Gail
from triality.algorithms.guided_cost import GanGcl, GuidedCost
from triality.algorithms.levels import MatchedTrajectories, Trajectories
from triality.algorithms.scaling_rules import FrozenScaling, RunningScaling
from triality.algorithms.starts import FreeStarts
from triality.algorithms.steps import Steps, Transitions
from triality.each_pair import EachPair
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.step_cost import mlp_cost
from triality.envs.pendulum import Pendulum
from triality.export.numpy_mlp import read_scaling
from triality.export.saved import read_saved
from triality.export.write import write_cost, write_policy
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.running_scaling import distance, rescaled
from triality.policies.scaling import Scaling, identity_scaling
from triality.run import run
from triality.trajectory import Trajectory, action_log_probs, rollout
from triality.updates.ppo import PPO
from triality.updates.slow_cost import SlowCost

ENV, HORIZON, NUM_UPDATES = Pendulum(), 6, 3


def cost_of(key, spec, scaling):
    return mlp_cost(key, spec, scaling, (4,))


def policy_of(key, spec, scaling):
    return squashed_gaussian_policy(key, spec, scaling, (4,))


PARTS = {
    "penalty": GradientPenalty(num_points=4),
    "num_cost_steps": 1,
    "make_cost": cost_of,
    "make_policy": policy_of,
    "scaling_rule": RunningScaling(prior=1.0),
}
RULE = PPO(num_epochs=1, num_minibatches=1, hidden=(4,))


def slow(algorithm):
    """The same with a target network of its cost."""
    rule = SlowCost(RULE, ENV.spec, make_cost=algorithm.make_cost, policy_cost=algorithm.policy_cost)
    return eqx.tree_at(lambda each: each.update_rule, algorithm, rule)


ALGORITHMS = {
    "gan-gcl": GanGcl(ENV, MatchedTrajectories(4, 2, 2), update_rule=RULE, **PARTS),
    "guided-cost": GuidedCost(ENV, Trajectories(4), update_rule=RULE, **PARTS),
    "airl, slow cost": slow(Airl(ENV, Transitions(FreeStarts(4)), update_rule=RULE, **PARTS)),
    "gail": Gail(ENV, Steps(FreeStarts(4), view=EachPair()), update_rule=RULE, **PARTS),
}


def demonstrations() -> Trajectory:
    teacher = squashed_gaussian_policy(jax.random.key(5), ENV.spec, identity_scaling(3), (8,))
    data = jax.vmap(lambda k: rollout(k, ENV, teacher, HORIZON))(jax.random.split(jax.random.key(6), 2))
    return data._replace(start=jnp.arange(2))


def updated(algorithm):
    """The first state, and those after each update of a compiled scan."""

    @eqx.filter_jit
    def learn(algorithm, data):
        first = algorithm.init(jax.random.key(0), data, scaling=Scaling(jnp.array([0.5, 0.0, 1.0]), jnp.full(3, 2.0)))
        return first, run(algorithm, first, NUM_UPDATES, 1, lambda state: state)[1:]

    first, (metrics, states) = learn(algorithm, demonstrations())
    return first, [jax.tree.map(lambda leaf, i=i: leaf[i], states) for i in range(NUM_UPDATES)], metrics


def scalings_in(model) -> list[Scaling]:
    nodes = jax.tree.leaves(model, is_leaf=lambda node: isinstance(node, Scaling))
    return [node for node in nodes if isinstance(node, Scaling)]


def differing(state) -> set[str]:
    """The parts of a state that hold another scaling than the state says."""
    parts = {"cost": state.cost, "policy": state.policy, "update": state.update}
    assert all(scalings_in(part) for part in parts.values())
    return {name for name, part in parts.items() if not all(eqx.tree_equal(each, state.scaling) for each in scalings_in(part))}


@pytest.fixture(scope="module")
def gan_gcl():
    return updated(ALGORITHMS["gan-gcl"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ALGORITHMS)
def test_cost_policy_and_value_hold_one_scaling_after_each_update(name, request):
    first, states, metrics = request.getfixturevalue("gan_gcl") if name == "gan-gcl" else updated(ALGORITHMS[name])
    assert differing(first) == set()
    for before, state in zip([first, *states], states, strict=False):
        assert differing(state) == set()
        assert float(distance(before.scaling, state.scaling)) > 1e-3
        assert eqx.tree_equal(state.scaling, state.seen.scaling())
    moved = [float(distance(a.scaling, b.scaling)) for a, b in zip([first, *states], states, strict=False)]
    np.testing.assert_allclose(metrics.scaling_moved[:, 0], moved, rtol=1e-6)


def test_the_broken_twin_that_rescales_the_policy_alone_is_found(monkeypatch):
    def policy_alone(model, scaling):
        cost, policy, update = model
        return cost, rescaled(policy, scaling), update

    algorithm = ALGORITHMS["gail"]
    first = algorithm.init(jax.random.key(0), demonstrations(), scaling=identity_scaling(3))
    monkeypatch.setattr(cost_learning, "rescaled", policy_alone)
    state, _ = eqx.filter_jit(lambda algorithm, state: algorithm.step(state))(algorithm, first)
    assert differing(state) == {"cost", "update"}


def test_a_past_policy_keeps_the_scaling_it_drew_with(gan_gcl):
    """So its densities are those of the draw. The broken twin gives it the newest scaling."""
    states = gan_gcl[1]
    past, drew = states[-1].past, (states[-2], states[-3])  # slot 0 holds the policy of the third update, slot 1 that of the second
    for slot, who in enumerate(drew):
        policy, batch = jax.tree.map(lambda leaf, i=slot: leaf[i], (past.policies, past.batch))
        assert eqx.tree_equal(policy, who.policy)
        again, stale = (jax.vmap(lambda one, p=p: action_log_probs(p, one))(batch) for p in (policy, rescaled(policy, states[-1].scaling)))
        np.testing.assert_allclose(again, past.log_probs[slot, slot], atol=1e-6)
        assert not np.allclose(stale, past.log_probs[slot, slot], atol=1e-6)


def test_export_writes_the_one_scaling(gan_gcl, tmp_path):
    state = gan_gcl[1][-1]
    write_cost(tmp_path, state.cost, ENV.spec)
    write_policy(tmp_path, state.policy, ENV.spec)
    x = np.random.default_rng(0).normal(size=(5, 3))
    for name in ("cost", "policy"):
        np.testing.assert_allclose(read_scaling(read_saved(tmp_path, name), 3)(x), jax.vmap(state.scaling)(x), rtol=1e-12)


def batches(num: int) -> list[Trajectory]:
    """Of changing law and length."""
    draw, made = np.random.default_rng(0), []
    for index in range(num):
        observation, mask = draw.normal(index, 1 + index, (3, 8, 3)), draw.random((3, 7)) < 0.7
        flat = np.zeros(mask.shape)
        made.append(Trajectory(observation, np.zeros((*mask.shape, 1)), flat, mask, mask, mask, flat, np.zeros(3, int)))
    return jax.tree.map(jnp.asarray, made)


@eqx.filter_jit
def followed(rule, memory, policy, data, log_weight, batch):
    """The memory and the policy after a batch, and KL(before | after) on it, nats a step: that of the Gaussians, which squashing leaves."""
    memory, scaling = rule.after(memory, policy.scaling, data, log_weight, batch)
    after = rescaled(policy, scaling)

    def divergence(x):
        p, q = policy(x).base, after(x).base
        ratio = jnp.exp(2.0 * (p.log_scale - q.log_scale))
        return 0.5 * jnp.sum(ratio + (p.mean - q.mean) ** 2 * jnp.exp(-2.0 * q.log_scale) - 1.0 - jnp.log(ratio))

    return memory, after, jnp.mean(jax.vmap(jax.vmap(divergence))(batch.observation))


def test_demonstrations_count_for_half_by_their_weights():
    """Against numpy's weighted average of everything at once; the twin forgets the demonstrations' weights."""
    data, *drawn = batches(4)
    log_weight, first = jnp.log(jnp.array([1.0, 5.0, 2.0])), Scaling(jnp.array([3.0, -1.0, 0.0]), jnp.array([2.0, 0.5, 1.0]))
    rule, policy = RunningScaling(prior=2.0), policy_of(jax.random.key(0), ENV.spec, first)
    memory = rule.init(first, drawn[0])
    for batch in drawn:
        memory, policy, _ = followed(rule, memory, policy, data, log_weight, batch)
    scaling = policy.scaling

    def expected(weight) -> tuple[np.ndarray, np.ndarray]:
        shown, counts = data.observation[:, :-1][data.mask], (np.asarray(data.mask) * np.exp(weight)[:, None])[data.mask]
        prior = 2.0 * drawn[0].mask.size
        pieces = [(first.mean - first.scale, prior / 2), (first.mean + first.scale, prior / 2)]  # two points of that mean and deviation
        for batch in drawn:
            steps = int(batch.mask.sum())
            pieces += [(shown, 0.5 * steps * counts / counts.sum()), (batch.observation[:, :-1][batch.mask], np.full(steps, 0.5))]
        x = np.concatenate([np.atleast_2d(values) for values, _ in pieces])
        w = np.concatenate([np.atleast_1d(weights) for _, weights in pieces])
        mean = np.average(x, axis=0, weights=w)
        return mean, np.sqrt(np.average((x - mean) ** 2, axis=0, weights=w))

    mean, scale = expected(np.asarray(log_weight))
    np.testing.assert_allclose(scaling.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(scaling.scale, scale, rtol=1e-12)
    assert not np.allclose(scaling.mean, expected(np.zeros(3))[0], rtol=1e-3)


def test_a_rescale_changes_the_policy_little_and_less_and_less():
    """Of a policy with weights of order one. The twin has no first scaling that holds it back."""
    policy = policy_of(jax.random.key(0), ENV.spec, identity_scaling(3))
    policy = eqx.tree_at(lambda p: p.mean.weights[-1], policy, 100.0 * policy.mean.weights[-1])
    data, batch = batches(2)

    def divergences(prior: float) -> np.ndarray:
        rule, now, found = RunningScaling(prior=prior), policy, []
        memory = rule.init(now.scaling, batch)
        for _ in range(20):
            memory, now, divergence = followed(rule, memory, now, data, jnp.zeros(3), batch)
            found.append(float(divergence))
        return np.array(found)

    held_back, free = divergences(10.0), divergences(0.0)
    assert np.all(held_back >= 0.0)
    assert held_back[0] < 0.05
    assert held_back[-1] < 0.2 * held_back[0]
    assert free[0] > 5.0 * held_back[0]


def test_a_frozen_scaling_stays_and_remembers_nothing():
    rule, first = FrozenScaling(), identity_scaling(3)
    data, batch = batches(2)
    assert rule.init(first, batch) is None
    assert rule.after(None, first, data, jnp.zeros(3), batch) == (None, first)


def test_a_policy_that_is_given_brings_its_scaling_or_gets_the_one_that_is_given():
    algorithm, data = ALGORITHMS["gail"], demonstrations()
    own, other = Scaling(jnp.ones(3), jnp.full(3, 3.0)), Scaling(jnp.zeros(3), jnp.full(3, 5.0))
    policy = policy_of(jax.random.key(1), ENV.spec, own)
    for scaling, expected in ((None, own), (other, other)):
        state = algorithm.init(jax.random.key(0), data, policy=policy, scaling=scaling)
        assert differing(state) == set()
        assert eqx.tree_equal(state.scaling, expected)
