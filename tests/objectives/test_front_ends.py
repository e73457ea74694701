"""The headline (1.1): GAN, inverse RL and energy-based model are one loss. The same arrays give the same bits through all three doors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.energies.mlp import MLP
from triality.energy import Constant, UnnormalizedDensity
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.guided_cost import GuidedCostLoss, MixtureGuidedCostLoss
from triality.sampler import Samples
from triality.trajectory import EachStep, Trajectory, WholeTrajectory

NUM_DATA, NUM_DRAWN = 5, 8
NET = MLP(jax.random.key(0), (3, 8, 1), output_bias=False)


def steps(seed, n):
    """Observation (2), action (1), log pi of n decisions; the first observation coordinate is the decision's own number."""
    keys = jax.random.split(jax.random.key(seed), 3)
    observation = jnp.stack([jnp.arange(n) + 0.0 + (NUM_DATA if seed == 2 else 0), jax.random.normal(keys[0], (n,))], axis=-1)
    return observation, jax.random.normal(keys[1], (n, 1)), jax.random.normal(keys[2], (n,)) - 1.0


def one_step_trajectories(observation, action, log_prob):
    """The T = 1 decision process whose every episode is one of these decisions."""
    n = observation.shape[0]
    flags = jnp.zeros((n, 1), bool)
    both = jnp.stack([observation, observation], axis=1)
    return Trajectory(both, action[:, None], log_prob[:, None], ~flags, ~flags, flags, jnp.zeros((n, 1)), jnp.zeros(n, jnp.int32))


def net_energy(net):
    """A perceptron of (observation, action)."""
    return lambda x: net(x / jnp.array([5.0, 1.0, 1.0]))[0]


def table_energy(table):
    """One energy a decision: its gradient is the loss's own derivative, with no network's sums behind it."""
    return lambda x: table[x[0].astype(int)]


def as_energy_model(energy, side):
    """x = (observation, action) as a plain point."""
    observation, action, log_prob = side
    return energy, Samples.unweighted(jnp.concatenate([observation, action], axis=-1), log_prob)


def as_inverse_rl(view):
    def front_end(energy, side):
        trajectories = one_step_trajectories(*side)
        cost = view.energy(lambda observation, action: energy(jnp.concatenate([observation, action])))
        return cost, view.samples(trajectories, trajectories.log_prob)

    return front_end


def as_classifier(energy, side):
    """A GAN's discriminator with a sigmoid: its logit is computed sample by sample and handed over as the energy of a table."""
    observation, action, log_prob = side
    logits = -jax.vmap(energy)(jnp.concatenate([observation, action], axis=-1))
    return lambda logit: -logit, Samples.unweighted(logits, log_prob)


FRONT_ENDS = {
    "GAN": as_classifier,
    "trajectory": as_inverse_rl(WholeTrajectory()),
    "step": as_inverse_rl(EachStep()),
    "energy model": as_energy_model,
}
TABLE = jax.random.normal(jax.random.key(3), (NUM_DATA + NUM_DRAWN,))


def value_and_gradient(objective, front_end, make_energy, parameters):
    def loss(parameters):
        energy, data = front_end(make_energy(parameters), steps(1, NUM_DATA))
        _, drawn = front_end(make_energy(parameters), steps(2, NUM_DRAWN))
        return objective(UnnormalizedDensity(energy, Constant(0.7)), data, drawn)[0]

    return jax.jit(jax.value_and_grad(loss))(parameters)


@pytest.mark.parametrize("name", ["GAN", "trajectory", "step"])
@pytest.mark.parametrize("objective", [DiscriminatorLoss(), GuidedCostLoss(), MixtureGuidedCostLoss()])
def test_the_same_bits_through_every_front_end(objective, name):
    one, other = (value_and_gradient(objective, FRONT_ENDS[door], table_energy, TABLE) for door in ("energy model", name))
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])
    assert jnp.all(one[1] != 0)


@pytest.mark.parametrize("name", ["GAN", "trajectory", "step"])
def test_a_network_behind_it_differs_by_the_order_of_its_sums_only(name):
    one, other = (value_and_gradient(DiscriminatorLoss(), FRONT_ENDS[door], net_energy, NET) for door in ("energy model", name))
    np.testing.assert_allclose(one[0], other[0], rtol=1e-15)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15), one[1], other[1])


def test_a_front_end_that_adds_up_wrongly_is_seen():
    """The control: a mask that drops the only step changes the value."""

    def broken(energy, side):
        trajectories = one_step_trajectories(*side)
        masked = trajectories._replace(mask=jnp.zeros_like(trajectories.mask))
        cost = WholeTrajectory().energy(lambda observation, action: energy(jnp.concatenate([observation, action])))
        return cost, WholeTrajectory().samples(masked, trajectories.log_prob)

    right, wrong = (value_and_gradient(DiscriminatorLoss(), door, table_energy, TABLE)[0] for door in (FRONT_ENDS["trajectory"], broken))
    assert abs(right - wrong) > 1e-2
