"""How a cost moves: by the gradient of one step of an episode, or by Adam's steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from triality.algorithms.cost_steps import adam_steps, gradient_steps
from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.levels import Trajectories
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.linear_cost import linear_cost
from triality.envs.pendulum import Pendulum
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.trajectory import rollout
from triality.updates.ppo import PPO

ENV, KEY, SCALING = Pendulum(), jax.random.key(0), identity_scaling(3)


def test_gradient_steps_go_against_the_gradient_of_one_step_of_an_episode():
    """A whole trajectory's gradient is a sum over its steps; Adam, the twin, moves every weight equally far."""
    horizon, rate = 5, 0.25
    data = jax.vmap(lambda key: rollout(key, ENV, squashed_gaussian_policy(KEY, ENV.spec, SCALING, (4,)), horizon))(
        jax.random.split(KEY, 3)
    )

    def moved(cost_steps):
        makers = {"make_cost": linear_cost, "make_policy": lambda *made_from: squashed_gaussian_policy(*made_from, (4,))}
        rest = {"num_cost_steps": 1, "penalty": GradientPenalty(0.0), "update_rule": PPO(num_epochs=1, num_minibatches=1, hidden=(4,))}
        algorithm = GanGcl(ENV, Trajectories(4), cost_learning_rate=rate, cost_steps=cost_steps, **makers, **rest)
        state = algorithm.init(KEY, data._replace(start=jnp.arange(3)), scaling=SCALING)
        batch = algorithm.collect(KEY, state)
        return algorithm.improved_cost(KEY, state, batch, *algorithm.compared(state, batch)[1:])[0].weights

    gradient = jax.jit(lambda: moved(lambda *_: optax.scale(-1.0)))()
    assert float(jnp.max(jnp.abs(gradient))) > 0.01
    np.testing.assert_allclose(jax.jit(lambda: moved(gradient_steps))(), rate / horizon * gradient, rtol=1e-9)
    np.testing.assert_allclose(jnp.abs(jax.jit(lambda: moved(adam_steps))()), rate, rtol=1e-4)
