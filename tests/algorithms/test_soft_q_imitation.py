"""SQIL and IQ-Learn on batches: ends and time limits, what is demonstrated and what is not, and the signs of what they learn."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.iq_learn import IqLearn
from triality.algorithms.known_transitions import known_transitions
from triality.algorithms.sqil import Sqil
from triality.envs.gridworld import gridworld
from triality.objectives.iq_learn import IqLearnLoss
from triality.objectives.sqil import SqilLoss
from triality.policies.categorical import OneHotTabularPolicy, one_hot_tabular_policy
from triality.policies.scaling import identity_scaling
from triality.trajectory import rollout
from triality.updates.soft_actor_critic import SoftActorCritic
from triality.updates.transition_buffer import Transition

ENV, HORIZON = gridworld(("S.G",), slip=0.0), 6
ACTOR = SoftActorCritic(ENV.spec, 0.03, 0.03, 0.8, 0.1, num_updates=40, batch_size=32, capacity=256, hidden=())
EXPERT = OneHotTabularPolicy(jnp.zeros((3, 5)).at[:, 4].set(9.0))  # right, wherever it is
MAKERS = {"sqil": Sqil, "iq-learn": IqLearn}


def demonstrations(policy, num=4):
    return jax.vmap(lambda key: rollout(key, ENV, policy, HORIZON))(jax.random.split(jax.random.key(1), num))


DATA = demonstrations(EXPERT)


def made(name):
    return MAKERS[name](ENV, HORIZON, actor=ACTOR, num_rollouts=4, make_policy=one_hot_tabular_policy)


@pytest.fixture(scope="module", params=["sqil", pytest.param("iq-learn", marks=pytest.mark.slow)])
def learned(request):
    algorithm = made(request.param)
    state, step = algorithm.init(jax.random.key(0), DATA, scaling=identity_scaling(3)), eqx.filter_jit(algorithm.step)
    for _ in range(6):
        state, metrics = step(state)
    return algorithm, state, metrics


def test_it_does_as_demonstrated(learned):
    _, state, metrics = learned
    right = jnp.exp(state.policy(jnp.array([1.0, 0.0, 0.0])).log_prob(jnp.array(4)))
    assert float(right) > 0.6  # of five actions, and what is never demonstrated is not found by chance
    assert float(metrics.rewards.reward_data) > float(metrics.rewards.reward_drawn)
    assert int(state.iteration) == 6


def test_what_is_demonstrated_costs_less_under_sqil(learned):
    """Not so with IQ-Learn's V(x') held fixed, whose term of the starts lowers Q there: its implied cost is no cost."""
    algorithm, state, _ = learned
    if not isinstance(algorithm.loss, SqilLoss):
        return
    start = jnp.array([[1.0, 0.0, 0.0]])
    right = Transition(start, jnp.array([4]), jnp.array([[0.0, 1.0, 0.0]]), jnp.array([False]))
    stays = Transition(start, jnp.array([0]), start, jnp.array([False]))
    costs = [float(algorithm.implied_cost(jax.random.key(2), state, part)[0]) for part in (right, stays)]
    assert costs[0] < costs[1] - 0.1


def test_an_end_is_worth_nothing_after_it_and_a_time_limit_is(learned):
    algorithm, state, _ = learned
    observation, after = jnp.array([[0.0, 1.0, 0.0]]), jnp.array([[0.0, 0.0, 1.0]])
    ended, cut = (Transition(observation, jnp.array([4]), after, jnp.array([flag])) for flag in (True, False))
    q = jnp.min(jax.vmap(state.update.twins)(observation, jnp.array([4])))
    value = state.update.twins.soft_value(jax.random.key(0), after[0], state.policy(after[0]), ACTOR.temperature)
    costs = [float(algorithm.implied_cost(jax.random.key(2), state, part)[0]) for part in (ended, cut)]
    np.testing.assert_allclose(costs, [-q, 0.8 * value - q], rtol=1e-10)
    assert abs(float(value)) > 0.1


def test_a_cut_demonstration_goes_on_and_an_ended_one_does_not():
    """The last step of a demonstration that a time limit cut has a state after it; padding after an end is never drawn."""
    cut = known_transitions(DATA).draw(jax.random.key(0), 400)
    assert not bool(cut.terminated.any())
    mask = DATA.mask.at[:, 2:].set(False)
    ended = DATA._replace(mask=mask, terminated=DATA.terminated.at[:, 1].set(True), observation=DATA.observation.at[:, 3:].set(jnp.nan))
    part = known_transitions(ended).draw(jax.random.key(0), 400)
    assert bool(jnp.isfinite(part.observation).all())
    assert 0.4 < float(part.terminated.mean()) < 0.6


def test_weights_of_demonstrations_count():
    other = demonstrations(OneHotTabularPolicy(jnp.zeros((3, 5)).at[:, 0].set(50.0)), 1)
    both = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), DATA, other)
    known = known_transitions(both, jnp.array([0.0, 0.0, 0.0, 0.0, jnp.log(4.0)]))
    share = float(jnp.mean(known.draw(jax.random.key(3), 4000).action == 0))
    assert abs(share - 0.5) < 0.05
    assert float(jnp.mean(known_transitions(both).draw(jax.random.key(3), 4000).action == 0)) < 0.3


@pytest.mark.slow
def test_a_turned_loss_leaves_the_demonstrations():
    class Turned(eqx.Module):
        loss: IqLearnLoss

        @property
        def looks_ahead_slowly(self):
            return True

        def __call__(self, data, drawn, start_value):
            return self.loss(drawn, data, start_value)

    algorithm = eqx.tree_at(lambda a: a.loss, made("sqil"), Turned(made("sqil").loss))
    state, step = algorithm.init(jax.random.key(0), DATA, scaling=identity_scaling(3)), eqx.filter_jit(algorithm.step)
    for _ in range(6):
        state, _ = step(state)
    assert float(jnp.exp(state.policy(jnp.array([1.0, 0.0, 0.0])).log_prob(jnp.array(4)))) < 0.2
