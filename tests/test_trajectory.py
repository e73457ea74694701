"""Trajectories as samples: masked sums, the two views, a roll-out's density, and dynamics that cancel bit for bit (footnote 2)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.energies.mlp import MLP
from triality.energy import Conditional, Constant, UnnormalizedDensity
from triality.envs.environment import AbstractEnvironment, Transition
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.guided_cost import GuidedCostLoss, MixtureGuidedCostLoss
from triality.sampler import Samples
from triality.samplers.gaussian import Gaussian
from triality.specs import EnvironmentSpec
from triality.trajectory import EachStep, PolicyRollout, TrajectoryEnergy, WholeTrajectory, action_log_probs, rollout, start_of

HORIZON = 6


class Walk(AbstractEnvironment):
    """x' = x + u + noise; ends once |x| > bound. ``noise`` is the scale of the dynamics that nothing else may know."""

    spec: EnvironmentSpec = eqx.field(static=True)
    noise: jax.Array
    bound: jax.Array

    def initial_state(self, key):
        return jax.random.normal(key, (1,))

    def observe(self, state):
        return state

    def transition(self, key, state, action):
        after = state + action + self.noise * jax.random.normal(key, (1,))
        return Transition(after, -jnp.sum(after**2), jnp.any(jnp.abs(after) > self.bound))


class LinearPolicy(eqx.Module):
    gain: jax.Array

    def __call__(self, observation):
        return Gaussian(self.gain * observation, jnp.full(1, -0.5))


SPEC = EnvironmentSpec("Walk", 1, action_size=1, action_low=(-9.0,), action_high=(9.0,), time_limit=HORIZON)
ENV = Walk(SPEC, jnp.array(0.3), jnp.array(1.5))
POLICY = LinearPolicy(jnp.array(-0.4))
NET = MLP(jax.random.key(3), (2, 8, 1), output_bias=False)


def cost(observation, action):
    return NET(jnp.concatenate([observation, action]))[0]


@eqx.filter_jit
def batch_of(policy=POLICY, env=ENV, n=40, seed=0):
    return jax.vmap(lambda key: rollout(key, env, policy, HORIZON))(jax.random.split(jax.random.key(seed), n))


def test_batch_has_short_and_full_episodes():
    """What the tests below rely on: padding exists, and so do episodes without it."""
    lengths = jnp.sum(batch_of().mask, axis=-1)
    assert lengths.min() < HORIZON == lengths.max()


def test_energy_is_the_sum_over_real_steps():
    batch = batch_of()
    for i in (0, int(jnp.argmin(jnp.sum(batch.mask, axis=-1)))):
        one = jax.tree.map(lambda leaf, i=i: leaf[i], batch)
        wanted = sum(float(cost(one.observation[t], one.action[t])) for t in range(HORIZON) if one.mask[t])
        np.testing.assert_allclose(TrajectoryEnergy(cost)(one), wanted, rtol=1e-12)


def test_rollout_density_is_the_sum_of_log_pi():
    """As drawn, as evaluated afterwards, and written out; padding adds nothing."""
    sampler = PolicyRollout(ENV, POLICY, HORIZON)
    keys = jax.random.split(jax.random.key(1), 20)
    batch, log_q = jax.jit(jax.vmap(sampler.sample_and_log_prob))(keys)
    np.testing.assert_allclose(jax.vmap(sampler.log_prob)(batch), log_q, rtol=1e-12)
    per_step = jax.vmap(jax.vmap(lambda x, u: POLICY(x).log_prob(u)))(batch.observation[:, :-1], batch.action)
    np.testing.assert_allclose(log_q, jnp.sum(per_step * batch.mask, axis=-1), rtol=1e-12)
    assert jnp.any(jnp.sum(per_step, axis=-1) != log_q)


def test_terminated_and_truncated_exclude_each_other():
    batch = batch_of()
    ended, cut = jnp.any(batch.terminated, axis=-1), jnp.any(batch.truncated, axis=-1)
    assert jnp.all(ended != cut)
    over = jnp.abs(batch.observation[:, 1:, 0]) > ENV.bound
    assert jnp.array_equal(batch.terminated, batch.mask & over), "an end is the environment's own, never the time limit"
    assert jnp.all(batch.mask[batch.terminated])
    assert jnp.all(jnp.where(batch.mask, 0.0, batch.reward) == 0.0)


def test_views_agree_on_their_totals():
    """Sums over a trajectory's steps are the trajectory's own energy and log q."""
    batch = batch_of()
    log_probs = jax.vmap(lambda one: action_log_probs(POLICY, one))(batch)
    whole, each = WholeTrajectory(), EachStep()
    of_whole, of_steps = whole.samples(batch, log_probs), each.samples(batch, log_probs)
    present = jnp.exp(of_steps.log_weight).reshape(40, HORIZON)
    energies = jax.vmap(each.energy(cost))(of_steps.x).reshape(40, HORIZON)
    np.testing.assert_allclose(jax.vmap(whole.energy(cost))(batch), jnp.sum(energies * present, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(of_whole.log_q, jnp.sum(of_steps.log_q.reshape(40, HORIZON) * present, axis=-1), rtol=1e-12)
    np.testing.assert_array_equal(present, batch.mask)


def test_a_trajectory_weight_passes_to_its_steps():
    batch = batch_of()
    log_weight = jnp.linspace(-1.0, 1.0, 40)
    of_steps = EachStep().samples(batch, batch.log_prob, log_weight).log_weight.reshape(40, HORIZON)
    np.testing.assert_allclose(of_steps, jnp.where(batch.mask, log_weight[:, None], -jnp.inf))


def loss_and_gradient(objective, env):
    """A loss at trajectory level, on trajectories that were drawn beforehand; ``env`` is all that is known of the dynamics."""
    data, drawn = batch_of(n=10, seed=5), batch_of(LinearPolicy(jnp.array(0.2)), n=16, seed=6)
    sampler = PolicyRollout(env, LinearPolicy(jnp.array(0.2)), HORIZON)

    def loss(net):
        energy = WholeTrajectory().energy(lambda x, u: net(jnp.concatenate([x, u]))[0])
        samples = []
        for side in (data, drawn):
            samples.append(Samples.unweighted(side, jax.vmap(sampler.log_prob)(side)))
        return objective(UnnormalizedDensity(energy, Constant(0.3)), *samples)[0]

    return jax.jit(jax.value_and_grad(loss))(NET)


@pytest.mark.parametrize("objective", [DiscriminatorLoss(), GuidedCostLoss(), MixtureGuidedCostLoss()])
def test_footnote_2_other_dynamics_give_the_same_bits(objective):
    """Trajectories held fixed, the dynamics exchanged for others: density, loss and gradient do not move by a bit."""
    one, other = (loss_and_gradient(objective, Walk(SPEC, jnp.array(noise), jnp.array(bound))) for noise, bound in ((0.3, 1.5), (7.0, 0.1)))
    assert one[0] == other[0]
    jax.tree.map(np.testing.assert_array_equal, one[1], other[1])


def test_other_dynamics_do_give_other_trajectories():
    """The control of the test above: the two worlds are not the same."""
    assert jnp.any(batch_of().observation != batch_of(env=Walk(SPEC, jnp.array(7.0), jnp.array(0.1))).observation)


def test_rollout_can_begin_where_one_says():
    state = jnp.array([0.25])
    trajectory = rollout(jax.random.key(0), ENV, POLICY, HORIZON, initial_state=state, start=3)
    np.testing.assert_array_equal(trajectory.observation[0], state)
    density = UnnormalizedDensity(lambda trajectory: 0.0, Conditional(jnp.arange(5.0), start_of))
    np.testing.assert_allclose(density.log_prob(trajectory), -3.0)
