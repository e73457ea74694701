"""The tightrope (item 1.4): regret in closed form; cloning's grows with T squared, that of whoever steps back with T."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.policies.erring import erring
from triality.tabular import IrlConfig, StateCost, empirical_visitation, mce_irl, sample_demonstrations
from triality.tabular.worlds import absorbing_tightrope, off_the_rope, regret, tightrope
from triality.tabular.worlds.tightrope import OFF, ON

ERROR, HORIZONS = 1e-3, (16, 400)


def table(actions, num_actions=4):
    """log pi of the policy that takes these actions, one a state."""
    return jnp.log(jax.nn.one_hot(jnp.asarray(actions), num_actions))


def demonstrated(world):
    """Two episodes of the expert: nothing but the rope."""
    return empirical_visitation(world.mdp, sample_demonstrations(jax.random.key(0), world.mdp, table(world.expert), 2))


def cloned(world):
    """Counting: the most frequent action in each state, the first action where nothing was demonstrated."""
    return table(jnp.argmax(demonstrated(world).state_action, axis=-1))


def learned(world, l2=1e-3):
    return mce_irl(world.mdp, demonstrated(world), StateCost(world.mdp), IrlConfig(l2=l2))


def greedy(log_policy):
    return jnp.log(jax.nn.one_hot(jnp.argmax(log_policy, axis=-1), log_policy.shape[-1]))


def exponent(horizons, regrets):
    return np.polyfit(np.log(horizons), np.log(np.asarray(regrets)), 1)[0]


def closed_form(horizon, fall, rise):
    """sum_t P(off at t): a chain of two states, stationary share fall / (fall + rise)."""
    t = np.arange(horizon)
    return np.sum(fall / (fall + rise) * (1 - (1 - fall - rise) ** t))


@pytest.mark.parametrize("horizon", [1, 7, 60])
def test_regret_is_that_of_a_chain_of_two_states(horizon):
    world, control, eps = tightrope(horizon), absorbing_tightrope(horizon), 0.03
    walks, steps_back = erring(table([0, 0]), eps), erring(table(world.expert), eps)
    np.testing.assert_allclose(regret(world, walks), closed_form(horizon, eps, eps / 3), rtol=1e-12)
    np.testing.assert_allclose(regret(world, steps_back), closed_form(horizon, eps, 1 - eps), rtol=1e-12)
    np.testing.assert_allclose(regret(control, steps_back), np.sum(1 - (1 - eps) ** np.arange(horizon)), rtol=1e-11)
    np.testing.assert_allclose(jnp.sum(off_the_rope(world, walks)), regret(world, walks), rtol=1e-12)


def test_the_expert_never_falls():
    for world in (tightrope(20), absorbing_tightrope(20)):
        assert float(regret(world, table(world.expert))) == 0.0
        assert float(demonstrated(world).state_action[OFF].sum()) == 0.0


def test_cloning_compounds_and_irl_does_not():
    """From the same demonstrations in the same class of policies: the exponents of the regret in T."""
    worlds = [tightrope(horizon) for horizon in HORIZONS]
    clones = [regret(world, erring(cloned(world), ERROR)) for world in worlds]
    irl = [regret(world, erring(greedy(learned(world).log_policy), ERROR)) for world in worlds]
    assert exponent(HORIZONS, clones) >= 1.7
    assert exponent(HORIZONS, irl) <= 1.2
    np.testing.assert_allclose(irl, ERROR * (np.array(HORIZONS) - 1), rtol=2e-3)


def test_where_falling_is_for_good_nobody_does_better():
    """The control: the expert's own answers off the rope are worth nothing there."""
    worlds = [absorbing_tightrope(horizon) for horizon in HORIZONS]
    informed = [regret(world, erring(table(world.expert), ERROR)) for world in worlds]
    clones = [regret(world, erring(cloned(world), ERROR)) for world in worlds]
    assert exponent(HORIZONS, informed) >= 1.7
    np.testing.assert_allclose(informed, clones, rtol=1e-12)


@pytest.mark.parametrize("l2", [1e-1, 1e-3])
def test_regret_of_inverse_rl_is_its_gap_of_features(l2):
    """Whatever the horizon: the true cost is one of the features, and their gap is what inverse RL makes small, l2 times the cost."""
    for horizon in (16, 64):
        world = tightrope(horizon)
        result = learned(world, l2)
        assert result.converged
        np.testing.assert_allclose(regret(world, result.log_policy), l2 * result.parameters[OFF], rtol=1e-3, atol=2e-6)
        assert result.cost[OFF, 0] > result.cost[ON, 0]


def test_impossible_ropes_are_refused():
    with pytest.raises(ConfigError, match="at least two actions"):
        tightrope(5, num_actions=1)
    with pytest.raises(ConfigError, match="horizon"):
        tightrope(0)
