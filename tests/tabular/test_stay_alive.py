"""Survival bias (pitfalls 1 to 4): a reward that knows nothing keeps a policy alive, or ends it, unless the end is a state too."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.envs.absorbing import Absorbing
from triality.envs.environment import AbstractEnvironment, Transition
from triality.samplers.categorical import Categorical
from triality.specs import EnvironmentSpec
from triality.tabular.worlds import stay_alive
from triality.tabular.worlds.stay_alive import optimum_if_absorbing, optimum_if_ending, steps_alive
from triality.trajectory import rollout
from triality.updates.ppo import advantages

HORIZON, LOG_ODDS = 6, 0.0  # D = 1/2 everywhere: the discriminator has learned nothing
PAYS, CHARGES = float(jax.nn.softplus(LOG_ODDS)), -float(jax.nn.softplus(-LOG_ODDS))  # -log(1 - D) and log D
UNIFORM = 2.0 - 2.0 ** (1 - HORIZON)  # steps alive if every step ends it with probability 1/2


class StayAlive(AbstractEnvironment):
    """The same world as an environment that terminates, as Gymnasium's do."""

    spec: EnvironmentSpec = eqx.field(
        static=True,
        default=EnvironmentSpec("StayAlive", 1, num_actions=2, time_limit=HORIZON, observation_low=(1.0,), observation_high=(1.0,)),
    )

    def initial_state(self, key):
        return jnp.ones(())

    def observe(self, state):
        return state[None]

    def transition(self, key, state, action):
        return Transition(state, jnp.zeros(()), action == 1)


@pytest.fixture(scope="module")
def rollouts():
    """By coin tosses, until every way to act has occurred; bare, and with the absorbing state."""

    def roll(env):
        return jax.jit(jax.vmap(lambda key: rollout(key, env, lambda _: Categorical(jnp.zeros(2)), HORIZON)))(
            jax.random.split(jax.random.key(0), 600)
        )

    return roll(StayAlive()), roll(Absorbing(StayAlive()))


def alive(optimum, reward, temperature=0.1):
    return float(steps_alive(stay_alive(HORIZON), optimum(stay_alive(HORIZON), reward, temperature)))


def test_without_information_one_reward_keeps_alive_and_the_other_ends():
    assert alive(optimum_if_ending, PAYS) > HORIZON - 0.01
    assert alive(optimum_if_ending, CHARGES) < 1.01


def test_with_an_absorbing_state_neither_happens():
    for reward in (PAYS, CHARGES, 0.0, 5.0):
        for temperature in (0.1, 1.0):
            np.testing.assert_allclose(alive(optimum_if_absorbing, reward, temperature), UNIFORM, rtol=1e-12)


def test_entropy_alone_keeps_alive_where_the_end_ends_it():
    """Every length is one way to act, so the maximum entropy law over ways is uniform over them, the longest of which occurs twice."""
    lengths = [*range(1, HORIZON + 1), HORIZON]
    np.testing.assert_allclose(alive(optimum_if_ending, 0.0, 1.0), np.mean(lengths), rtol=1e-12)
    assert np.mean(lengths) > UNIFORM + 1


@pytest.mark.parametrize("reward", [PAYS, CHARGES, 0.3])
def test_the_tables_optimum_is_that_of_the_environment_that_terminates(rollouts, reward):
    """Every distinct episode of the real wrapper and of the bare environment, weighed by e^(its return): exact, no table."""
    bare, absorbing = (_distinct(batch) for batch in rollouts)
    assert len(bare) == HORIZON + 1
    assert len(absorbing) == 2**HORIZON
    for episodes, optimum in ((bare, optimum_if_ending), (absorbing, optimum_if_absorbing)):
        counted, lived = np.array([(count, life) for count, life in episodes.values()]).T
        law = np.exp(reward * counted) / np.sum(np.exp(reward * counted))
        np.testing.assert_allclose(law @ lived, alive(optimum, reward, 1.0), rtol=1e-12)


def _distinct(batch):
    """By the actions that count: how many steps are rewarded, and how many are lived through."""
    found = {}
    for action, mask, observation in zip(*(np.asarray(leaf) for leaf in (batch.action, batch.mask, batch.observation)), strict=True):
        found[tuple(action[mask])] = (mask.sum(), np.sum(mask & (observation[:-1, 0] == 1)))
    return found


def test_what_ppo_sees(rollouts):
    """Advantages of the first action for a constant reward: ending it early differs from going on, unless the end is a state."""
    for batch, leaks in zip(rollouts, (True, False), strict=True):
        gae = jax.vmap(lambda ended, mask: advantages(PAYS * mask, jnp.zeros(HORIZON + 1), ended, mask, 1.0, 1.0))
        first = np.asarray(gae(batch.terminated, batch.mask))[:, 0]
        by_action = [first[np.asarray(batch.action[:, 0]) == action] for action in (0, 1)]
        assert (by_action[0].min() > by_action[1].max()) == leaks
        assert (np.ptp(first) > 1e-9) == leaks


def test_a_time_limit_is_no_termination(rollouts):
    """Who is alive at the end was cut, and is not over: the two flags never stand together, and every episode has exactly one."""
    for batch in rollouts:
        terminated, truncated = (np.asarray(flag).sum(axis=1) for flag in (batch.terminated, batch.truncated))
        np.testing.assert_array_equal(terminated + truncated, 1)
    bare, absorbing = rollouts
    assert bool(bare.terminated.any())
    assert bool(bare.truncated.any())
    assert not bool(absorbing.terminated.any())
