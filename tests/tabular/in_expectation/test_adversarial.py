import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, DataError
from triality.judging import MinimalNorm, starc_distance
from triality.tabular import IrlConfig, StateActionCost, Visitation, expected_soft_value, mce_irl
from triality.tabular.in_expectation import (
    AlternationConfig,
    PerDecisionWeights,
    SingleStepWeights,
    StepDiscriminator,
    airl,
    clone,
    exact_visits,
    free_discriminator_cost,
    gan_gcl,
    guided_cost,
    single_step_bias,
    soft_policy,
)
from triality.tabular.worlds import random_mdp

MDP = random_mdp(jax.random.key(70), 6, 3, 2, discount=0.8)
COST = 1.5 * jax.random.normal(jax.random.key(71), (6, 3))
START = jnp.exp(MDP.log_start)
SYSTEMS = {"guided_cost": guided_cost, "gan_gcl": gan_gcl, "airl": airl}
GENERATORS = [jax.nn.log_softmax(2.0 * jax.random.normal(jax.random.key(80 + i), (6, 3)), axis=-1) for i in range(5)]


def distance(first, second):
    return starc_distance(MDP, first, second, MinimalNorm())


@pytest.mark.parametrize("share", [1.0, 0.2])
@pytest.mark.parametrize("name", list(SYSTEMS))
def test_exact_demonstrations_give_the_true_cost_up_to_shaping(demonstrated, expert, name, share):
    learned = SYSTEMS[name](MDP, demonstrated, AlternationConfig(share=share, tolerance=1e-8))
    assert learned.converged
    assert learned.gap < 1e-6
    np.testing.assert_allclose(learned.log_policy, expert, atol=1e-5)
    assert distance(COST, learned.cost) < 1e-5
    assert distance(-COST, learned.cost) > 0.99  # the sign


def test_the_step_discriminator_has_the_negative_advantage_as_its_cost(demonstrated, expert):
    """D10: no free potential, unlike the cost of the likelihood, which keeps one."""
    config = AlternationConfig(tolerance=1e-8)
    np.testing.assert_allclose(gan_gcl(MDP, demonstrated, config).cost, -expert, atol=1e-5)
    assert jnp.max(jnp.abs(guided_cost(MDP, demonstrated, config).cost + expert)) > 0.1


def test_five_generators_leave_one_density_aware_cost_and_five_of_gail(demonstrated):
    """Paper 5.4 and 7.3: first generators and speeds differ, the costs do not; what a free discriminator says of each does."""
    shares = (1.0, 0.7, 0.4, 0.2, 0.1)
    for system in (guided_cost, gan_gcl):
        costs = [
            system(MDP, demonstrated, AlternationConfig(share=share, tolerance=1e-8), initial).cost
            for share, initial in zip(shares, GENERATORS, strict=True)
        ]
        assert max(distance(costs[0], other) for other in costs[1:]) < 1e-5
    implied = [free_discriminator_cost(MDP, demonstrated, policy) for policy in GENERATORS]
    assert min(distance(implied[i], implied[j]) for i in range(5) for j in range(i)) > 0.05


def test_guided_cost_is_mce_irl_with_the_same_prior(demonstrated):
    sampled = Visitation(demonstrated.state_action.at[0, 1].set(0.0), START)
    sampled = Visitation(sampled.state_action * 5.0 / jnp.sum(sampled.state_action), START)
    convex = mce_irl(MDP, sampled, StateActionCost(MDP), IrlConfig(l2=0.05, tolerance=1e-8))
    for system in (guided_cost, airl):
        learned = system(MDP, sampled, AlternationConfig(l2=0.05, tolerance=1e-9))
        assert learned.converged
        np.testing.assert_allclose(learned.cost, convex.cost, atol=1e-5)


def test_per_decision_gradient_is_that_of_the_likelihood(demonstrated):
    cost, generator = 0.5 * COST[::-1], GENERATORS[0]

    def loss(cost):
        return jnp.sum(demonstrated.state_action * cost) + expected_soft_value(MDP, cost, START)

    exact = jax.grad(loss)(cost)
    arguments = (MDP, demonstrated, cost, soft_policy(MDP, cost), generator)
    np.testing.assert_allclose(PerDecisionWeights()(*arguments), exact, atol=1e-9)
    assert jnp.max(jnp.abs(SingleStepWeights()(*arguments) - exact)) > 0.05  # the broken twin, which is AIRL's


def test_single_step_bias_is_the_state_laws_difference_and_shrinks_with_the_generators_lag(demonstrated):
    model = soft_policy(MDP, 0.5 * COST[::-1])
    biases = []
    for lag in (1.0, 0.3, 0.1, 0.03, 0.0):
        generator = jax.nn.log_softmax(model + lag * (GENERATORS[0] - model), axis=-1)
        bias = single_step_bias(MDP, demonstrated, COST, model, generator)
        state = [jnp.sum(exact_visits(MDP, each, START), axis=-1) for each in (model, generator)]
        np.testing.assert_allclose(jnp.sum(bias, axis=-1), state[0] - state[1], atol=1e-12)
        biases.append(float(jnp.max(jnp.abs(bias))))
    assert biases[0] > 0.05
    assert all(after < 0.7 * before for before, after in itertools.pairwise(biases))
    assert 0.2 < biases[3] / biases[2] < 0.4  # of first order in the lag: 0.3 of it
    assert biases[-1] < 1e-12


def test_step_discriminator_gradient_is_that_of_its_loss(demonstrated):
    generator, cost = GENERATORS[1], 0.3 * COST
    drawn = exact_visits(MDP, generator, START)

    def loss(cost, sign=-1.0):
        log_odds = sign * cost - generator
        return -jnp.sum(demonstrated.state_action * jax.nn.log_sigmoid(log_odds)) - jnp.sum(drawn * jax.nn.log_sigmoid(-log_odds))

    found = StepDiscriminator()(MDP, demonstrated, cost, generator, generator)
    np.testing.assert_allclose(found, jax.grad(loss)(cost), atol=1e-10)
    assert jnp.max(jnp.abs(found - jax.grad(loss)(cost, 1.0))) > 0.1


def test_step_discriminators_gradient_vanishes_at_the_experts_own_density_and_not_without_it(demonstrated, expert):
    at = StepDiscriminator()(MDP, demonstrated, -expert, expert, expert)
    assert jnp.max(jnp.abs(at)) < 1e-10
    without = StepDiscriminator()(MDP, demonstrated, -expert, expert, jnp.zeros_like(expert))
    assert jnp.max(jnp.abs(without)) > 0.1


def test_clone_has_the_experts_policy_and_a_shaped_true_cost(demonstrated, expert):
    learned = clone(MDP, demonstrated, prior=1e-12)
    np.testing.assert_allclose(learned.log_policy, expert, atol=1e-9)
    np.testing.assert_allclose(soft_policy(MDP, learned.cost), expert, atol=1e-9)
    assert distance(COST, learned.cost) < 1e-9
    nowhere = Visitation(demonstrated.state_action.at[2].set(0.0), START)
    nowhere = Visitation(nowhere.state_action * 5.0 / jnp.sum(nowhere.state_action), START)
    np.testing.assert_allclose(clone(MDP, nowhere).cost[2], jnp.log(3.0), atol=1e-12)


def test_what_is_refused(demonstrated):
    with pytest.raises(ConfigError, match="expected a discounted MDP, got a horizon of 4"):
        guided_cost(random_mdp(jax.random.key(0), 6, 3, 2, horizon=4), demonstrated)
    with pytest.raises(DataError, match=r"sum to 1 / \(1 - discount\), got 2 times"):
        airl(MDP, Visitation(2.0 * demonstrated.state_action, START))
    with pytest.raises(DataError, match="of shape \\(6, 3\\)"):
        gan_gcl(MDP, Visitation(demonstrated.state_action[:5], START))
    with pytest.raises(ConfigError, match="share <= 1"):
        AlternationConfig(share=1.5)
    with pytest.raises(ConfigError, match="prior > 0"):
        clone(MDP, demonstrated, prior=0.0)
