"""How a cost moves: by the gradient of one step of an episode, or by Adam's steps; and the mean of its course."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from triality.algorithms.cost_steps import adam_steps, averaged, gradient_steps, mean_of
from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.levels import Trajectories
from triality.algorithms.scaling_rules import RunningScaling
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.linear_cost import linear_cost
from triality.envs.pendulum import Pendulum
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.trajectory import rollout
from triality.updates.ppo import PPO

ENV, KEY, SCALING = Pendulum(), jax.random.key(0), identity_scaling(3)


def learner(cost_steps, **rest):
    """With a linear cost, and demonstrations of another policy."""
    horizon = 5
    keys = jax.random.split(KEY, 3)
    data = jax.vmap(lambda key: rollout(key, ENV, squashed_gaussian_policy(KEY, ENV.spec, SCALING, (4,)), horizon))(keys)
    makers = {"make_cost": linear_cost, "make_policy": lambda *made_from: squashed_gaussian_policy(*made_from, (4,))}
    rule = PPO(num_epochs=1, num_minibatches=1, hidden=(4,))
    algorithm = GanGcl(ENV, Trajectories(4), cost_steps=cost_steps, penalty=GradientPenalty(0.0), update_rule=rule, **makers, **rest)
    return algorithm, algorithm.init(KEY, data._replace(start=jnp.arange(3)), scaling=SCALING), horizon


def test_gradient_steps_go_against_the_gradient_of_one_step_of_an_episode():
    """A whole trajectory's gradient is a sum over its steps; Adam, the twin, moves every weight equally far."""
    rate = 0.25

    def moved(cost_steps):
        algorithm, state, _ = learner(cost_steps, num_cost_steps=1, cost_learning_rate=rate)
        batch = algorithm.collect(KEY, state)
        return algorithm.improved_cost(KEY, state, batch, *algorithm.compared(state, batch)[1:])[0].weights

    _, _, horizon = learner(gradient_steps)
    gradient = jax.jit(lambda: moved(lambda *_: optax.scale(-1.0)))()
    assert float(jnp.max(jnp.abs(gradient))) > 0.01
    np.testing.assert_allclose(jax.jit(lambda: moved(gradient_steps))(), rate / horizon * gradient, rtol=1e-9)
    np.testing.assert_allclose(jnp.abs(jax.jit(lambda: moved(adam_steps))()), rate, rtol=1e-4)


def test_the_mean_is_kept_beside_the_course_and_does_not_change_it():
    draw = np.random.default_rng(0)
    gradients = jnp.asarray(draw.normal(size=(7, 3)))
    optimizers = [rule(jnp.array(0.5), jnp.array(0.9), 2) for rule in (adam_steps, averaged(adam_steps))]
    courses = []
    for optimizer in optimizers:
        parameters, course = jnp.ones(3), []
        state = optimizer.init(parameters)
        for gradient in gradients:
            step, state = optimizer.update(gradient, state, parameters)
            parameters = parameters + step
            course.append(parameters)
        courses.append(jnp.stack(course))
    np.testing.assert_array_equal(*courses)
    counts = np.arange(1, 8)
    np.testing.assert_allclose(mean_of(state), counts @ courses[1] / counts.sum(), rtol=1e-12)
    assert mean_of(optimizers[0].init(jnp.ones(3))) is None
    np.testing.assert_array_equal(mean_of(optimizers[1].init(jnp.full(3, 2.0))), 2.0, "before the first step: what there is")


def test_the_mean_comes_to_where_two_sides_only_circle():
    """min over a, max over b of a b, each moving along its gradient: neither comes to 0."""
    optimizer = averaged(gradient_steps)(jnp.array(0.1), jnp.array(0.0), 1)
    a, b = jnp.array(1.0), 0.0
    state = optimizer.init(a)
    farthest = []
    for _ in range(600):
        step, state = optimizer.update(jnp.asarray(b), state, a)
        a = a + step
        b = b + 0.1 * float(a)
        farthest.append(abs(float(a)))
    assert max(farthest[-70:]) > 0.9, "the last point is anywhere on the circle"
    assert abs(float(mean_of(state))) < 0.1


def test_what_was_learned_is_the_mean_and_the_run_goes_on_from_the_last():
    def courses(cost_steps):
        algorithm, state, _ = learner(cost_steps, num_cost_steps=1, cost_learning_rate=0.5, scaling_rule=RunningScaling())
        first, _ = algorithm.step(state)
        second, _ = algorithm.step(first)
        return (first.cost, second.cost), algorithm.learned(second), second.scaling, (algorithm.learned(state).cost, state.cost)

    (first, second), learned, last_scaling, before = jax.jit(lambda: courses(averaged(gradient_steps)))()
    assert float(jnp.max(jnp.abs(second.weights - first.weights))) > 1e-4
    np.testing.assert_allclose(learned.cost.weights, (first.weights + 2.0 * second.weights) / 3.0, rtol=1e-9)
    np.testing.assert_allclose(learned.cost.efforts, (first.efforts + 2.0 * second.efforts) / 3.0, rtol=1e-9)
    np.testing.assert_array_equal(learned.cost.scaling.mean, last_scaling.mean)
    assert float(jnp.max(jnp.abs(last_scaling.mean))) > 0.01, "it has moved"
    assert eqx.tree_equal(*before), "nothing has been learned yet"
    (_, last), plain, *_ = jax.jit(lambda: courses(gradient_steps))()
    np.testing.assert_array_equal(last.weights, second.weights)
    np.testing.assert_array_equal(plain.cost.weights, last.weights)
