"""GAIL held against exact occupancies: its optimal discriminator, the signs of its rewards, survival bias, and why its cost is none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.algorithms.occupancies import Table, optimum, samples, visited
from triality.algorithms.gail import Gail
from triality.algorithms.steps import Steps, Transitions
from triality.each_pair import EachPair
from triality.energies.adversarial_reward import LogDrawn, MinusLogData
from triality.envs.pendulum import Pendulum
from triality.errors import ConfigError
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.free_discriminator import FreeDiscriminatorLoss
from triality.tabular.worlds import random_mdp, stay_alive
from triality.tabular.worlds.stay_alive import optimum_if_absorbing, optimum_if_ending, steps_alive
from triality.trajectory import EachStep, OfPair

MDP = random_mdp(jax.random.key(10), 4, 3, 2, discount=0.9)
FREE, AWARE = Steps(view=EachPair()), Steps(view=EachStep())
REWARDS = {"-log(1 - D)": LogDrawn, "log D": MinusLogData, "s": OfPair}


def log_policy(seed: int):
    return jax.nn.log_softmax(jax.random.normal(jax.random.key(seed), (4, 3)))


def learned(level, log_expert, log_pi, nu=1.0):
    """The optimal cost of a level, by minimization from zero."""
    data = samples(level.view, MDP, visited(MDP, log_expert), log_pi)
    drawn = samples(level.view, MDP, visited(MDP, log_pi), log_pi, nu)
    found, slope = optimum(lambda table: DiscriminatorLoss()(level.density(Table(table), data, drawn), data, drawn)[0], jnp.zeros((4, 3)))
    assert slope < 1e-6
    return found


@pytest.mark.parametrize("nu", [1.0, 4.0])
def test_the_optimal_discriminator_is_the_share_of_the_demonstrations(nu):
    """rho_E/(rho_E + rho_pi), pooled over steps; the noise ratio is in the loss and not in it."""
    log_expert, log_pi = log_policy(1), log_policy(2)
    expert, drawn = visited(MDP, log_expert), visited(MDP, log_pi)
    np.testing.assert_allclose(jax.nn.sigmoid(-learned(FREE, log_expert, log_pi, nu)), expert / (expert + drawn), atol=1e-4)


def test_it_is_the_free_discriminator_of_the_objectives():
    """A view without a density and the density-aware loss are the ordinary GAN's loss; with a density they are not."""
    log_expert, log_pi = log_policy(1), log_policy(2)
    table = Table(jax.random.normal(jax.random.key(3), (4, 3)))
    losses = []
    for level in (FREE, AWARE):
        data, drawn = (samples(level.view, MDP, visited(MDP, each), log_pi) for each in (log_expert, log_pi))
        losses.append(DiscriminatorLoss()(level.density(table, data, drawn), data, drawn)[0])
        free = FreeDiscriminatorLoss()(lambda pair: -table(*pair), data, drawn)[0]
    np.testing.assert_allclose(losses[0], free, rtol=1e-12)
    assert abs(losses[1] - free) > 1e-3


def test_two_policies_leave_two_costs_where_a_density_would_leave_one():
    """7.3, with policies that visit states alike (a world of one state): GAIL's logits differ by the log ratio of the policies."""
    log_expert, others = log_policy(1)[:1], (log_policy(2)[:1], log_policy(3)[:1])
    world = random_mdp(jax.random.key(0), 1, 3, 1, discount=0.9)

    def cost(level, log_pi):
        data, drawn = (samples(level.view, world, visited(world, each), log_pi) for each in (log_expert, log_pi))
        return optimum(lambda table: DiscriminatorLoss()(level.density(Table(table), data, drawn), data, drawn)[0], jnp.zeros((1, 3)))[0]

    free, aware = ([cost(level, each) for each in others] for level in (FREE, AWARE))
    np.testing.assert_allclose(aware[0], aware[1], atol=1e-5)
    np.testing.assert_allclose(aware[0], -log_expert, atol=1e-5)
    np.testing.assert_allclose(free[0] - free[1], others[0] - others[1], atol=1e-5)
    assert np.max(np.abs(free[0] - free[1])) > 0.3


def test_where_they_visit_states_differently_the_costs_differ_by_what_each_level_says():
    """Free: by log rho(x, u), state and action. Density-aware: by log rho(x) alone (D10)."""
    log_expert, others = log_policy(1), (log_policy(2), log_policy(3))
    pairs = [jnp.log(visited(MDP, each)) for each in others]
    states = [jax.nn.logsumexp(each, axis=1, keepdims=True) for each in pairs]
    free, aware = ([learned(level, log_expert, each) for each in others] for level in (FREE, AWARE))
    np.testing.assert_allclose(free[0] - free[1], pairs[0] - pairs[1], atol=1e-4)
    np.testing.assert_allclose(aware[0] - aware[1], jnp.broadcast_to(states[0] - states[1], (4, 3)), atol=1e-4)


@pytest.mark.parametrize("name", REWARDS)
def test_rewards_by_hand_and_their_signs(name):
    """High log-odds look like demonstrations and are rewarded; D = 3/4 at s = log 3."""
    by_hand = {"-log(1 - D)": np.log(4.0), "log D": np.log(0.75), "s": np.log(3.0)}[name]
    x = jnp.zeros(1)

    def reward(log_odds):
        return -float(REWARDS[name](lambda x, u: jnp.asarray(-log_odds))(x, x, x))

    np.testing.assert_allclose(reward(np.log(3.0)), by_hand, rtol=1e-12)
    rewards = [reward(s) for s in (-900.0, -2.0, 0.0, 2.0, 900.0)]
    assert np.all(np.isfinite(rewards))
    assert np.all(np.diff(rewards) >= 0)
    assert rewards[-1] > rewards[0]
    signs = {"-log(1 - D)": min(rewards) >= 0, "log D": max(rewards) <= 0, "s": min(rewards) < 0 < max(rewards)}
    assert signs[name]


def test_a_discriminator_that_knows_nothing_keeps_alive_or_ends_it():
    """Pitfall 1, with the costs that the policy really gets; with an absorbing state neither happens."""
    world, x = stay_alive(horizon=6), jnp.zeros(1)
    reward = {name: -float(made(lambda x, u: jnp.zeros(()))(x, x, x)) for name, made in REWARDS.items()}

    def lived(optimum, name):
        return float(steps_alive(world, optimum(world, reward[name], 0.1)))

    assert lived(optimum_if_ending, "-log(1 - D)") > 5.9
    assert lived(optimum_if_ending, "log D") < 1.1
    assert reward["s"] == 0.0
    over = [lived(optimum_if_absorbing, name) for name in REWARDS]
    np.testing.assert_allclose(over, over[0], rtol=1e-12)


@pytest.mark.parametrize("level", [Steps(), Transitions()])
def test_a_level_with_a_density_is_refused(level):
    with pytest.raises(ConfigError, match="without a density"):
        Gail(Pendulum(), level)
