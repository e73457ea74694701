"""All that a run needs to go on is its State: written, read back and continued, it is the run that was never stopped, bit for bit."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.cost_learning import CostLearning, State
from triality.algorithms.cost_steps import gradient_steps
from triality.algorithms.guided_cost import GanGcl, GuidedCost
from triality.algorithms.levels import MatchedTrajectories
from triality.algorithms.scaling_rules import RunningScaling
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.step_cost import mlp_cost, state_cost
from triality.envs.pendulum import Pendulum
from triality.objectives.discriminator import DiscriminatorLoss
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.run import run
from triality.runs.checkpoint import read_checkpoint, write_checkpoint
from triality.trajectory import OfPair, rollout
from triality.updates.ppo import PPO

ENV, HORIZON = Pendulum(), 8
ALGORITHM = GanGcl(
    ENV,
    MatchedTrajectories(4, 2, 2),
    update_rule=PPO(num_epochs=1, num_minibatches=2),
    penalty=GradientPenalty(num_points=16),
    make_cost=lambda key, spec, scaling: mlp_cost(key, spec, scaling, (8,)),
    make_policy=lambda key, spec, scaling: squashed_gaussian_policy(key, spec, scaling, (8,)),
    scaling_rule=RunningScaling(),
)
# What neither the data nor the settings are: each of it changes as the run goes, and the next step reads it.
CHANGING = ("cost", "cost_optimizer", "policy", "update", "past", "scaling", "seen", "key")


@pytest.fixture(scope="module")
def first() -> State:
    teacher = squashed_gaussian_policy(jax.random.key(5), ENV.spec, identity_scaling(3), (8,))
    data = jax.vmap(lambda k: rollout(k, ENV, teacher, HORIZON))(jax.random.split(jax.random.key(6), 2))
    return ALGORITHM.init(jax.random.key(0), data._replace(start=jnp.arange(2)))


@pytest.fixture(scope="module")
def onward():
    """Two iterations, compiled once."""
    return eqx.filter_jit(lambda state: run(ALGORITHM, state, 1, 2)[0])


def bits(tree) -> list[bytes]:
    def raw(leaf):
        return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf

    return [np.asarray(raw(leaf)).tobytes() for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


def test_a_stored_state_goes_on_as_if_never_stored(first, onward, tmp_path):
    halfway = onward(first)
    write_checkpoint(tmp_path / "state.ckpt", halfway, step=2, config={})
    restored = read_checkpoint(tmp_path / "state.ckpt", jax.eval_shape(lambda: first))
    assert bits(restored) == bits(halfway)
    assert bits(onward(restored)) == bits(onward(halfway))


@pytest.mark.parametrize("name", CHANGING)
def test_each_part_of_it_is_needed(name, first, onward):
    """The broken twin: a state that lost one part, and begins that part anew, goes somewhere else."""
    halfway = onward(first)
    forgetful = halfway._replace(**{name: getattr(first, name)})
    assert bits(getattr(halfway, name)) != bits(getattr(first, name))
    assert bits(onward(forgetful)) != bits(onward(halfway))


def test_what_does_not_change_is_the_users(first, onward):
    """Demonstrations and their weights are the same at the end as at the beginning."""
    after = onward(first)
    for name in set(State._fields) - {*CHANGING, "log_z", "iteration"}:
        assert bits(getattr(after, name)) == bits(getattr(first, name)), name
    assert int(after.iteration) == int(first.iteration) + 2


@pytest.mark.parametrize("constructor", [GanGcl, GuidedCost])
def test_the_named_constructors_have_every_field_with_its_default(constructor):
    """And pass each on: the twin that forgets one differs."""
    assert list(inspect.signature(constructor).parameters) == list(inspect.signature(CostLearning).parameters)
    level, objective = MatchedTrajectories(4), DiscriminatorLoss()
    assert eqx.tree_equal(constructor(ENV, level, objective), CostLearning(ENV, level, objective))
    others = {
        "update_rule": PPO(num_epochs=1),
        "penalty": GradientPenalty(num_points=16),
        "cost_learning_rate": 0.1,
        "cost_momentum": 0.9,
        "cost_steps": gradient_steps,
        "num_cost_steps": 7,
        "make_cost": state_cost,
        "make_policy": squashed_gaussian_policy,
        "policy_cost": lambda cost: OfPair(cost),
        "scaling_rule": RunningScaling(),
    }
    assert list(others) == list(inspect.signature(CostLearning).parameters)[3:]
    assert eqx.tree_equal(constructor(ENV, level, objective, **others), CostLearning(ENV, level, objective, **others))
    for name in others:
        rest = {other: value for other, value in others.items() if other != name}
        assert not eqx.tree_equal(constructor(ENV, level, objective, **rest), CostLearning(ENV, level, objective, **others))
