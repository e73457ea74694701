"""Inverse soft Q-learning on a table with exact expectations: what its optimum says of occupancies, and what breaks it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.algorithms.occupancies import optimum, visited
from triality.objectives.held_ahead import HeldAhead
from triality.objectives.iq_learn import IqLearnLoss, StartValue, ValueFlow
from triality.objectives.soft_q import SoftQ, after_step
from triality.objectives.sqil import SqilLoss
from triality.tabular.worlds import random_mdp

GAMMA = 0.8
MDP = random_mdp(jax.random.key(10), 4, 3, 2, discount=GAMMA)
EXPERT = jax.nn.log_softmax(jax.random.normal(jax.random.key(3), (4, 3)))
DEMONSTRATED = jnp.asarray(visited(MDP, EXPERT))
START = jnp.exp(MDP.log_start)


def soft_value(q):
    return jax.nn.logsumexp(q, axis=-1)


def side(q, occupancy, gamma=GAMMA, fixed=False):
    """Every pair once, by its occupancy; ``after`` is the exact expectation."""
    value = soft_value(q)
    ahead = jax.lax.stop_gradient(value) if fixed else value
    after = gamma * jnp.sum(jnp.exp(MDP.log_probabilities) * ahead[MDP.successors], axis=-1)
    values = jnp.broadcast_to(value[:, None], q.shape)
    return SoftQ(q.ravel(), values.ravel(), after.ravel(), jnp.log(occupancy).ravel())


def learned(loss):
    def objective(q):
        one = side(q, DEMONSTRATED)
        return loss(one, one, START @ soft_value(q))[0]

    return optimum(objective, jnp.zeros((4, 3)))


def occupancy_of(q):
    return jnp.asarray(visited(MDP, jax.nn.log_softmax(q)))


def regularized(alpha, term):
    return IqLearnLoss(GAMMA, alpha, term, drawn_share=0.0)


@pytest.mark.parametrize("term", [StartValue(), ValueFlow()])
def test_at_the_optimum_occupancies_differ_by_the_slope_of_the_regularizer(term):
    alpha = 2.0
    q, slope = learned(regularized(alpha, term))
    reward = side(q, DEMONSTRATED).reward.reshape(4, 3)
    assert slope < 1e-7
    assert jnp.abs(reward).max() > 0.1
    np.testing.assert_allclose(occupancy_of(q), DEMONSTRATED * (1.0 - reward / (2.0 * alpha)), atol=1e-7)


def test_occupancies_are_matched_as_rewards_may_grow():
    errors = [float(jnp.abs(occupancy_of(learned(regularized(a, StartValue()))[0]) - DEMONSTRATED).sum()) for a in (1.0, 10.0, 1e4)]
    assert errors[0] > 5 * errors[1] > 25 * errors[2]
    assert errors[2] < 1e-4


def test_the_two_value_terms_have_one_gradient():
    q = jax.random.normal(jax.random.key(5), (4, 3))

    def gradient(term, **broken):
        def loss(q):
            one = side(q, DEMONSTRATED, **broken)
            return regularized(2.0, term)(one, one, START @ soft_value(q))[0]

        return jax.grad(loss)(q)

    np.testing.assert_allclose(gradient(StartValue()), gradient(ValueFlow()), atol=1e-9)
    assert jnp.abs(gradient(StartValue(), fixed=True) - gradient(ValueFlow(), fixed=True)).max() > 1e-2
    assert jnp.abs(gradient(StartValue(), gamma=0.7) - gradient(ValueFlow(), gamma=0.7)).max() > 1e-3


def test_the_gradient_is_the_gap_of_occupancies():
    """Of -J in the reward, held against the soft policy's exact visits: -(1 - r/(2 alpha)) rho_data + rho_pi, through r."""
    q, alpha = jax.random.normal(jax.random.key(6), (4, 3)), 2.0
    one = side(q, DEMONSTRATED)

    def loss(q):
        now = side(q, DEMONSTRATED)
        return regularized(alpha, StartValue())(now, now, START @ soft_value(q))[0]

    weight = occupancy_of(q).ravel() - DEMONSTRATED.ravel() * (1.0 - one.reward / (2.0 * alpha))
    rewards_gradient = jax.grad(lambda q: jnp.sum(weight * side(q, DEMONSTRATED).reward))(q)
    np.testing.assert_allclose(jax.grad(loss)(q), rewards_gradient, atol=1e-9)
    turned = occupancy_of(q).ravel() + DEMONSTRATED.ravel() * (1.0 - one.reward / (2.0 * alpha))
    assert jnp.abs(jax.grad(lambda q: jnp.sum(turned * side(q, DEMONSTRATED).reward))(q) - jax.grad(loss)(q)).max() > 1e-2


def test_the_soft_policy_is_the_demonstrator():
    """The soft policy of Q is the demonstrator, whatever the reward is shaped by."""
    q, _ = learned(regularized(1e4, StartValue()))
    np.testing.assert_allclose(jax.nn.log_softmax(q), EXPERT, atol=1e-3)


def test_the_penalty_by_hand():
    data = SoftQ(jnp.array([3.0]), jnp.array([2.0]), jnp.array([1.0]), jnp.zeros(1))
    drawn = SoftQ(jnp.array([0.0, 9.0]), jnp.array([1.0, 9.0]), jnp.array([-1.0, 9.0]), jnp.array([0.0, -jnp.inf]))
    loss, metrics = IqLearnLoss(0.5, 2.0, ValueFlow(), drawn_share=0.25)(data, drawn, jnp.array(4.0))
    assert float(loss) == pytest.approx(0.5 * (1.0 + 2.0) - 2.0 + (0.75 * 4.0 + 0.25 * 1.0) / 8.0)
    assert (float(metrics.reward_data), float(metrics.reward_drawn)) == (2.0, 1.0)
    loss, _ = IqLearnLoss(0.5, 2.0, StartValue(), drawn_share=0.0)(data, drawn, jnp.array(4.0))
    assert float(loss) == pytest.approx(0.5 * 4.0 - 2.0 + 0.5)


def test_an_end_leaves_nothing_to_earn_and_a_time_limit_does():
    after = after_step(jnp.array([3.0, 3.0, jnp.nan]), jnp.array([False, True, True]), 0.5)
    assert after.tolist() == [1.5, 0.0, 0.0]


def test_the_held_value_passes_no_gradient_and_the_others_do():
    """Through V(x') alone; Q's own gradient stays, and so does the loss."""
    one, bare = SoftQ(jnp.array([3.0]), jnp.array([2.0]), jnp.array([1.0]), jnp.zeros(1)), IqLearnLoss(0.5, 2.0, StartValue())
    loss_of = lambda loss, part: loss(part, part, jnp.array(4.0))[0]  # noqa: E731
    held, free = (jax.grad(lambda part, loss=loss: loss_of(loss, part))(one) for loss in (HeldAhead(bare), bare))
    assert (held.after.tolist(), held.q.tolist()) == ([0.0], free.q.tolist())
    assert float(jnp.abs(free.after).max()) > 0.1
    assert float(loss_of(HeldAhead(bare), one)) == float(loss_of(bare, one))


def test_sqil_pays_one_on_demonstrations_and_nothing_else():
    """Exact: on a table its optimum solves the soft Bellman equation of the share of demonstrations among all visits."""
    own = jnp.asarray(visited(MDP, jnp.full((4, 3), -jnp.log(3.0))))
    share = DEMONSTRATED / (DEMONSTRATED + own)

    @jax.jit
    def solved(reward):
        def backup(_, q):
            return reward + GAMMA * jnp.sum(jnp.exp(MDP.log_probabilities) * soft_value(q)[MDP.successors], axis=-1)

        return jax.lax.fori_loop(0, 200, backup, jnp.zeros((4, 3)))

    for reward, is_right in ((share, True), (1.0 - share, False)):
        q = solved(reward)
        slope = jax.grad(lambda q: SqilLoss()(side(q, DEMONSTRATED), side(q, own), jnp.array(0.0))[0])(q)
        assert (jnp.abs(slope).max() < 1e-9) == is_right


def test_sqil_holds_its_targets_fixed():
    one = SoftQ(jnp.array([3.0]), jnp.array([2.0]), jnp.array([1.0]), jnp.zeros(1))
    slope = jax.grad(lambda after: SqilLoss()(one._replace(after=after), one._replace(after=after), jnp.array(0.0))[0])(one.after)
    assert slope.tolist() == [0.0]
