"""The cost beside the end: roll-outs that start anew ask for what those asked for that go on in an absorbing state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.energies.beside_end import NUM_ACTIONS, CostBesideEnd, cost_beside_end
from triality.energies.linear_cost import LinearBoxCost
from triality.export.learned_reward import LearnedReward
from triality.export.numpy_cost import NumpyCost
from triality.policies.scaling import Scaling
from triality.specs import EnvironmentSpec
from triality.tabular.finite_horizon import causal_solution
from triality.tabular.worlds.stay_alive import ALIVE, optimum_if_absorbing, optimum_if_ending, stay_alive

CHOICE = EnvironmentSpec("Choice-v0", 1, 0, 2, (), (), 9)
BOX = EnvironmentSpec("Box-v0", 2, 2, 0, (-1.0, -4.0), (1.0, 2.0), 7)
RUNNING = jnp.array([0.7])


@pytest.mark.parametrize("temperature", [0.3, 2.0])
@pytest.mark.parametrize("reward", [-0.4, 0.9])
def test_the_optimum_is_that_of_the_absorbing_world(reward, temperature):
    """A cost that knows nothing asks for nothing, wherever its zero lies; without the entropy of being over it would."""
    world = stay_alive(horizon=9)
    beside = cost_beside_end(lambda x, u: -reward + 0.0 * u, CHOICE, temperature)
    wanted = optimum_if_absorbing(world, reward, temperature)
    found = optimum_if_ending(world, -float(beside(RUNNING, jnp.array(0))), temperature)
    np.testing.assert_allclose(found[:, 0], wanted[:, 0], atol=1e-6)
    without_entropy = optimum_if_ending(world, 0.0, temperature)
    assert np.abs(without_entropy[:, 0] - wanted[:, 0]).max() > 0.1


def test_running_and_being_over_may_cost_what_they_like():
    """Against the table in which what is over goes on: there every step costs the mean over its two actions."""
    world, temperature, running, over = stay_alive(horizon=9), 0.7, jnp.array([0.3, -1.1]), jnp.array([0.9, -0.2])
    beside = cost_beside_end(lambda x, u: jnp.where(x[-1] > 0.5, over[u], running[u]), CHOICE, temperature)
    goes_on = jnp.stack([running, jnp.full(2, jnp.mean(over))]) / temperature
    counted = jnp.stack([jax.vmap(lambda u: beside(RUNNING, u))(jnp.arange(2)) / temperature, jnp.full(2, jnp.log(2.0))])
    wanted, found = (causal_solution(world, cost).log_policy[:, ALIVE] for cost in (goes_on, counted))
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    from_zero = causal_solution(world, counted.at[ALIVE].set(running / temperature)).log_policy[:, ALIVE]
    assert np.abs(from_zero - wanted).max() > 0.1


def test_without_entropy_the_end_is_that_of_exported_rewards():
    exported = NumpyCost("Choice-v0", 9, 2, 2, (), (), True, lambda x, u: 3.0 * x[:, 1] * (u + 0.5) - x[:, 0], np.dtype(float))
    beside = cost_beside_end(lambda x, u: 3.0 * x[1] * (u + 0.5) - x[0], CHOICE, temperature=0.0)
    assert float(beside.end) == pytest.approx(LearnedReward(exported).absorbing_cost)


def test_the_end_costs_what_uniform_actions_cost_there():
    weights, efforts = jnp.array([0.5, -2.0, 3.0]), jnp.array([0.2, 0.7])
    cost = LinearBoxCost(weights, efforts, Scaling(jnp.array([1.0, 0.0, 0.0]), jnp.array([2.0, 1.0, 1.0])), jnp.array([1.0, 3.0]))
    beside = cost_beside_end(cost, BOX, temperature=0.25)
    mean_squares = np.array([1.0 / 3.0, 4.0 / 9.0])  # of u in [-1, 1]; of u in [-4, 2] over its half-width, 3
    over = 0.5 * -0.5 + 3.0 + 10.0 * float(jnp.dot(efforts, mean_squares)) - 0.25 * np.log(2.0 * 6.0)
    most = 10.0 * float(jnp.sum(efforts * jnp.array([1.0, 16.0 / 9.0])))
    assert float(beside.end) == pytest.approx(over, abs=4.0 * most / np.sqrt(12 * NUM_ACTIONS))
    rest = 0.5 * -0.5 + 3.0 - 0.25 * np.log(2.0 * 6.0)
    assert abs(float(beside.end) - rest) > 10.0 * most / np.sqrt(12 * NUM_ACTIONS), "actions that cost nothing would be another end"


def test_a_running_step_is_asked_about_with_the_indicator_at_zero():
    beside = CostBesideEnd(lambda x, u: x[0] * u + 100.0 * (x.shape[0] - 2) + 50.0 * x[-1], jnp.array(2.0))
    np.testing.assert_array_equal(jax.vmap(beside)(jnp.array([[3.0], [1.0]]), jnp.array([4.0, 4.0])), [10.0, 2.0])
