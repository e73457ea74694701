"""A generator that stays: the cost is learned all the same, and the generator is not touched."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.levels import Trajectories
from triality.envs.gridworld import gridworld
from triality.policies.categorical import OneHotTabularPolicy, one_hot_tabular_policy
from triality.policies.scaling import identity_scaling
from triality.trajectory import Trajectory, rollout
from triality.updates.ppo import PPO
from triality.updates.unchanged import Unchanged
from triality.updates.update_rule import UpdateRule

ENV = gridworld(("S.", ".G"))


def test_the_policy_comes_back_and_the_entropy_is_that_of_real_steps():
    policy, rule = OneHotTabularPolicy(jnp.zeros((4, 5))), Unchanged()
    assert isinstance(rule, UpdateRule)
    log_prob, mask = jnp.array([[-1.0, -2.0], [-6.0, -100.0]]), jnp.array([[True, True], [True, False]])
    none = jnp.zeros((2, 2), bool)
    batch = Trajectory(jnp.zeros((2, 3, 4)), jnp.zeros((2, 2), int), log_prob, mask, none, none, jnp.zeros((2, 2)), jnp.zeros(2, int))
    after, state, metrics = rule.update(jax.random.key(0), policy, None, batch, lambda x, u, after: jnp.zeros(()))
    assert after is policy
    assert state is None
    assert metrics.entropy == 3.0


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "moves"), [(Unchanged(), False), (PPO(num_epochs=1, num_minibatches=1, hidden=(4,)), True)])
def test_the_cost_is_learned_whether_the_policy_moves_or_not(rule, moves):
    algorithm = GanGcl(ENV, Trajectories(8), update_rule=rule, make_policy=one_hot_tabular_policy)
    expert = OneHotTabularPolicy(jax.random.normal(jax.random.key(1), (ENV.spec.observation_size, ENV.spec.num_actions)))

    @eqx.filter_jit
    def learn(key):
        data = jax.vmap(lambda key: rollout(key, ENV, expert, 5))(jax.random.split(key, 3))._replace(start=jnp.arange(3))
        first = algorithm.init(key, data, scaling=identity_scaling(ENV.spec.observation_size))
        return first, *algorithm.step(first)

    first, last, metrics = learn(jax.random.key(2))
    assert metrics.is_finite
    assert np.any(last.policy.logits != first.policy.logits) == moves
    before, after = (jax.tree.leaves(eqx.filter(each.cost, eqx.is_array)) for each in (first, last))
    assert any(np.any(a != b) for a, b in zip(before, after, strict=True))
