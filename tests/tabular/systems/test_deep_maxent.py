import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, DataError
from triality.tabular import (
    IrlConfig,
    LinearCost,
    StateCost,
    Visitation,
    causal_solution,
    causal_visits,
    mce_irl,
    soft_value_iteration,
)
from triality.tabular.systems.deep_maxent import convolutional_cost, deep_maxent_irl, perceptron_cost
from triality.tabular.systems.hard_optimum import hard_optimum, total_visits
from triality.tabular.worlds import gridworld, objectworld

WORLD = objectworld(jax.random.key(1), size=8, num_objects=8, slip=0.1, discount=0.9)
TRUE_COST = StateCost(WORLD.mdp)(2.0 * WORLD.cost)
START = jnp.exp(WORLD.mdp.log_start)
CONFIG = IrlConfig(l2=1e-4, tolerance=1e-4, max_num_steps=200)


@pytest.fixture(scope="module")
def demonstrated():
    return Visitation(total_visits(WORLD.mdp, soft_value_iteration(WORLD.mdp, TRUE_COST).log_policy, START), START)


def regret(mdp, true_cost, learned_cost, start):
    """True cost of the best policy for the learned cost, beyond that of the best for the true one; in units of the uniform policy's."""
    uniform = jnp.full((mdp.num_states, mdp.num_actions), -jnp.log(mdp.num_actions))
    policies = (hard_optimum(mdp, learned_cost), hard_optimum(mdp, true_cost), uniform)
    ours, best, worst = (jnp.sum(total_visits(mdp, policy, start) * true_cost) for policy in policies)
    return float((ours - best) / (worst - best))


def test_the_gradient_is_the_gap_of_visits_through_the_network():
    mdp = gridworld(3, 4, slip=0.2, horizon=4)
    features = jax.random.normal(jax.random.key(100), (12, 3))
    start = jnp.exp(mdp.log_start)
    seen = jax.random.uniform(jax.random.key(101), (12, 4))
    for model in (
        perceptron_cost(jax.random.key(102), features, 4, hidden=5),
        convolutional_cost(jax.random.key(103), features.reshape(3, 4, 3), 4, hidden=3),
    ):
        first = model.initial()
        weights = first + 0.3 * jax.random.normal(jax.random.key(104), first.shape)

        def loss(weights, model=model):
            return jnp.sum(seen * model(weights)) + start @ causal_solution(mdp, model(weights)).value[0]

        @jax.jit
        def both(weights, model=model, loss=loss):
            cost, back = jax.vjp(model, weights)
            return jax.grad(loss)(weights), back(seen - causal_visits(mdp, causal_solution(mdp, cost)).total)[0], model(model.initial())

        ours, pushed, first = both(weights)
        np.testing.assert_allclose(ours, pushed, atol=1e-10)
        assert jnp.max(jnp.abs(ours + pushed)) > 1e-2
        assert jnp.all(first == 0)


@pytest.mark.slow
def test_a_perceptron_recovers_what_no_linear_cost_can(demonstrated):
    """Objectworld's cost of two distances: low near both colors, high near the first alone."""
    linear = mce_irl(WORLD.mdp, demonstrated, LinearCost(jnp.broadcast_to(WORLD.distance[:, None], (64, 5, 4))), IrlConfig(tolerance=1e-4))
    deep = deep_maxent_irl(WORLD.mdp, demonstrated, perceptron_cost(jax.random.key(105), WORLD.distance, 5), CONFIG)
    assert deep.gap[-1] < 0.02 * deep.gap[0]
    linear_regret, deep_regret = (regret(WORLD.mdp, TRUE_COST, one.cost, START) for one in (linear, deep))
    assert linear.converged
    assert linear_regret > 0.05
    assert deep_regret < 0.005
    # The twin of turned sign is the worst of all.
    assert regret(WORLD.mdp, TRUE_COST, -deep.cost, START) > 1.0


@pytest.mark.slow
def test_a_convolution_sees_the_surroundings_and_a_perceptron_does_not():
    """A cell is good if its eastern neighbor holds an object; the cell's own feature says nothing."""
    objects = jnp.zeros((5, 5)).at[1, 3].set(1.0).at[3, 1].set(1.0).at[4, 4].set(1.0)
    mdp = gridworld(5, 5, start=np.full(25, 1 / 25), slip=0.1, discount=0.8)
    start = jnp.exp(mdp.log_start)
    cost = StateCost(mdp)(-2.0 * jnp.roll(objects, -1, axis=1).at[:, -1].set(0.0).reshape(-1))
    seen = Visitation(total_visits(mdp, soft_value_iteration(mdp, cost).log_policy, start), start)
    near = deep_maxent_irl(mdp, seen, convolutional_cost(jax.random.key(106), objects[..., None], 4, hidden=4), CONFIG)
    alone = deep_maxent_irl(mdp, seen, perceptron_cost(jax.random.key(107), objects.reshape(25, 1), 4, hidden=4), CONFIG)
    assert regret(mdp, cost, near.cost, start) < 0.02
    assert regret(mdp, cost, alone.cost, start) > 0.2


def test_wrong_options_are_refused(demonstrated):
    with pytest.raises(DataError, match="every state"):
        deep_maxent_irl(WORLD.mdp, demonstrated, perceptron_cost(jax.random.key(0), jnp.ones((63, 2)), 5))
    with pytest.raises(ConfigError, match="LinearCost"):
        perceptron_cost(jax.random.key(0), jnp.ones((35, 2)), 5, num_layers=0)
    with pytest.raises(ConfigError, match="reach >= 0"):
        convolutional_cost(jax.random.key(0), jnp.ones((2, 2, 1)), 5, reach=-1)
