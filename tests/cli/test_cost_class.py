"""``--cost`` and ``--cost-sees``: which coordinates, and what the cost that is built sees."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from triality.algorithms.cost_steps import adam_steps, gradient_steps
from triality.cli.cost_class import coordinates_of, make_cost_of
from triality.cli.experiment import AVERAGED_STEPS, build_algorithm
from triality.cli.irl_defaults import resolve
from triality.cli.names import find_task
from triality.cli.options import IrlOptions
from triality.energies.partial_cost import MakePartialCost
from triality.energies.step_cost import state_cost
from triality.errors import ConfigError
from triality.policies.scaling import identity_scaling


def options(**changes):
    return IrlOptions(env=changes.pop("env", "Pendulum-v1"), demos=Path("demos.npz"), out=Path("out"), **changes)


@pytest.mark.parametrize("text", ["", "0:", ":3", "-1", "1:1", "2:1", "0:6", "5", "0;2", "0:2,", "1.5", "0:2:1", "all,1"])
def test_what_is_not_understood(text):
    assert coordinates_of(text, 5) is None


def test_what_is_understood():
    assert coordinates_of("3, 0:2,1", 5) == (0, 1, 3)
    assert coordinates_of("0:5", 5) == coordinates_of("all", 5) == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("changes", [{}, {"algorithm": "airl"}, {"algorithm": "f-irl"}, {"cost": "linear"}, {"cost": "state"}], ids=str)
def test_the_cost_of_a_run_sees_its_part(changes):
    """Also f-IRL's discriminator: else states would be matched in what the cost cannot ask for."""
    chosen, task = options(cost_sees="1:3", **changes), find_task("Pendulum-v1")
    algorithm = build_algorithm(resolve(chosen, task), task)
    makers = [algorithm.make_cost] + ([algorithm.make_ratio] if changes.get("algorithm") == "f-irl" else [])
    for make in makers:
        cost = jax.tree.map(lambda leaf: leaf + 0.5, make(jax.random.key(0), task.spec, identity_scaling(3)))
        slope = jax.grad(lambda x, cost=cost: cost(x, jnp.zeros(1)))(jnp.array([0.3, 0.2, -0.4]))
        assert [bool(each != 0) for each in slope] == [False, True, True]


def test_whether_the_episode_is_over_is_always_seen():
    task = find_task("CartPole-v1")
    assert task.is_absorbing
    make = make_cost_of(options(env="CartPole-v1", cost="state", cost_sees="2"), task)
    assert isinstance(make, MakePartialCost)
    assert make.seen == (2, 4)
    assert make_cost_of(options(env="CartPole-v1", cost="state"), task) is state_cost


def test_a_linear_cost_moves_by_the_gradient_and_others_by_adam():
    """Adam would weigh a feature that hardly differs as much as one that differs by two standard deviations."""
    task = find_task("Pendulum-v1")
    linear, state = (resolve(options(cost=cost), task) for cost in ("linear", "state"))
    assert (linear.cost_learning_rate, state.cost_learning_rate) == (0.02, 1e-3)
    assert resolve(options(cost="linear", cost_learning_rate=0.5), task).cost_learning_rate == 0.5
    assert build_algorithm(linear, task).cost_steps is AVERAGED_STEPS
    shaped = resolve(options(cost="linear", algorithm="airl"), task)
    assert build_algorithm(shaped, task).cost_steps is gradient_steps, "the potential beside it is not linear"
    assert build_algorithm(state, task).cost_steps is adam_steps


def test_a_configuration_that_somebody_changed():
    with pytest.raises(ConfigError, match=r"expected --cost-sees as coordinates from 0 to 2 of Pendulum-v1, got '7'"):
        make_cost_of(options(cost_sees="7"), find_task("Pendulum-v1"))
