"""Guided cost learning on a gridworld where everything can be counted: the learned cost's policy against the expert's, exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.cost_learning import State
from triality.algorithms.guided_cost import GanGcl, GuidedCost
from triality.algorithms.levels import MatchedTrajectories, Steps, Trajectories
from triality.algorithms.starts import FreeStarts, MatchedStarts
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.step_cost import EnvironmentCost
from triality.envs.gridworld import gridworld
from triality.errors import ConfigError
from triality.policies.categorical import OneHotTabularPolicy, one_hot_tabular_policy
from triality.policies.scaling import identity_scaling
from triality.run import run
from triality.tabular.mdp import TabularMDP
from triality.tabular.soft_value_iteration import soft_value_iteration
from triality.trajectory import Trajectory, rollout
from triality.updates.soft_value_iteration import SoftValueIteration

ENV = gridworld(("S..", ".#.", "..G"), slip=0.0)
MDP = TabularMDP.from_sparse(ENV.successors, jnp.exp(ENV.log_probabilities), jnp.exp(ENV.log_start), discount=0.95)
TRUE_COST = -2.0 * ENV.reward
HORIZON = 20


def expert() -> OneHotTabularPolicy:
    return OneHotTabularPolicy(soft_value_iteration(MDP, TRUE_COST).log_policy)


def demonstrations(num: int) -> Trajectory:
    keys = jax.random.split(jax.random.key(3), num)
    batch = jax.jit(jax.vmap(lambda k: rollout(k, ENV, expert(), HORIZON)))(keys)
    return batch._replace(start=jnp.arange(num))


def expected_true_cost(policy: OneHotTabularPolicy) -> float:
    """Discounted, from the start law, by solving the linear equation: no sampling."""
    pi = np.exp(np.asarray(jax.nn.log_softmax(policy.logits)))
    table = np.zeros((MDP.num_states, MDP.num_actions, MDP.num_states))
    successors, chance = np.asarray(MDP.successors), np.exp(np.asarray(MDP.log_probabilities))
    for s, a, k in np.ndindex(successors.shape):
        table[s, a, successors[s, a, k]] += chance[s, a, k]
    dynamics, cost = np.einsum("sa,sat->st", pi, table), np.sum(pi * np.asarray(TRUE_COST), axis=1)
    value = np.linalg.solve(np.eye(MDP.num_states) - 0.95 * dynamics, cost)
    return float(np.exp(np.asarray(MDP.log_start)) @ value)


def test_soft_value_iteration_finds_the_expert():
    cost = EnvironmentCost(ENV)
    rule = SoftValueIteration(MDP, tolerance=1e-10)
    uniform = one_hot_tabular_policy(jax.random.key(0), ENV.spec, identity_scaling(MDP.num_states))
    batch = demonstrations(4)
    value = rule.init(jax.random.key(0), uniform, identity_scaling(MDP.num_states))
    policy, _, metrics = rule.update(jax.random.key(0), uniform, value, batch, lambda x, u, after: 2.0 * cost(x, u))
    np.testing.assert_allclose(policy.logits, expert().logits, atol=1e-8)
    assert metrics.residual < 1e-10
    assert metrics.entropy > 0


LEVELS = {
    "matched trajectories": (GanGcl, MatchedTrajectories(64, 8)),
    "trajectories, past samplers": (GanGcl, Trajectories(64, 3)),
    "steps": (GanGcl, Steps(FreeStarts(32))),
    "matched steps": (GanGcl, Steps(MatchedStarts(24, 8), num_pairs=256)),
    "guided cost": (GuidedCost, MatchedTrajectories(64, 8)),
}


SLOWER = ("matched trajectories", "trajectories, past samplers", "matched steps", "guided cost", "steps")


def test_a_cost_of_the_next_state_counts_in_its_mean():
    """c(x') and c(x, u) = E c(x') have the same soft-optimal policy."""
    weights = jnp.linspace(-1.0, 2.0, MDP.num_states)
    expected = jnp.sum(jnp.exp(MDP.log_probabilities) * weights[MDP.successors], axis=-1)
    rule, uniform = SoftValueIteration(MDP), OneHotTabularPolicy(jnp.zeros((MDP.num_states, MDP.num_actions)))
    batch = demonstrations(2)
    costs = [lambda x, u, after: weights @ after, lambda x, u, after: (x @ expected)[u], lambda x, u, after: weights @ x]
    policies = [rule.update(jax.random.key(0), uniform, jnp.zeros(MDP.num_states), batch, cost)[0].logits for cost in costs]
    np.testing.assert_allclose(policies[0], policies[1], atol=1e-9)
    assert jnp.max(jnp.abs(policies[0] - policies[2])) > 0.1  # the control: of the state before


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.slow] if case in SLOWER else []) for case in LEVELS])
def test_the_learned_policy_earns_what_the_expert_earns(case):
    constructor, level = LEVELS[case]
    algorithm = constructor(
        ENV,
        level,
        update_rule=SoftValueIteration(MDP),
        penalty=GradientPenalty(0.0, num_points=1),
        cost_learning_rate=1e-2,
        make_policy=one_hot_tabular_policy,
    )
    scaling = identity_scaling(MDP.num_states)
    state = jax.jit(lambda key, data: algorithm.init(key, data, scaling=scaling))(jax.random.key(1), demonstrations(16))
    learned = jax.jit(lambda state: run(algorithm, state, 1, 60)[0])(state)
    uniform, best = expected_true_cost(state.policy), expected_true_cost(expert())
    reached = (uniform - expected_true_cost(learned.policy)) / (uniform - best)
    assert reached > 0.9, reached
    assert isinstance(learned, State)


@pytest.mark.parametrize("level", [Steps(), Steps(MatchedStarts())])
def test_guided_cost_refuses_single_steps(level):
    with pytest.raises(ConfigError, match="expected a trajectory level"):
        GuidedCost(ENV, level)
