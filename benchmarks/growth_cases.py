"""What ``growth.py`` measures: every cost that a user can make large, the size that it hangs on, and the order that is stated for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from triality.algorithms.past_samplers import add, empty, fused_trajectories
from triality.energies.mlp import MLPEnergy
from triality.energies.quadratic import quadratic_energy
from triality.energies.step_cost import mlp_cost
from triality.energy import Constant, UnnormalizedDensity
from triality.envs.pendulum import Pendulum
from triality.kernels.langevin import Mala
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.guided_cost import GuidedCostLoss
from triality.objectives.per_decision import PerDecisionLoss
from triality.partition.acceptance_ratio import acceptance_ratio, solve_log_z
from triality.partition.alarm import three_way_alarm
from triality.partition.annealed import annealed_importance, sigmoid_temperatures
from triality.partition.conditional import conditional_acceptance_ratio
from triality.partition.exact import enumeration
from triality.partition.fusion import fused_log_density, fusion
from triality.partition.importance import importance
from triality.partition.mixture import mixture
from triality.partition.reciprocal import reciprocal
from triality.partition.sequential_monte_carlo import tempered
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.sampler import draw
from triality.samplers.flow import masked_autoregressive_flow
from triality.samplers.gaussian import Gaussian
from triality.samplers.mixture import MixtureSampler
from triality.tabular import causal_solution, causal_visits, noncausal_solution, soft_value_iteration
from triality.tabular.worlds import gridworld
from triality.trajectory import PolicyRollout, Trajectory, WholeTrajectory, rollout
from triality.updates.ppo import PPO

Built = tuple[Callable[..., Any], tuple[Any, ...]]
"""A pure function and its arguments."""


class Case(NamedTuple):
    """One cost.

    Fields:
        name: what is computed.
        variable: what it hangs on.
        sizes: of that, ascending.
        build: from a size to a function and its arguments.
        order: stated exponent of the time.
        memory_order: of what lies in memory between arguments and results, and of the results.
        is_log_linear: whether the stated order of the time is n log n.
        why: of an order that is not one, in words.
    """

    name: str
    variable: str
    sizes: tuple[int, ...]
    build: Callable[[int], Built]
    order: float = 1.0
    memory_order: float = 1.0
    is_log_linear: bool = False
    why: str = ""


SAMPLES = (100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
WALKS = SAMPLES[:7]
HORIZONS = (10, 30, 100, 300, 1000, 3000, 10_000)
PAST = (1, 2, 4, 8, 16, 32, 64, 100)
DIMENSIONS = (2, 4, 8, 16, 32, 64, 128, 256, 512)
SIDES = (10, 18, 32, 56, 100, 178, 316, 562, 1000)
"""Of square grids: 100 to a million states."""
NUM_FUSED, NUM_TRAJECTORIES, NUM_ROLLOUTS, STEPS_AHEAD, SWEEPS = 10_000, 16, 16, 20, 20
POINT_DIM = 4
EACH_LATER = "a weight from each coordinate to each later one"
SORTS = "in float64 the diagnostics sort the weights"
ALL_PAIRS = "every policy at every one's roll-outs"

KEY = jax.random.key(0)


def _ratios(n: int, seed: int) -> jax.Array:
    return 0.5 * jax.random.normal(jax.random.key(seed), (n,))


def _one_side(estimate: Callable[..., Any]) -> Callable[[int], Built]:
    return lambda n: (estimate, (_ratios(n, 1),))


def _both_sides(estimate: Callable[..., Any]) -> Callable[[int], Built]:
    return lambda n: (estimate, (_ratios(n // 2, 1) + 0.1, _ratios(n // 2, 2)))


def _mixture(n: int) -> Built:
    sides = [_ratios(n // 2, seed) for seed in range(6)]
    return mixture, tuple(sides)


def _fusion(n: int) -> Built:
    matrix = jax.random.normal(KEY, (8, n))
    return fusion, (_ratios(n, 1), matrix, jnp.arange(n) % 8)


def _conditional(n: int) -> Built:
    contexts = jnp.arange(n // 2) % 4
    estimate = lambda data, drawn, at: conditional_acceptance_ratio(data, at, drawn, at, 4)  # noqa: E731
    return estimate, (_ratios(n // 2, 1) + 0.1, _ratios(n // 2, 2), contexts)


def _annealed(n: int) -> Built:
    q, temperatures = Gaussian(jnp.zeros(POINT_DIM), jnp.zeros(POINT_DIM)), sigmoid_temperatures(10)
    energy = quadratic_energy(KEY, POINT_DIM)
    return lambda key, energy, q: annealed_importance(key, energy, q, Mala(0.3), temperatures, n), (KEY, energy, q)


def _particles(n: int) -> Built:
    q, energy = Gaussian(jnp.ones(POINT_DIM), jnp.ones(POINT_DIM)), quadratic_energy(KEY, POINT_DIM)
    return lambda key, energy, q: tempered(key, energy, q, Mala(0.3), n).log_z, (KEY, energy, q)


def _loss_of_points(n: int) -> Built:
    q = Gaussian(jnp.zeros(POINT_DIM), jnp.zeros(POINT_DIM))
    density = UnnormalizedDensity(MLPEnergy(KEY, POINT_DIM), Constant(jnp.zeros(())))

    def gradient(density: Any, key: jax.Array) -> Any:
        data, drawn = draw(q, key, n // 2), draw(q, jax.random.fold_in(key, 1), n // 2)
        return eqx.filter_grad(lambda density: DiscriminatorLoss()(density, data, drawn)[0])(density)

    return gradient, (density, KEY)


def _policy(env: Pendulum, seed: int = 0) -> Any:
    return squashed_gaussian_policy(jax.random.key(seed), env.spec, identity_scaling(env.spec.observation_size))


@functools.cache
def _batch(horizon: int, num: int = NUM_TRAJECTORIES, seed: int = 0) -> Trajectory:
    env, policy = Pendulum(), _policy(Pendulum())
    keys = jax.random.split(jax.random.key(seed), num)
    return eqx.filter_jit(lambda keys: jax.vmap(lambda key: rollout(key, env, policy, horizon))(keys))(keys)


def _roll_outs(horizon: int) -> Built:
    env = Pendulum()
    return lambda key, policy: draw(PolicyRollout(env, policy, horizon), key, NUM_ROLLOUTS).x.reward, (KEY, _policy(env))


def _loss_of_trajectories(objective: Any) -> Callable[[int], Built]:
    def build(horizon: int) -> Built:
        env = Pendulum()
        cost = mlp_cost(KEY, env.spec, identity_scaling(env.spec.observation_size))
        batches = (_batch(horizon), _batch(horizon, seed=1))

        def gradient(cost: Any, data: Trajectory, drawn: Trajectory) -> Any:
            def loss(cost: Any) -> jax.Array:
                density = UnnormalizedDensity(WholeTrajectory().energy(cost), Constant(jnp.zeros(())))
                sides = (WholeTrajectory().samples(batch, batch.log_prob) for batch in (data, drawn))
                return objective(density, *sides)[0]

            return eqx.filter_grad(loss)(cost)

        return gradient, (cost, *batches)

    return build


def _policy_update(horizon: int) -> Built:
    env, rule = Pendulum(), PPO(num_epochs=1, num_minibatches=4)
    policy = _policy(env)
    state = rule.init(KEY, policy, identity_scaling(env.spec.observation_size))
    batch = _batch(horizon)
    return lambda key, policy, state, batch: rule.improve(key, policy, state, batch, -batch.reward)[:2], (KEY, policy, state, batch)


def _backward_pass(horizon: int) -> Built:
    mdp = gridworld(10, 10, slip=0.2, horizon=horizon)
    return causal_solution, (mdp, jnp.ones((mdp.num_states, mdp.num_actions)))


def _fused(num: int) -> Built:
    return fused_log_density, (jax.random.normal(KEY, (num, NUM_FUSED)), jnp.zeros(num))


def _mixture_density(num: int) -> Built:
    means = jax.random.normal(KEY, (num, POINT_DIM))
    fused = MixtureSampler(jax.vmap(Gaussian)(means, jnp.zeros((num, POINT_DIM))), jnp.zeros(num))
    return lambda fused, x: jax.vmap(fused.log_prob)(x), (fused, jax.random.normal(KEY, (NUM_FUSED, POINT_DIM)))


def _mixture_of_networks(num: int) -> Built:
    flows = eqx.filter_vmap(lambda key: masked_autoregressive_flow(key, POINT_DIM, 2, (32,)))(jax.random.split(KEY, num))
    fused = MixtureSampler(flows, jnp.zeros(num))
    return lambda fused, x: jax.vmap(fused.log_prob)(x), (fused, jax.random.normal(KEY, (NUM_FUSED // 10, POINT_DIM)))


def _past(num: int) -> Any:
    batch = _batch(50)
    return eqx.filter_jit(lambda policy, batch: empty(num, policy, batch, batch))(_policy(Pendulum()), batch), batch


def _remembered(num: int) -> Built:
    past, batch = _past(num)
    return lambda past, policy, batch: add(past, policy, batch, batch), (past, _policy(Pendulum(), 1), batch)


def _fused_trajectories(num: int) -> Built:
    past, _ = _past(num)
    return fused_trajectories, (past._replace(num_seen=jnp.asarray(num)),)


def _energy_gradient(make: Callable[[int], Any]) -> Callable[[int], Built]:
    def build(dim: int) -> Built:
        x = jax.random.normal(KEY, (1000, dim))
        return lambda energy, x: jax.vmap(jax.grad(energy))(x), (make(dim), x)

    return build


def _flow_density(dim: int) -> Built:
    flow = masked_autoregressive_flow(KEY, dim, 2, (64,))
    return lambda flow, x: jax.vmap(flow.log_prob)(x), (flow, jax.random.normal(KEY, (200, dim)))


def _flow_draws(dim: int) -> Built:
    return lambda flow, key: draw(flow, key, 200).x, (masked_autoregressive_flow(KEY, dim, 2, (64,)), KEY)


def _value_iteration(side: int) -> Built:
    mdp = gridworld(side, side, slip=0.2, discount=0.99)
    cost = jnp.broadcast_to(jax.random.uniform(KEY, (mdp.num_states, 1)), (mdp.num_states, mdp.num_actions))
    return lambda mdp, cost: soft_value_iteration(mdp, cost, tolerance=0.0, max_num_sweeps=SWEEPS).value, (mdp, cost)


def _finite(solve: Callable[..., Any]) -> Callable[[int], Built]:
    def build(side: int) -> Built:
        mdp = gridworld(side, side, slip=0.2, horizon=STEPS_AHEAD)
        return solve, (mdp, jnp.broadcast_to(jax.random.uniform(KEY, (mdp.num_states, 1)), (mdp.num_states, mdp.num_actions)))

    return build


def _visits(mdp: Any, cost: Any) -> Any:
    return causal_visits(mdp, causal_solution(mdp, cost)).total


CASES = (
    Case("importance sampling", "samples", SAMPLES, _one_side(importance), is_log_linear=True, why=SORTS),
    Case("reciprocal", "samples", SAMPLES, _one_side(reciprocal), is_log_linear=True, why=SORTS),
    Case("mixture", "samples", SAMPLES, _mixture, is_log_linear=True, why=SORTS),
    Case("acceptance ratio, the root alone", "samples", SAMPLES, _both_sides(solve_log_z)),
    Case("acceptance ratio", "samples", SAMPLES, _both_sides(acceptance_ratio), is_log_linear=True, why=SORTS),
    Case("acceptance ratio, four contexts", "samples", SAMPLES, _conditional, is_log_linear=True, why=SORTS),
    Case("fusion of eight samplers", "samples", SAMPLES, _fusion, is_log_linear=True, why=SORTS),
    Case("all three and the alarm", "samples", SAMPLES, _both_sides(three_way_alarm), is_log_linear=True, why=SORTS),
    Case("annealed, ten temperatures", "samples", WALKS, _annealed),
    Case("sequential Monte Carlo", "samples", WALKS, _particles),
    Case("enumeration", "samples", SAMPLES, _one_side(enumeration)),
    Case("gradient of the discriminator's loss, points", "samples", WALKS, _loss_of_points),
    Case("roll-outs", "horizon", HORIZONS, _roll_outs),
    Case("gradient of the discriminator's loss, trajectories", "horizon", HORIZONS, _loss_of_trajectories(DiscriminatorLoss())),
    Case("gradient of guided cost learning's loss", "horizon", HORIZONS, _loss_of_trajectories(GuidedCostLoss())),
    Case("gradient of the loss per decision", "horizon", HORIZONS, _loss_of_trajectories(PerDecisionLoss())),
    Case("policy update", "horizon", HORIZONS, _policy_update),
    Case("backward pass over 100 states", "horizon", HORIZONS, _backward_pass),
    Case("fused density from its matrix", "past samplers", PAST, _fused),
    Case("fused density of Gaussians", "past samplers", PAST, _mixture_density),
    Case("fused density of flows", "past samplers", PAST, _mixture_of_networks),
    Case("a policy and its roll-outs remembered", "past samplers", PAST, _remembered, 2.0, 2.0, why=ALL_PAIRS),
    Case("fused density of all roll-outs", "past samplers", PAST, _fused_trajectories, 2.0, 2.0, why=ALL_PAIRS),
    Case("gradient of a perceptron's energy", "dimension", DIMENSIONS, _energy_gradient(lambda dim: MLPEnergy(KEY, dim))),
    Case(
        "gradient of a quadratic energy",
        "dimension",
        DIMENSIONS,
        _energy_gradient(lambda dim: quadratic_energy(KEY, dim)),
        2.0,
        2.0,
        why="a full covariance",
    ),
    Case("density of an autoregressive flow", "dimension", DIMENSIONS, _flow_density, 2.0, 2.0, why=EACH_LATER),
    Case("draws of an autoregressive flow", "dimension", DIMENSIONS, _flow_draws, 2.0, 2.0, why=EACH_LATER),
    Case("soft value iteration, 20 sweeps", "states", SIDES, _value_iteration),
    Case("causal backward pass, 20 steps", "states", SIDES, _finite(causal_solution)),
    Case("non-causal backward pass, 20 steps", "states", SIDES, _finite(noncausal_solution)),
    Case("visits, 20 steps", "states", SIDES, _finite(_visits)),
)
