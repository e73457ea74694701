"""Generation as decisions: a sequence is an episode, and every loss of trajectories is that of sequences to rounding."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.samplers.tokens.spaces import END, GENERATORS, VOCABULARY, every_string, log_probs_of, shaken
from triality.energies.sequence import token_energy
from triality.energy import Constant, UnnormalizedDensity
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.guided_cost import GuidedCostLoss
from triality.sampler import Samples, draw
from triality.samplers.tokens.decisions import UNWRITTEN, TokenPolicy, as_trajectory
from triality.trajectory import TrajectoryEnergy, WholeTrajectory

ENERGY = shaken(token_energy(jax.random.key(5), VOCABULARY, inputs=3, hidden=4, end=END))


def cost(observation, action):
    """c(x_{<t}, x_t) of the energy, told from a prefix alone."""
    place = jnp.sum(observation != UNWRITTEN)
    x = jnp.where(jnp.arange(observation.shape[0]) == place, action, jnp.maximum(observation, 0).astype(int))
    return ENERGY.by_token(jnp.where(jnp.arange(len(x)) <= place, x, END))[jnp.minimum(place, len(x) - 1)]


def episodes(q, x):
    return jax.vmap(lambda x: as_trajectory(x, q.token_log_probs(x), END))(x)


@pytest.mark.parametrize("name", GENERATORS)
def test_the_log_probability_of_a_sequence_is_the_sum_of_its_decisions(name):
    q, x = GENERATORS[name], every_string()
    batch = episodes(q, x)
    np.testing.assert_allclose(jnp.sum(batch.log_prob, axis=-1), log_probs_of(q, x), atol=1e-12)
    found = eqx.filter_jit(lambda q: jax.vmap(TokenPolicy(q).log_prob)(batch))(q)
    np.testing.assert_allclose(found, log_probs_of(q, x), atol=1e-10)


def test_an_energy_that_is_a_sum_over_tokens_is_a_cost_of_trajectories():
    x = every_string()
    batch = episodes(GENERATORS["gru"], x)
    steps = jax.vmap(TrajectoryEnergy(cost).by_step)(batch)
    np.testing.assert_allclose(steps, jax.vmap(ENERGY.by_token)(x), atol=1e-12)
    np.testing.assert_allclose(jnp.sum(steps, axis=-1), jax.vmap(ENERGY)(x), atol=1e-12)


@pytest.mark.parametrize("objective", [DiscriminatorLoss(), GuidedCostLoss()])
def test_losses_of_sequences_are_those_of_trajectories(objective):
    """The energy's loss is guided cost learning's."""
    q, p = GENERATORS["gru"], GENERATORS["lstm"]
    sides = [draw(sampler, jax.random.key(i), 40)._replace() for i, sampler in enumerate((p, q))]
    data, drawn = (side._replace(log_q=log_probs_of(q, side.x)) for side in sides)
    value = eqx.filter_jit(lambda energy, data, drawn: objective(UnnormalizedDensity(energy, Constant(jnp.array(0.3))), data, drawn)[0])
    view = WholeTrajectory()
    of_trajectory = view.energy(cost)

    @eqx.filter_jit
    def as_samples(side):
        return view.samples(episodes(q, side.x), episodes(q, side.x).log_prob)

    sides = [as_samples(side) for side in (data, drawn)]
    of_sequences, of_trajectories = value(ENERGY, data, drawn), value(of_trajectory, *sides)
    np.testing.assert_allclose(of_sequences, of_trajectories, rtol=1e-12)
    # The control: a policy's log probabilities that forget the last decision give another loss.
    short = Samples(sides[1].x, sides[1].log_q + 0.1, sides[1].log_weight)
    other = value(of_trajectory, sides[0], short)
    assert abs(float(other - of_trajectories)) > 1e-3


def test_the_end_token_terminates_and_the_last_place_cuts():
    cut = as_trajectory(jnp.array([2, 0, 2, 0]), jnp.ones(4), END)
    assert (cut.truncated.tolist(), cut.terminated.any().item()) == ([False, False, False, True], False)
    ended = as_trajectory(jnp.array([2, 0, 2, END]), jnp.ones(4), END)
    assert (ended.truncated.any().item(), ended.terminated.tolist()) == (False, [False, False, False, True])
