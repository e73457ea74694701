"""Adversarial inverse RL held against exact occupancies: D10's optimum, what state-only costs recover, and which reward the policy gets."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.algorithms.occupancies import optimum, samples, shaped, visited
from triality.algorithms.airl import Airl
from triality.algorithms.levels import Trajectories
from triality.algorithms.starts import FreeStarts
from triality.algorithms.steps import Steps, Transitions
from triality.each_transition import EachTransition
from triality.energies.mlp import MLP
from triality.energies.shaped_cost import MakeShapedCost, OfTransition
from triality.energies.step_cost import mlp_cost, state_cost
from triality.envs.gridworld import gridworld
from triality.envs.pendulum import Pendulum
from triality.errors import ConfigError, DataError
from triality.objectives.discriminator import DiscriminatorLoss, OverlapNormalizedLoss, log_odds
from triality.policies.scaling import identity_scaling
from triality.specs import SPECS
from triality.tabular import TabularMDP, soft_value_iteration
from triality.tabular.worlds import random_mdp
from triality.trajectory import OfPair, Trajectory, rollout, transition_costs
from triality.updates.ppo import PPO, Value

GAMMA = 0.9
STOCHASTIC = random_mdp(jax.random.key(10), 4, 3, 2, discount=GAMMA)
LEVEL = Transitions()


def grid(slip: float) -> TabularMDP:
    env = gridworld(("S..", "..S"), slip=slip)
    return TabularMDP.from_sparse(env.successors, jnp.exp(env.log_probabilities), jnp.exp(env.log_start), discount=GAMMA)


def log_policy(seed: int, mdp=STOCHASTIC):
    return jax.nn.log_softmax(jax.random.normal(jax.random.key(seed), (mdp.num_states, mdp.num_actions)))


def pair_of(mdp, log_expert, log_pi, nu=1.0):
    """Data and drawn samples of exact occupancies; log q is log pi on both sides."""
    return (
        samples(LEVEL.view, mdp, visited(mdp, log_expert), log_pi),
        samples(LEVEL.view, mdp, visited(mdp, log_pi), log_pi, nu),
    )


def loss_of(objective, pair):
    return lambda cost: objective(LEVEL.density(cost, *pair), *pair)[0]


def d10(mdp, log_expert, log_pi):
    """-f* = -log pi_E - log(rho_E/rho_pi)."""
    states = [jnp.sum(visited(mdp, each), axis=1) for each in (log_expert, log_pi)]
    return -log_expert - (jnp.log(states[0]) - jnp.log(states[1]))[:, None]


@pytest.mark.parametrize("nu", [1.0, 3.0])
def test_the_optimal_cost_is_that_of_d10_whatever_nu(nu):
    log_expert, log_pi = log_policy(1), log_policy(2)
    pair = pair_of(STOCHASTIC, log_expert, log_pi, nu)

    def loss(table):
        return loss_of(DiscriminatorLoss(), pair)(shaped(table, jnp.zeros(4)))

    found, slope = optimum(loss, jnp.zeros((4, 3)))
    assert slope < 1e-6
    np.testing.assert_allclose(found, d10(STOCHASTIC, log_expert, log_pi), atol=1e-4)
    assert np.max(np.abs(found + log_expert)) > 0.1  # it is no advantage: the two visit states differently


def test_where_both_visit_alike_it_is_minus_the_experts_log_probability():
    log_expert = log_policy(1)
    pair = pair_of(STOCHASTIC, log_expert, log_expert)
    gradient = jax.grad(lambda table: loss_of(DiscriminatorLoss(), pair)(shaped(table, jnp.zeros(4))))
    np.testing.assert_allclose(gradient(-log_expert), 0.0, atol=1e-15)
    assert np.max(np.abs(gradient(log_expert))) > 1e-2


def test_the_normalized_gradient_leaves_a_constant_free_and_the_plain_one_does_not():
    """Why the plain loss is the default here: without a Z, dividing each side by its own overlap loses the level of the cost."""
    log_expert, log_pi = log_policy(1), log_policy(2)
    pair = pair_of(STOCHASTIC, log_expert, log_pi)
    moved = shaped(d10(STOCHASTIC, log_expert, log_pi) + 1.0, jnp.zeros(4))
    normalized, plain = (jax.grad(loss_of(each, pair))(moved).cost.values for each in (OverlapNormalizedLoss(), DiscriminatorLoss()))
    np.testing.assert_allclose(normalized, 0.0, atol=1e-14)
    assert np.max(np.abs(plain)) > 1e-2


def recovered(mdp, true_cost):
    """The state-only cost and the potential that are optimal once the policy has arrived, and their distance from the true ones."""
    solution = soft_value_iteration(mdp, jnp.broadcast_to(true_cost[:, None], (mdp.num_states, mdp.num_actions)), tolerance=1e-12)
    pair = pair_of(mdp, solution.log_policy, solution.log_policy)

    def loss(parts):
        return loss_of(DiscriminatorLoss(), pair)(shaped(parts[0][:, None], parts[1], GAMMA))

    (cost, potential), slope = optimum(loss, (jnp.zeros(mdp.num_states), jnp.zeros(mdp.num_states)))
    assert slope < 1e-5
    return np.ptp(cost - true_cost), np.ptp(potential - solution.value)


def test_a_state_only_cost_is_recovered_where_dynamics_are_deterministic():
    """Up to a constant; and the potential is the soft value. Every cell is linked to its neighbors, since one may stay."""
    mdp = grid(slip=0.0)
    cost_error, value_error = recovered(mdp, 1.5 * jax.random.normal(jax.random.key(3), (mdp.num_states,)))
    assert cost_error < 1e-2, cost_error
    assert value_error < 1e-2, value_error


def test_and_is_not_where_they_are_stochastic():
    """f is a function of the state that came, the advantage of the mean over those that may: no state-only cost makes up for it."""
    mdp = grid(slip=0.3)
    cost_error, _ = recovered(mdp, 1.5 * jax.random.normal(jax.random.key(3), (mdp.num_states,)))
    assert cost_error > 0.1, cost_error


@pytest.fixture(scope="module")
def batch() -> Trajectory:
    keys = jax.random.split(jax.random.key(4), 3)
    draw, no = jax.random.normal(keys[0], (2, 6, 3)), jnp.zeros((2, 5), bool)
    log_prob = jax.random.normal(keys[1], (2, 5))
    return Trajectory(draw, jax.random.normal(keys[2], (2, 5, 1)), log_prob, ~no, no, no, jnp.zeros((2, 5)), jnp.zeros(2, int))


def made(make=mlp_cost):
    return MakeShapedCost(make, GAMMA, (8,), 1.0)(jax.random.key(5), SPECS["Pendulum-v1"], identity_scaling(3))


def soft_reward(temperature, batch, cost):
    """What the update maximizes the sum of: the target of a value that looks no step ahead."""
    now = PPO(gamma=0.0, gae_lambda=0.0, temperature=temperature)
    value = Value(MLP(jax.random.key(0), (3, 4, 1)), identity_scaling(3), jnp.ones(()))
    costs = jax.vmap(lambda one: transition_costs(cost, one))(batch)
    return now.prepare(value, batch, -costs)[0].target


def test_the_reward_is_log_d_minus_log_1_minus_d_with_the_entropy_in_it_once(batch):
    """f - log pi at temperature 1, f at temperature 0 (pitfalls 8 and 9); the noise ratio is in neither (D7)."""
    algorithm, cost = Airl(Pendulum()), made()
    assert eqx.tree_equal(algorithm.update_rule, PPO())
    drawn = LEVEL.view.samples(batch, batch.log_prob)
    odds = log_odds(LEVEL.density(cost, drawn, drawn), drawn)
    once = soft_reward(PPO().temperature, batch, algorithm.policy_cost(cost))
    np.testing.assert_allclose(once, odds, rtol=1e-12)
    np.testing.assert_allclose(soft_reward(0.0, batch, OfTransition(cost)), odds + drawn.log_q, rtol=1e-12)
    twice = soft_reward(2.0, batch, OfTransition(cost))
    assert np.max(np.abs(twice - odds)) > 0.1
    unshaped = soft_reward(1.0, batch, OfPair(cost))
    assert np.max(np.abs(unshaped - odds)) > 0.1


def test_shaping_moves_no_return_that_is_discounted_alike(batch):
    """Up to the ends: sum gamma^t c_f = sum gamma^t c + h(x_1) - gamma^T h(x_T+1). With another gamma it does."""
    cost, one = made(), jax.tree.map(lambda leaf: leaf[0], batch)
    steps = jnp.arange(5.0)
    ends = cost.potential(one.observation[0]) - GAMMA**5 * cost.potential(one.observation[-1])

    def gap(gamma):
        return jnp.sum(gamma**steps * (transition_costs(OfTransition(cost), one) - transition_costs(OfPair(cost), one)))

    np.testing.assert_allclose(gap(GAMMA), ends, rtol=1e-12)
    assert abs(gap(1.0) - ends) > 1e-2


def test_the_cost_of_a_pair_is_g_alone_and_blind_to_the_action_where_asked(batch):
    cost, x = made(state_cost), batch.observation[0]
    assert cost(x[0], jnp.ones(1)) == cost(x[0], -jnp.ones(1)) == cost.cost(x[0], jnp.zeros(1))
    assert cost.of_transition(x[0], jnp.ones(1), x[1]) != cost.of_transition(x[0], jnp.ones(1), x[2])


def test_the_discount_of_the_shaping_is_not_trained(batch):
    drawn = LEVEL.view.samples(batch, batch.log_prob)
    gradient = jax.grad(lambda cost: DiscriminatorLoss()(LEVEL.density(cost, drawn, drawn), drawn, drawn)[0], allow_int=True)(made())
    assert gradient.discount == 0.0
    assert all(jnp.any(leaf != 0) for leaf in gradient.potential.net.weights)


def test_terminations_are_refused_where_they_are_seen(batch):
    ended = batch._replace(terminated=batch.terminated.at[1, 4].set(True))
    with pytest.raises(DataError, match=r"1 that terminate, the first at step 4 of trajectory 1.*absorbing"):
        LEVEL.view.samples(ended, ended.log_prob)
    padded = ended._replace(mask=ended.mask.at[1, 4].set(False))
    assert jnp.isneginf(LEVEL.view.samples(padded, padded.log_prob).log_weight).sum() == 1
    assert jax.jit(lambda b: LEVEL.view.samples(b, b.log_prob).log_q)(ended).shape == (10,)


@pytest.mark.parametrize("level", [Steps(), Trajectories()])
def test_other_levels_are_refused(level):
    with pytest.raises(ConfigError, match="expected a level of transitions"):
        Airl(Pendulum(), level)


def test_the_overlap_is_told_where_the_discriminator_has_won(batch):
    """Pitfall 10: no overlap is left in double precision, and its log still is a number."""
    drawn = LEVEL.view.samples(batch, batch.log_prob)
    data = drawn._replace(log_q=drawn.log_q - 3000.0)
    _, metrics = DiscriminatorLoss()(LEVEL.density(made(), data, drawn), data, drawn)
    assert metrics.overlap_data == 0.0
    assert -4000 < metrics.log_overlap < -2000
    assert isinstance(LEVEL.view, EachTransition)


def test_a_step_gives_back_the_types_that_it_was_given():
    """Types that are weak too: where one differed, every program that holds the state was compiled two times more. Nothing is run here."""
    algorithm = Airl(Pendulum(), Transitions(FreeStarts(2)), update_rule=PPO(num_epochs=1, num_minibatches=1), make_cost=state_cost)

    def first(key):
        draw = jax.vmap(lambda key: rollout(key, Pendulum(), algorithm.make_policy_of(key, identity_scaling(3)), 3))
        return algorithm.init(key, draw(jax.random.split(key)))

    def types(state):
        return {jax.tree_util.keystr(path): (leaf.dtype, leaf.weak_type) for path, leaf in jax.tree_util.tree_leaves_with_path(state)}

    before = eqx.filter_eval_shape(first, jax.random.key(0))
    after = types(eqx.filter_eval_shape(lambda state: algorithm.step(state)[0], before))
    assert types(before) == after
    weak = eqx.tree_at(lambda state: state.cost.discount, before, jax.ShapeDtypeStruct((), float, weak_type=True))
    assert types(weak) != after
