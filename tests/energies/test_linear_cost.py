"""A linear cost, and costs of part of the observation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.energies.linear_cost import LinearBoxCost, LinearDiscreteCost, linear_cost
from triality.energies.partial_cost import MakePartialCost
from triality.energies.shaped_cost import MakeShapedCost
from triality.energies.step_cost import mlp_cost, state_cost
from triality.policies.running_scaling import rescaled
from triality.policies.scaling import Scaling
from triality.specs import EnvironmentSpec

SPEC = EnvironmentSpec("Box-v0", 3, 2, 0, (-1.0, -4.0), (1.0, 2.0), 7)
SCALING = Scaling(jnp.array([0.3, -1.0, 2.0]), jnp.array([0.5, 2.0, 3.0]))
SEEN, UNSEEN = (0, 2), 1
ACTION = jnp.array([0.4, -0.7])
MAKERS = {
    "mlp": mlp_cost,
    "state": state_cost,
    "linear": linear_cost,
    "shaped": MakeShapedCost(),
    "shaped linear": MakeShapedCost(linear_cost),
}


def moved(cost):
    """With every learned number away from where it began; a scaling is none."""
    draw = np.random.default_rng(0)

    def by_path(path, leaf):
        is_fixed = any(name in jax.tree_util.keystr(path) for name in ("scaling", "half_width", "discount"))
        return leaf if is_fixed or not eqx.is_array(leaf) else jnp.asarray(draw.normal(size=leaf.shape))

    return jax.tree_util.tree_map_with_path(by_path, cost)


def test_the_linear_cost_is_its_formula():
    half_width = jnp.array([1.0, 3.0])
    cost = LinearBoxCost(jnp.array([1.0, -2.0, 0.5]), jnp.array([0.2, 0.9]), SCALING, half_width)
    x, z = np.array([1.3, 3.0, -40.0]), np.array([2.0, 2.0, -5.0])  # the last one is clipped
    np.testing.assert_allclose(cost(jnp.asarray(x), ACTION), z @ [1.0, -2.0, 0.5] + 2.0 * 0.4**2 + 0.7**2, rtol=1e-12)
    discrete = LinearDiscreteCost(jnp.array([1.0, -2.0, 0.5]), jnp.array([0.3, -7.0]), SCALING)
    np.testing.assert_allclose(discrete(jnp.asarray(x), jnp.array(1)), z @ [1.0, -2.0, 0.5] - 7.0, rtol=1e-12)


def test_it_is_zero_at_first_whatever_the_actions_are():
    x, choices = jnp.ones(3), EnvironmentSpec("Choices-v0", 3, 0, 4)
    box, discrete = (linear_cost(jax.random.key(0), spec, SCALING) for spec in (SPEC, choices))
    assert box.half_width.tolist() == [1.0, 3.0]
    assert (float(box(x, ACTION)), float(discrete(x, jnp.array(3)))) == (0.0, 0.0)
    assert discrete.efforts.shape == (4,)


def test_its_gradient_is_the_difference_of_means():
    """Of E_data[c] - E_q[c], by hand: the sign of a likelihood that lowers the cost of data."""
    draw = np.random.default_rng(1)
    data, drawn = draw.normal(size=(40, 3)) * 0.5, draw.normal(size=(30, 3)) + 0.4
    actions = draw.uniform(-1, 1, size=(40, 2)), draw.uniform(-1, 0.5, size=(30, 2))
    cost = linear_cost(jax.random.key(0), SPEC, SCALING)

    def loss(cost):
        return jnp.mean(jax.vmap(cost)(data, actions[0])) - jnp.mean(jax.vmap(cost)(drawn, actions[1]))

    gradient = eqx.filter_grad(loss)(cost)
    z = [np.clip((each - np.asarray(SCALING.mean)) / np.asarray(SCALING.scale), -5, 5) for each in (data, drawn)]
    effort = [10.0 * (each / [1.0, 3.0]) ** 2 for each in actions]
    np.testing.assert_allclose(gradient.weights, z[0].mean(0) - z[1].mean(0), rtol=1e-9)
    np.testing.assert_allclose(gradient.efforts, effort[0].mean(0) - effort[1].mean(0), rtol=1e-9)
    assert not np.any(gradient.half_width)


@pytest.mark.parametrize("name", MAKERS)
def test_a_cost_of_a_part_does_not_depend_on_the_rest(name):
    cost = moved(MakePartialCost(MAKERS[name], SEEN)(jax.random.key(0), SPEC, SCALING))
    x, after = jnp.array([0.2, -3.0, 1.0]), jnp.array([0.5, 1.0, 4.0])
    slope = jax.grad(lambda x: cost(x, ACTION))(x)
    assert float(slope[UNSEEN]) == 0.0
    assert np.all(np.asarray(slope)[list(SEEN)] != 0.0)
    assert float(cost(x.at[UNSEEN].set(jnp.inf), ACTION)) == float(cost(x, ACTION))
    if name.startswith("shaped"):
        of_after = jax.grad(lambda after: cost.of_transition(x, ACTION, after))(after)
        assert float(of_after[UNSEEN]) == 0.0
        assert float(of_after[SEEN[1]]) != 0.0


def test_a_cost_of_a_part_is_trained_as_any_other_and_follows_a_scaling_that_moves():
    whole, part = (moved(make(jax.random.key(0), SPEC, SCALING)) for make in (state_cost, MakePartialCost(state_cost, SEEN)))
    x = jnp.array([0.2, -1.0, 1.0])  # the unseen coordinate is at its mean
    np.testing.assert_allclose(part(x, ACTION), whole(x, ACTION), rtol=1e-12)
    other = Scaling(jnp.zeros(3), jnp.ones(3))
    np.testing.assert_allclose(rescaled(part, other)(x, ACTION), rescaled(whole, other)(x.at[UNSEEN].set(0.0), ACTION), rtol=1e-12)
    learned = jax.tree.leaves(eqx.filter_grad(lambda cost: cost(x, ACTION))(part).net)
    assert all(bool(jnp.any(leaf != 0)) for leaf in learned)


def test_seeing_everything_changes_nothing():
    whole, part = (make(jax.random.key(0), SPEC, SCALING) for make in (mlp_cost, MakePartialCost(mlp_cost, (0, 1, 2))))
    x = jnp.array([0.2, -3.0, 1.0])
    assert float(whole(x, ACTION)) == float(part(x, ACTION))
    assert MakePartialCost(mlp_cost, SEEN) == MakePartialCost(mlp_cost, SEEN)  # equal makers compile once
