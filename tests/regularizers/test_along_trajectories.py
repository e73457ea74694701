import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.algorithms.cost_learning import CostLearning
from triality.algorithms.levels import Trajectories
from triality.energies.gradient_penalty import CostPenalty, GradientPenalty
from triality.energies.step_cost import mlp_cost
from triality.envs.pendulum import Pendulum
from triality.objectives.discriminator import OverlapNormalizedLoss
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.regularizers.cost_penalties import CostPenalties
from triality.regularizers.local_rate import LocalConstantRate, local_rate, roughness
from triality.regularizers.monotonic import MonotonicProgress, rise
from triality.run import run
from triality.trajectory import Trajectory, rollout
from triality.updates.ppo import PPO

KEY = jax.random.key(0)
SCALING = identity_scaling(1)


def batch(costs, lengths):
    """Trajectories whose only observation is their cost."""
    costs = jnp.asarray(costs, dtype=float)
    num, horizon = costs.shape
    mask = jnp.arange(horizon) < jnp.asarray(lengths)[:, None]
    observation = jnp.concatenate([costs, jnp.zeros((num, 1))], axis=1)[..., None]
    flags = jnp.zeros((num, horizon), bool)
    return Trajectory(observation, costs[..., None], costs, mask, flags, flags, costs, jnp.zeros(num, int))


def read(observation, action):
    return observation[0]


DATA = batch([[0.0, 1.0, 3.0, 2.0], [5.0, 1.0, 4.5, 9.0]], [4, 3])
DRAWN = batch([[1.0, 1.0, 2.0, 0.0]], [4])


def test_values_by_hand():
    """lcr: (1, -3) and (7.5): 1 + 9 + 56.25 over 7 steps; drawn 1 and -3: 10 over 4. mono: rises 1, 2 and 3.5 beyond 1."""
    lcr = LocalConstantRate(0.5)(KEY, read, SCALING, DATA, DRAWN)
    np.testing.assert_allclose(lcr, 0.5 * (66.25 / 7 + 10 / 4), rtol=1e-12)
    mono = MonotonicProgress(2.0)(KEY, read, SCALING, DATA, DRAWN)
    np.testing.assert_allclose(mono, 2.0 * (1.0 + 2.5**2) / 7, rtol=1e-12)
    never = MonotonicProgress(2.0, margin=0.0)(KEY, read, SCALING, DATA, DRAWN)
    np.testing.assert_allclose(never, 2.0 * (1.0 + 4.0 + 3.5**2) / 7, rtol=1e-12)
    both = CostPenalties((LocalConstantRate(0.5), MonotonicProgress(2.0)))
    np.testing.assert_allclose(both(KEY, read, SCALING, DATA, DRAWN), lcr + mono, rtol=1e-12)
    assert CostPenalties()(KEY, read, SCALING, DATA, DRAWN) == 0
    assert isinstance(both, CostPenalty)


def test_vectorized_is_the_loop():
    generator = np.random.default_rng(8)
    costs, lengths = generator.normal(size=(5, 9)), np.array([9, 1, 2, 5, 8])
    lcr, mono = 0.0, 0.0
    for one, length in zip(costs, lengths, strict=True):
        for t in range(1, length - 1):
            lcr += ((one[t + 1] - one[t]) - (one[t] - one[t - 1])) ** 2
        for t in range(1, length):
            mono += max(0.0, one[t] - one[t - 1] - 0.3) ** 2
    data = batch(costs, lengths)
    np.testing.assert_allclose(roughness(read, data), lcr / lengths.sum(), rtol=1e-12)
    np.testing.assert_allclose(MonotonicProgress(1.0, 0.3)(KEY, read, SCALING, data, DRAWN), mono / lengths.sum(), rtol=1e-12)


def test_what_is_free_and_which_way_the_sign_goes():
    real = jnp.ones(6, bool)
    steady = jnp.arange(6.0)
    assert local_rate(3.0 * steady - 7.0, real) == 0
    assert local_rate(steady**2, real) == 4 * 4.0
    assert rise(-5.0 * steady, real) == 0
    assert rise(5.0 * steady, real) == 5 * 16.0  # the twin: a reward in place of a cost
    assert rise(steady, real) == 0  # the margin itself is free


def test_padding_has_no_value_and_no_gradient():
    for penalty in (LocalConstantRate(1.0), MonotonicProgress(1.0, 0.0)):

        def loss(observation, penalty=penalty):
            return penalty(KEY, read, SCALING, DATA._replace(observation=observation), DRAWN)

        slope = jax.grad(loss)(DATA.observation.at[1, 3:].set(1e3))
        assert jnp.all(slope[1, 3:] == 0)
        assert jnp.any(slope[:, :3] != 0)
        assert jnp.all(slope[:, 4] == 0)


@pytest.mark.slow
def test_training_with_them_lowers_the_roughness_and_the_rise():
    """The same run but for the weight, which is a leaf: compiled once, one run a weight."""
    env, scaling = Pendulum(), identity_scaling(3)
    expert = squashed_gaussian_policy(jax.random.key(1), env.spec, scaling, (8,))
    data = jax.vmap(lambda key: rollout(key, env, expert, 20))(jax.random.split(jax.random.key(2), 8))._replace(start=jnp.arange(8))

    def learn(rate, mono):
        penalties = (GradientPenalty(0.0, num_points=4), LocalConstantRate(rate), MonotonicProgress(mono, 0.0))
        algorithm = CostLearning(
            env,
            Trajectories(num_rollouts=8),
            OverlapNormalizedLoss(),
            update_rule=PPO(num_epochs=1, num_minibatches=1, hidden=(8,)),
            penalty=CostPenalties(penalties),
            cost_learning_rate=0.01,
            make_cost=lambda key, spec, scaling: mlp_cost(key, spec, scaling, (16,)),
            make_policy=lambda key, spec, scaling: squashed_gaussian_policy(key, spec, scaling, (8,)),
        )
        state, metrics, _ = run(algorithm, algorithm.init(jax.random.key(3), data, scaling=scaling), 4, 10)
        rising = MonotonicProgress(1.0, 0.0)(KEY, state.cost, scaling, data, data)
        return roughness(state.cost, data), rising, metrics.is_finite.all()

    rough, rising, finite = jax.jit(jax.vmap(learn))(jnp.array([0.0, 30.0, 0.0]), jnp.array([0.0, 0.0, 30.0]))
    assert finite.all()
    assert rough[1] < 0.3 * rough[0]
    assert rising[2] < 0.3 * rising[0]
