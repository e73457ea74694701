"""Weights a decision on enumerated processes: exact with V exact, less noisy, and what breaks them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.objectives import instances
from tests.objectives.decisions import TableTwist, World, cost_gradient, evaluated
from triality.errors import ConfigError
from triality.objectives.by_start import ByStart
from triality.objectives.guided_cost import GuidedCostLoss, NoSmoothing, TemperedToSampleSize
from triality.objectives.linear_twist import CrossFitted, LinearTwist
from triality.objectives.per_decision import Decisions, PerDecisionLoss, decision_log_weights, decision_term
from triality.objectives.twist import NoTwist
from triality.sampler import Samples
from triality.tabular import noncausal_visits, tilted_start


@pytest.fixture(scope="module", params=["deterministic", "stochastic"])
def world(request) -> World:
    return World(request.param)


@pytest.fixture(scope="module")
def deterministic() -> World:
    return World("deterministic")


def drawn_visits(objective, world, drawn=None):
    """Expected visits that the weights of an objective make of the drawn side, summed over every trajectory: its exact expectation."""
    drawn = world.drawn if drawn is None else drawn
    return world.visits_of(world.drawn.log_weight) - cost_gradient(objective, world.cost, world.drawn, drawn)


def test_weights_and_value_by_hand():
    """Two roll-outs of two steps, r = (0, log 3) and (log 2, 0), V(x_2) = 0 and log 2: weights 1 : 4, then 3 : 2; Z = 5/2."""
    reward = jnp.log(jnp.array([[1.0, 3.0], [2.0, 1.0]]))
    ahead = jnp.log(jnp.array([[1.0, 1.0], [2.0, 1.0]]))

    def term(cost):
        return decision_term(Decisions(cost, reward, ahead, jnp.zeros(2), jnp.ones((2, 2), bool)), jnp.zeros(2), NoSmoothing())

    slope, metrics = jax.grad(term, has_aux=True)(-reward)
    np.testing.assert_allclose(slope, -np.array([[0.2, 0.6], [0.8, 0.4]]), rtol=1e-14)
    np.testing.assert_allclose(term(-reward)[0], np.log(2.5), rtol=1e-14)
    np.testing.assert_allclose(metrics.log_z_importance, np.log(2.5), rtol=1e-14)
    np.testing.assert_allclose(metrics.log_z_bound, np.log(6.0) / 2, rtol=1e-14)
    np.testing.assert_allclose(metrics.ess_by_time, [25 / 17, 25 / 13], rtol=1e-13)
    np.testing.assert_allclose(metrics.ess_decision, (25 / 17 + 25 / 13) / 2, rtol=1e-13)


def test_the_expected_gradient_is_that_of_the_model(world):
    """E_p[visits] - E_{p_theta}[visits], the law of the starts being the drawn one."""
    np.testing.assert_allclose(drawn_visits(PerDecisionLoss(world.twist), world), world.model_visits, rtol=0, atol=1e-10)


def test_within_a_start_it_is_that_of_trajectory_weights(world):
    first = world.batch.observation[:, 0, 0]
    for start in np.unique(first):
        there = world.drawn._replace(log_weight=jnp.where(first == start, world.drawn.log_weight, -jnp.inf))
        decision, whole = (drawn_visits(each, world, there) for each in (PerDecisionLoss(world.twist), GuidedCostLoss()))
        np.testing.assert_allclose(decision, whole, rtol=0, atol=1e-10)


def test_one_z_for_all_starts_weighs_the_starts_anew(world):
    """X11: what trajectory weights under one Z do, and -V(x_1) does not."""
    tilted = noncausal_visits(world.mdp, world.cost, start=jnp.exp(tilted_start(world.mdp, world.solution))).total
    np.testing.assert_allclose(drawn_visits(GuidedCostLoss(), world), tilted, rtol=0, atol=1e-10)
    assert np.max(np.abs(tilted - world.model_visits)) > 0.05


def one_draw(log_rho, world):
    """Each trajectory's own estimate of the visits of every (state, action), a row each; the mean is over ``drawn``."""
    states = world.batch.observation[:, :-1, 0].astype(int)
    rows = jnp.arange(len(states))[:, None]
    return jnp.zeros((len(states), *world.cost.shape)).at[rows, states, world.batch.action].add(jnp.exp(log_rho))


def moments(log_rho, world):
    mass, each = jnp.exp(world.drawn.log_weight), one_draw(log_rho, world)
    mean = jnp.tensordot(mass, each, 1)
    return mean, jnp.sum(jnp.tensordot(mass, (each - mean) ** 2, 1))


def log_rhos(world):
    reward = -world.cost[world.batch.observation[:, :-1, 0].astype(int), world.batch.action] - world.batch.log_prob
    value = world.twist(reward, world.drawn)
    decision = decision_log_weights(reward, value[:, 1:], value[:, 0])
    whole = jnp.broadcast_to(decision[:, -1:], decision.shape)
    return {
        "decision": decision,
        "whole": whole,
        "prefix": decision_log_weights(reward, jnp.zeros_like(reward), value[:, 0]),
        "single step": reward + value[:, 1:] - value[:, :-1],
    }


def test_unnormalized_weights_are_exact_and_less_noisy_than_of_whole_trajectories(world):
    logs = log_rhos(world)
    (mean, variance), (whole, noisy) = moments(logs["decision"], world), moments(logs["whole"], world)
    np.testing.assert_allclose(mean, world.model_visits, rtol=0, atol=1e-10)
    np.testing.assert_allclose(whole, world.model_visits, rtol=0, atol=1e-10)
    assert variance < 0.8 * noisy


@pytest.mark.parametrize("twin", ["prefix", "single step"])
def test_broken_twins_are_not_exact(world, twin):
    """V = 0 does not integrate the future out; rho_t alone, AIRL's weight, forgets how the state was reached."""
    assert np.max(np.abs(moments(log_rhos(world)[twin], world)[0] - world.model_visits)) > 0.1


def test_prefix_weights_stay_wrong_when_normalized(world):
    assert np.max(np.abs(drawn_visits(PerDecisionLoss(NoTwist()), world) - world.model_visits)) > 0.03


def test_whatever_the_twist_the_last_weight_is_that_of_the_trajectory(deterministic):
    wrong = TableTwist(deterministic.solution.value.at[1:].multiply(-3.0))
    reward = jax.random.normal(jax.random.key(1), deterministic.batch.log_prob.shape)
    value = wrong(reward, deterministic.drawn).at[:, -1].set(0.0)
    np.testing.assert_allclose(decision_log_weights(reward, value[:, 1:], jnp.zeros(len(reward)))[:, -1], reward.sum(-1), rtol=1e-12)


def few(world, size=12):
    """Some trajectories, unweighted."""
    chosen = jax.random.choice(jax.random.key(3), len(world.log_q), (size,), False)
    return Samples.unweighted(*jax.tree.map(lambda leaf: leaf[chosen], (world.batch, world.log_q)))


def test_one_step_is_the_whole_trajectory(deterministic):
    sides = few(deterministic)
    cut = {name: getattr(sides.x, name)[:, :1] for name in ("action", "log_prob", "mask", "terminated", "truncated", "reward")}
    sides = Samples.unweighted(sides.x._replace(observation=sides.x.observation[:, :2], **cut), cut["log_prob"][:, 0])
    decision, whole = (cost_gradient(each, deterministic.cost, sides, sides) for each in (PerDecisionLoss(NoTwist()), GuidedCostLoss()))
    np.testing.assert_allclose(decision, whole, rtol=1e-11, atol=1e-14)


def cut_short(sides):
    """Lengths 1 to T; V is not zero behind the end, and must not be read there."""
    length = 1 + jnp.arange(len(sides.log_q)) % sides.x.mask.shape[1]
    return sides._replace(x=sides.x._replace(mask=jnp.arange(sides.x.mask.shape[1]) < length[:, None]))


def test_masked_steps_count_nothing(deterministic):
    """Against loops over what is real; an ended roll-out still counts among those that a time is normalized over."""
    world, sides = deterministic, cut_short(few(deterministic))
    value, states = world.solution.value, np.asarray(sides.x.observation[..., 0], int)
    lengths, actions = np.asarray(sides.x.mask.sum(-1)), np.asarray(sides.x.action)
    wanted = np.zeros(world.cost.shape)
    for time in range(sides.x.mask.shape[1]):
        weights = []
        for i, length in enumerate(lengths):
            steps = range(min(time + 1, length))
            ahead = value[time + 1, states[i, time + 1]] if time + 1 < length else 0.0
            soft = sum(-world.cost[states[i, s], actions[i, s]] - sides.x.log_prob[i, s] for s in steps)
            weights.append(np.exp(soft + ahead - value[0, states[i, 0]]))
        for i, length in enumerate(lengths):
            if time < length:
                wanted[states[i, time], actions[i, time]] += weights[i] / sum(weights)
    data = np.zeros(world.cost.shape)
    for i, length in enumerate(lengths):
        np.add.at(data, (states[i, :length], actions[i, :length]), 1 / len(lengths))
    gradient = cost_gradient(PerDecisionLoss(world.twist), world.cost, sides, sides)
    np.testing.assert_allclose(gradient, data - wanted, rtol=0, atol=1e-12)


TWISTS = {"none": NoTwist(), "linear": LinearTwist(), "cross-fitted": CrossFitted()}


@pytest.mark.parametrize("name", TWISTS)
def test_what_stands_on_padding_or_on_masked_rollouts_never_matters(deterministic, name):
    sides, objective = cut_short(few(deterministic)), PerDecisionLoss(TWISTS[name])
    other = sides.x._replace(
        action=jnp.where(sides.x.mask, sides.x.action, 1),
        log_prob=jnp.where(sides.x.mask, sides.x.log_prob, -7.0),
        observation=sides.x.observation.at[:, 1:].set(jnp.where(sides.x.mask[..., None], sides.x.observation[:, 1:], 0.0)),
    )
    # The observation after the last step may differ, since no step follows it; rows of NaN have weight zero.
    missing = jax.tree.map(lambda leaf: jnp.full_like(leaf[:2], jnp.nan) if leaf.dtype == float else leaf[:2], sides.x)
    rows = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), other, missing)
    padded = Samples(rows, jnp.append(sides.log_q, jnp.full(2, jnp.nan)), jnp.append(sides.log_weight, jnp.full(2, -jnp.inf)))
    plain, same = (cost_gradient(objective, deterministic.cost, sides, each) for each in (sides, padded))
    np.testing.assert_allclose(same, plain, rtol=0, atol=1e-9)


STEEP = {
    "none": PerDecisionLoss(NoTwist()),
    "linear, tempered": PerDecisionLoss(LinearTwist(), TemperedToSampleSize(0.5)),
    "cross-fitted": PerDecisionLoss(CrossFitted()),
}


@pytest.mark.parametrize("name", STEEP)
def test_costs_of_a_thousand_stay_finite(deterministic, name):
    sides = few(deterministic)
    steep = 1e3 * jnp.sign(deterministic.cost)
    loss, metrics, gradient = evaluated(STEEP[name], steep, sides, sides)
    assert all(np.all(np.isfinite(value)) for value in (loss, *metrics, gradient))


def test_tempering_holds_for_every_time(deterministic):
    sides = few(deterministic)
    plain, before, _ = evaluated(PerDecisionLoss(NoTwist()), deterministic.cost, sides, sides)
    tempered, after, _ = evaluated(PerDecisionLoss(NoTwist(), TemperedToSampleSize(0.5)), deterministic.cost, sides, sides)
    assert before.ess_by_time.min() < 5
    assert after.power < before.power == 1
    np.testing.assert_allclose(plain, tempered, rtol=1e-13)
    np.testing.assert_array_equal(before.ess_by_time, after.ess_by_time)


def by_start(world):
    """One demonstration a start, and every trajectory as a draw, which the enumeration orders by start."""
    first = np.unique(world.batch.observation[:, 0, 0], return_index=True)[1]
    one_each = jax.tree.map(lambda leaf: leaf[first], (world.batch, world.log_q))
    return Samples.unweighted(*one_each), world.drawn


def test_starts_are_told_apart_and_share_one_twist(deterministic):
    """Within a start V(x_1) is out of the weights; V is asked for once, for all roll-outs together."""
    world, asked = deterministic, []

    class Asked(TableTwist):
        def __call__(self, soft_reward, drawn):
            asked.append(soft_reward.shape[0])
            return super().__call__(soft_reward, drawn).at[:, 0].multiply(5.0)

    sides = by_start(world)
    whole = cost_gradient(ByStart(GuidedCostLoss()), world.cost, *sides)
    decision = cost_gradient(ByStart(PerDecisionLoss(Asked(world.solution.value))), world.cost, *sides)
    np.testing.assert_allclose(decision, whole, rtol=0, atol=1e-10)
    assert asked == [len(world.log_q)]
    freely = drawn_visits(PerDecisionLoss(Asked(world.solution.value)), world)
    assert np.max(np.abs(freely - world.model_visits)) > 0.01


def test_points_are_refused():
    data, drawn = instances.two_sides()
    with pytest.raises(ConfigError, match="sum over the steps"):
        PerDecisionLoss()(instances.density(instances.energy()), data, drawn)
