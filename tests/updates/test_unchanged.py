"""A generator that stays: the cost is learned all the same, and the generator is not touched."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.levels import Trajectories
from triality.envs.gridworld import gridworld
from triality.policies.categorical import one_hot_tabular_policy
from triality.policies.scaling import identity_scaling
from triality.trajectory import rollout
from triality.updates.ppo import PPO
from triality.updates.unchanged import Unchanged

ENV = gridworld(("S.", ".G"))


def learned(rule):
    """The states before and after two iterations, and the last metrics."""
    algorithm = GanGcl(ENV, Trajectories(8), update_rule=rule, make_policy=one_hot_tabular_policy)
    expert = one_hot_tabular_policy(jax.random.key(0), ENV.spec, identity_scaling(4))
    expert = eqx.tree_at(lambda policy: policy.logits, expert, jax.random.normal(jax.random.key(1), expert.logits.shape))

    @eqx.filter_jit
    def run(key):
        data = jax.vmap(lambda key: rollout(key, ENV, expert, 5))(jax.random.split(key, 3))._replace(start=jnp.arange(3))
        first = algorithm.init(key, data, scaling=identity_scaling(4))
        state, metrics = algorithm.step(first)
        return first, algorithm.step(state)[0], metrics

    return run(jax.random.key(2))


def test_the_policy_stays_and_the_cost_is_learned():
    first, last, metrics = learned(Unchanged())
    np.testing.assert_array_equal(last.policy.logits, first.policy.logits)
    assert any(np.any(a != b) for a, b in zip(*(jax.tree.leaves(eqx.filter(each.cost, eqx.is_array)) for each in (first, last)), strict=True))
    assert metrics.is_finite
    np.testing.assert_allclose(metrics.policy.entropy, np.log(ENV.spec.num_actions), rtol=1e-6)  # it began uniform


def test_another_rule_moves_it():
    first, last, _ = learned(PPO(num_epochs=1, num_minibatches=1, hidden=(4,)))
    assert np.any(last.policy.logits != first.policy.logits)
