"""f-IRL on a line: the cost falls where demonstrations are, padding and actions count nothing, and a turned ratio is noticed."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.f_irl import FIrl
from triality.energies.step_cost import state_cost
from triality.envs.gridworld import gridworld
from triality.objectives.state_marginal import ForwardKL, JensenShannon, ReverseKL
from triality.policies.categorical import OneHotTabularPolicy, one_hot_tabular_policy
from triality.policies.scaling import identity_scaling
from triality.trajectory import rollout
from triality.updates.ppo import PPO

ENV, HORIZON = gridworld(("S.G",), slip=0.0), 6
EXPERT = OneHotTabularPolicy(jnp.zeros((3, 5)).at[:, 4].set(9.0))
DATA = jax.vmap(lambda key: rollout(key, ENV, EXPERT, HORIZON))(jax.random.split(jax.random.key(1), 4))
PPO_OF_TEST = PPO(learning_rate=0.05, temperature=0.3, num_epochs=2, num_minibatches=2, hidden=())


class Turned(eqx.Module):
    divergence: JensenShannon

    def __call__(self, log_ratio):
        return self.divergence(-log_ratio)


def learned(divergence):
    algorithm = FIrl(
        ENV,
        HORIZON,
        divergence,
        PPO_OF_TEST,
        0.05,
        0.05,
        num_rollouts=32,
        make_cost=lambda key, spec, scaling: state_cost(key, spec, scaling, ()),
        make_policy=one_hot_tabular_policy,
    )
    state, step = algorithm.init(jax.random.key(0), DATA, scaling=identity_scaling(3)), eqx.filter_jit(algorithm.step)
    for _ in range(25):
        state, metrics = step(state)
    costs = jax.vmap(lambda x: state.cost(x, jnp.array(0)))(jnp.eye(3))
    return np.asarray(costs), float(jnp.exp(state.policy(jnp.eye(3)[0]).log_prob(jnp.array(4)))), metrics


@pytest.mark.slow
@pytest.mark.parametrize("divergence", [JensenShannon(), ReverseKL(), ForwardKL()])
def test_the_goal_becomes_cheap_and_the_policy_goes_there(divergence):
    costs, right, metrics = learned(divergence)
    assert costs[2] < costs[0] - 0.3
    assert right > 0.4
    assert np.isfinite(float(metrics.log_odds_drawn))


@pytest.mark.slow
def test_with_the_ratio_turned_the_goal_becomes_dear():
    costs, right, _ = learned(Turned(JensenShannon()))
    assert costs[2] > costs[0] + 0.3
    assert right < 0.2


class Still:
    """A policy that stays what it is: an update's shape, and nothing to compile."""

    def init(self, key, policy, scaling):
        return ()

    def update(self, key, policy, state, batch, cost):
        return policy, state, ()


def test_one_step_makes_what_is_demonstrated_cheaper():
    """The learner does both, the demonstrations go to the goal; where they stay at the start, that becomes cheaper."""
    stay = OneHotTabularPolicy(jnp.zeros((3, 5)).at[:, 0].set(9.0))
    stayed = jax.vmap(lambda key: rollout(key, ENV, stay, HORIZON))(jax.random.split(jax.random.key(3), 4))
    algorithm = FIrl(
        ENV,
        HORIZON,
        update_rule=Still(),
        cost_learning_rate=0.1,
        ratio_learning_rate=0.1,
        num_ratio_steps=10,
        make_cost=lambda key, spec, scaling: state_cost(key, spec, scaling, ()),
        make_policy=one_hot_tabular_policy,
    )
    update, moved = eqx.filter_jit(algorithm.update), []
    drawn = jax.tree.map(lambda one, other: jnp.concatenate([one[:2], other[:2]]), DATA, stayed)
    for data in (DATA, stayed):
        state = algorithm.init(jax.random.key(0), data, policy=stay, scaling=identity_scaling(3))
        after, metrics = update(state, drawn)
        before, now = (jax.vmap(lambda x, cost=cost: cost(x, jnp.array(0)))(jnp.eye(3)) for cost in (state.cost, after.cost))
        moved.append(float((now - before)[2] - (now - before)[0]))
        assert float(metrics.log_odds_drawn) < -0.05  # the learner's own states do not look demonstrated
    assert moved[0] < -0.1
    assert moved[1] > 0.1


def test_padding_counts_nothing():
    algorithm = FIrl(
        ENV,
        HORIZON,
        num_rollouts=4,
        make_cost=lambda key, spec, scaling: state_cost(key, spec, scaling, ()),
        make_policy=one_hot_tabular_policy,
    )
    state = algorithm.init(jax.random.key(0), DATA, scaling=identity_scaling(3))
    mask = DATA.mask.at[0, 3:].set(False)
    ratio = jax.random.normal(jax.random.key(2), mask.shape)
    gradient = eqx.filter_grad(algorithm.cost_loss)(state.cost, ratio, DATA._replace(mask=mask))
    padded = ratio.at[0, 3:].set(77.0)
    again = eqx.filter_grad(algorithm.cost_loss)(state.cost, padded, DATA._replace(mask=mask))
    counted = eqx.filter_grad(algorithm.cost_loss)(state.cost, padded, DATA)
    same, other = (jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), gradient, each) for each in (again, counted))
    assert max(jax.tree.leaves(same)) < 1e-12
    assert max(jax.tree.leaves(other)) > 1e-6
