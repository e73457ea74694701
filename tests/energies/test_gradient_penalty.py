"""The penalty against values worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from triality.energies.gradient_penalty import GradientPenalty
from triality.policies.scaling import Scaling, identity_scaling
from triality.trajectory import Trajectory

TIME, KEY = 5, jax.random.key(0)


def batch(observation: float, action: jax.Array) -> Trajectory:
    """One trajectory of equal observations; its last step is padding full of NaN."""
    mask = jnp.arange(TIME)[None] < TIME - 1
    states = jnp.full((1, TIME + 1, 2), observation).at[:, TIME - 1 :].set(jnp.nan)
    zeros, flags = jnp.zeros((1, TIME)), jnp.zeros((1, TIME), bool)
    actions = jnp.broadcast_to(action, (1, TIME, *action.shape))
    return Trajectory(states, actions, zeros, mask, flags, flags, zeros, jnp.zeros(1, int))


def test_a_linear_cost_has_one_gradient_everywhere():
    """c = 3 x0 - 2 x1 + 5 u, observations in units of (2, 0.5): |(6, -1, 5)|^2 = 62; padding is never looked at."""
    scaling = Scaling(jnp.zeros(2), jnp.array([2.0, 0.5]))
    data, drawn = batch(1.0, jnp.array([0.3])), batch(-4.0, jnp.array([-0.9]))
    value = GradientPenalty(0.25, num_points=32)(KEY, lambda x, u: 3.0 * x[0] - 2.0 * x[1] + 5.0 * u[0], scaling, data, drawn)
    np.testing.assert_allclose(value, 0.25 * 62.0, rtol=1e-12)


def test_discrete_actions_have_no_gradient():
    """c = 3 x0 + 10 u: the action is a number, its part stays out."""
    data, drawn = batch(1.0, jnp.array(1)), batch(-4.0, jnp.array(0))
    value = GradientPenalty(1.0, num_points=32)(KEY, lambda x, u: 3.0 * x[0] + 10.0 * u, identity_scaling(2), data, drawn)
    np.testing.assert_allclose(value, 9.0, rtol=1e-12)


def test_points_are_uniform_between_the_two_sides():
    """c = x0^2/2 between x0 = 1 and x0 = 3: E[x0^2] = 13/3, within four standard errors; at the ends it would be 1, 9 or 5."""
    num = 20_000
    data, drawn = batch(1.0, jnp.array([0.0])), batch(3.0, jnp.array([0.0]))
    value = GradientPenalty(1.0, num_points=num)(KEY, lambda x, u: 0.5 * x[0] ** 2, identity_scaling(2), data, drawn)
    fourth = (3.0**5 - 1.0) / 10.0  # E[x^4] of the uniform law on [1, 3]
    error = np.sqrt((fourth - (13 / 3) ** 2) / num)
    assert abs(float(value) - 13 / 3) < 4 * error
