"""Against two independent implementations, ``imitation`` (MCE-IRL) and ``irl-maxent``.

The numbers are made by ``benchmarks/golden/make_tabular_golden.py``.
"""

import json
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from triality.tabular import (
    IrlConfig,
    StateCost,
    TabularMDP,
    Visitation,
    causal_solution,
    causal_visits,
    mce_irl,
    noncausal_solution,
    soft_value_iteration,
)

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
IRL_MAXENT = {name: np.asarray(value) for name, value in GOLDEN["irl_maxent"].items()}
GRID = np.asarray(GOLDEN["imitation"]["icy_grid"]["transitions"])
TERMINAL = int(IRL_MAXENT["terminal"])
ELSEWHERE = np.arange(25) != TERMINAL
LONG = 300  # steps after which no demonstration is still under way


@pytest.fixture(params=["icy_grid", "random"])
def case(request):
    return {name: np.asarray(value) for name, value in GOLDEN["imitation"][request.param].items()}


def mdp_of(case):
    return TabularMDP.from_dense(case["transitions"], case["start"], horizon=int(case["horizon"]))


def test_soft_values_policy_and_visits_equal_imitations(case):
    mdp = mdp_of(case)
    solution = causal_solution(mdp, StateCost(mdp)(jnp.asarray(-case["reward"])))
    np.testing.assert_allclose(solution.value[:-1], case["value"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(np.exp(solution.log_policy), case["policy"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(causal_visits(mdp, solution).state, case["visits"], rtol=0, atol=1e-8)
    # Negative control: these dynamics are stochastic, so the non-causal model has another policy.
    noncausal = noncausal_solution(mdp, StateCost(mdp)(jnp.asarray(-case["reward"]))).log_policy
    assert np.max(np.abs(np.exp(noncausal) - case["policy"])) > 0.02


def test_learned_policy_equals_imitations_within_its_tolerance(case):
    """imitation stops at an occupancy gap of 1e-3, which is worth up to about 1e-2 in its policy; ours stops at 1e-8."""
    mdp = mdp_of(case)
    visits = case["visits"][:-1].sum(axis=0)
    demonstrated = Visitation(jnp.asarray(visits[:, None] / mdp.num_actions * np.ones(mdp.num_actions)), jnp.asarray(case["start"]))
    learned = mce_irl(mdp, demonstrated, StateCost(mdp), IrlConfig(tolerance=1e-8))
    assert learned.converged
    np.testing.assert_allclose(np.exp(learned.log_policy), case["learned_policy"], rtol=0, atol=1e-2)
    np.testing.assert_allclose(np.exp(learned.log_policy), case["policy"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("reward", ["reward", "noncausal_learned_reward"])
def test_noncausal_policy_equals_irl_maxents(reward):
    """Its backward pass takes 2 S steps and counts only the paths that end in the terminal state; costs are paid everywhere."""
    mdp = TabularMDP.from_dense(GRID, 0, horizon=50)
    never = jnp.full(25, 1e6).at[TERMINAL].set(0.0)
    solution = noncausal_solution(mdp, StateCost(mdp)(-jnp.asarray(IRL_MAXENT[reward])), terminal_cost=never)
    theirs = IRL_MAXENT["noncausal_policy" if reward == "reward" else "noncausal_learned_policy"]
    np.testing.assert_allclose(np.exp(solution.log_policy[0]), theirs, rtol=0, atol=1e-7)


def test_discounted_causal_policy_equals_irl_maxents():
    """Stopping at the terminal state, worth 0 there in place of moving on, as a fifth action that leads to an absorbing state."""
    discount = float(IRL_MAXENT["discount"])
    table = np.zeros((26, 5, 26))
    table[:25, :4, :25] = GRID
    table[25, :, 25] = table[:25, 4, 25] = 1.0
    mdp = TabularMDP.from_dense(table, 0, discount=discount)
    cost = np.zeros((26, 5))
    cost[:25, :4] = -IRL_MAXENT["reward"][:, None]
    cost[:25, 4] = np.where(ELSEWHERE, 1e6, 0.0)
    cost[25] = np.log(5.0)  # so that the absorbing state is worth 0
    solution = soft_value_iteration(mdp, jnp.asarray(cost), tolerance=1e-11)
    np.testing.assert_allclose(solution.value[25], 0.0, atol=1e-9)
    np.testing.assert_allclose(np.exp(solution.log_policy[:25, :4]), IRL_MAXENT["causal_policy_discounted"], rtol=0, atol=1e-8)


class CostUntilTerminal(eqx.Module):
    """A cost for every cell but the terminal one, where log A a step makes staying worth nothing: episodes that end."""

    def __call__(self, parameters):
        return jnp.broadcast_to(jnp.insert(parameters, TERMINAL, jnp.log(4.0))[:, None], (25, 4))

    def initial(self):
        return jnp.full(24, 3.0)


def episodic_grid():
    table = GRID.copy()
    table[TERMINAL] = np.eye(25)[TERMINAL]
    return TabularMDP.from_dense(table, 0, horizon=LONG)


def test_episodic_causal_policy_and_visits_equal_irl_maxents():
    mdp, cost = episodic_grid(), CostUntilTerminal()(-jnp.asarray(IRL_MAXENT["reward"])[ELSEWHERE])
    solution = causal_solution(mdp, cost)
    np.testing.assert_allclose(np.exp(solution.log_policy[0])[ELSEWHERE], IRL_MAXENT["causal_policy"][ELSEWHERE], rtol=0, atol=1e-8)
    visits = causal_visits(mdp, solution).total.sum(axis=-1)
    np.testing.assert_allclose(visits[ELSEWHERE], IRL_MAXENT["causal_visits"][ELSEWHERE], rtol=0, atol=1e-7)


def test_learned_policy_equals_irl_maxents_within_its_tolerance():
    """From its own 200 sampled demonstrations; it stops when a step moves no parameter by 1e-4, a feature gap of 1e-3."""
    mdp = episodic_grid()
    visits = np.where(ELSEWHERE, IRL_MAXENT["demonstrated_visits"], 0.0)
    visits[TERMINAL] = LONG - visits.sum()
    demonstrated = Visitation(jnp.asarray(visits[:, None] / 4 * np.ones(4)), jnp.exp(mdp.log_start))
    learned = mce_irl(mdp, demonstrated, CostUntilTerminal(), IrlConfig(tolerance=1e-6))
    assert learned.converged
    theirs = IRL_MAXENT["causal_learned_policy"]
    often = ELSEWHERE & (IRL_MAXENT["demonstrated_visits"] > 0.05)
    np.testing.assert_allclose(np.exp(learned.log_policy[0])[often], theirs[often], rtol=0, atol=0.02)
    # Both moved away from the policy that made the demonstrations, by the same sampling error: agreement is no accident of the start.
    assert np.max(np.abs(theirs - IRL_MAXENT["causal_policy"])[often]) > 0.05
