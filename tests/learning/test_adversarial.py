"""AIRL and GAIL learn: whole runs of the command, judged in Gymnasium itself, and AIRL with exact policies on a grid. Minutes each."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.airl import Airl
from triality.algorithms.starts import FreeStarts
from triality.algorithms.steps import Transitions
from triality.cli.main import main
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.step_cost import mlp_cost, state_cost
from triality.envs.gridworld import gridworld
from triality.policies.categorical import OneHotTabularPolicy, one_hot_tabular_policy
from triality.policies.scaling import identity_scaling
from triality.run import run
from triality.tabular import TabularMDP, discounted_visits, soft_value_iteration
from triality.trajectory import rollout
from triality.updates.soft_value_iteration import SoftValueIteration

SHIPPED = Path(__file__).resolve().parents[2] / "examples" / "pendulum_demos.npz"
GAMMA, HORIZON = 0.95, 20

pytestmark = pytest.mark.slow


CASES = [
    ("airl", 0.95, ("--iterations", "100")),
    ("gail", 0.9, ("--iterations", "150")),
    ("sqil", 0.95, ("--iterations", "50")),
    ("iq-learn", 0.95, ("--iterations", "35")),
    ("f-irl", 0.9, ("--iterations", "60", "--cost-learning-rate", "0.003")),
]


@pytest.mark.parametrize(("algorithm", "least", "others"), CASES)
def test_pendulum_from_five_demonstrations(algorithm, least, others, tmp_path):
    arguments = ("--num-demos", "5", "--seeds", "3", "--algorithm", algorithm, *others)
    assert main(["irl", "--env", "Pendulum-v1", "--demos", str(SHIPPED), "--out", str(tmp_path / "run"), *arguments]) == 0
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["iqm"]["return_normalized"] >= least


ENV = gridworld(("S..", ".#.", "..G"), slip=0.0)
MDP = TabularMDP.from_sparse(ENV.successors, jnp.exp(ENV.log_probabilities), jnp.exp(ENV.log_start), discount=GAMMA)


def expected_cost(log_policy) -> float:
    """Discounted, from the start law: no sampling."""
    return float(jnp.sum(discounted_visits(MDP, log_policy).state_action * -ENV.reward))


@pytest.mark.parametrize("make_cost", [mlp_cost, state_cost])
def test_the_policy_of_the_cost_alone_earns_on_a_grid_what_the_expert_earns(make_cost):
    """Soft value iteration as the update: the learned policy, and one made anew of c without its shaping."""
    log_expert = soft_value_iteration(MDP, -2.0 * ENV.reward).log_policy
    draw = jax.jit(jax.vmap(lambda key: rollout(key, ENV, OneHotTabularPolicy(log_expert), HORIZON)))
    algorithm = Airl(
        ENV,
        Transitions(FreeStarts(32)),
        update_rule=SoftValueIteration(MDP),
        penalty=GradientPenalty(0.0, num_points=1),
        cost_learning_rate=1e-2,
        make_cost=make_cost,
        make_policy=one_hot_tabular_policy,
        shaping_discount=GAMMA,
    )
    state = algorithm.init(jax.random.key(1), draw(jax.random.split(jax.random.key(3), 32)), scaling=identity_scaling(MDP.num_states))
    learned = jax.jit(lambda state: run(algorithm, state, 1, 100)[0])(state)
    table = jax.vmap(lambda x: jax.vmap(lambda u: learned.cost(x, u))(jnp.arange(5)))(jnp.eye(MDP.num_states))
    uniform, best = expected_cost(jax.nn.log_softmax(state.policy.logits)), expected_cost(log_expert)
    for log_policy in (jax.nn.log_softmax(learned.policy.logits), soft_value_iteration(MDP, table).log_policy):
        reached = (uniform - expected_cost(log_policy)) / (uniform - best)
        assert reached > 0.9, reached
    assert np.isfinite(table).all()
