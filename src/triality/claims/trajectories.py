"""Section 2.3.1 and footnote 2 on the trajectories of small MDPs: Z by dynamic programming, and what becomes of the dynamics."""

from __future__ import annotations

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from triality.claims.claim import Statement, in_nats, relative, worst
from triality.claims.spaces import TRAJECTORIES
from triality.energy import Constant, UnnormalizedDensity
from triality.objectives.discriminator import DiscriminatorLoss
from triality.sampler import Samples
from triality.tabular import (
    EnumerableSpace,
    TabularEnergy,
    TabularMDP,
    TabularTrajectory,
    causal_gap,
    causal_solution,
    enumerate_trajectories,
    expected_generator_loss,
    log_partition,
    noncausal_solution,
    policy_log_prob,
)

NUM_STATES, NUM_ACTIONS, HORIZON = 3, 2, 3
SUCCESSORS = (((0, 1), (1, 2)), ((2, 0), (1, 0)), ((0, 2), (2, 1)))  # of each state under each action


class TrajectoryInstance(NamedTuple):
    """A random cost, an expert and a policy, in a world whose paths are fixed and whose probabilities are random.

    Fields:
        mdp: the world; stochastic.
        other: the same paths with other probabilities.
        points: every trajectory.
        cost: c(x, u).
        expert: log pi_E(u|x), a step at a time.
        policy: log pi(u|x).
    """

    mdp: TabularMDP
    other: TabularMDP
    points: TabularTrajectory
    cost: Float[Array, "states actions"]
    expert: Float[Array, "time states actions"]
    policy: Float[Array, "time states actions"]

    def log_dynamics(self, mdp: TabularMDP) -> Float[Array, " n"]:
        """log rho(x_1) + sum_t log P(x_{t+1}|x_t, u_t) of every trajectory in this world."""
        states, actions, branches = self.points
        return mdp.log_start[states[:, 0]] + jnp.sum(mdp.log_probabilities[states[:, :-1], actions, branches], axis=-1)

    def sides(self, mdp: TabularMDP) -> tuple[Samples, Samples]:
        """Expert and policy in this world, in exact expectation; log q is the sum of log pi and nothing else."""
        log_q = policy_log_prob(self.policy, self.points)
        space = EnumerableSpace(self.points, self.log_dynamics(mdp))
        by_expert = space.log_mass(policy_log_prob(self.expert, self.points))
        return space.samples(by_expert, log_q), space.samples(space.log_mass(log_q), log_q)


class Drawing(eqx.Module):
    """How to draw an instance: the paths are enumerated once, probabilities, cost and policies are new each time."""

    mdp: TabularMDP
    points: TabularTrajectory

    @classmethod
    def prepare(cls) -> Drawing:
        """A world of three states with two actions and two successors each, and its paths of three steps."""
        even = np.full((NUM_STATES, NUM_ACTIONS, 2), 0.5)
        mdp = TabularMDP.from_sparse(np.asarray(SUCCESSORS), even, np.full(NUM_STATES, 1.0 / NUM_STATES), horizon=HORIZON)
        return cls(mdp, enumerate_trajectories(mdp).points)

    def __call__(self, key: Key[Array, ""]) -> TrajectoryInstance:
        steps, start, policies = self.mdp.log_probabilities, self.mdp.log_start, (HORIZON, NUM_STATES, NUM_ACTIONS)
        shapes = (policies, policies, policies[1:], *(steps.shape, start.shape) * 2)
        noise = jax.random.normal(key, (sum(math.prod(shape) for shape in shapes),))
        parts = jnp.split(noise, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
        expert, policy, cost, *worlds = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
        one, other = self.world(*worlds[:2]), self.world(*worlds[2:])
        expert, policy = jax.nn.log_softmax(expert, axis=-1), jax.nn.log_softmax(policy, axis=-1)
        return TrajectoryInstance(one, other, self.points, 1.5 * cost, expert, policy)

    def world(self, steps: Float[Array, "states actions branches"], start: Float[Array, " states"]) -> TabularMDP:
        """The same paths with new probabilities and a new start law."""
        laws = (jax.nn.log_softmax(steps, axis=-1), jax.nn.log_softmax(start))
        return eqx.tree_at(lambda mdp: (mdp.log_probabilities, mdp.log_start), self.mdp, laws)


def partition_function(instance: TrajectoryInstance) -> Float[Array, ""]:
    """log Z of c(tau) = sum c(x_t, u_t): dynamic programming against the sum over all trajectories, and their gradients in c."""
    space = EnumerableSpace(instance.points, instance.log_dynamics(instance.mdp))

    def programmed(cost: Float[Array, "states actions"]) -> Float[Array, ""]:
        return log_partition(instance.mdp, noncausal_solution(instance.mdp, cost))

    def enumerated(cost: Float[Array, "states actions"]) -> Float[Array, ""]:
        return space.log_z(TabularEnergy(cost))

    gradients = relative(jax.grad(programmed)(instance.cost), jax.grad(enumerated)(instance.cost))
    return worst(in_nats(enumerated(instance.cost), programmed(instance.cost)), gradients)


def dynamics_cancel(instance: TrajectoryInstance) -> Float[Array, ""]:
    """The discriminator's loss with rho and P in both densities against the loss that never evaluates them, in two worlds."""
    residuals = []
    for mdp in (instance.mdp, instance.other):
        data, drawn = instance.sides(mdp)
        without = DiscriminatorLoss()(UnnormalizedDensity(TabularEnergy(instance.cost), Constant(0.3)), data, drawn)[0]
        log_dynamics = instance.log_dynamics(mdp)
        log_p = log_dynamics - jax.vmap(TabularEnergy(instance.cost))(instance.points) - 0.3
        log_odds = log_p - (log_dynamics + drawn.log_q)
        on_data = jnp.sum(jnp.exp(data.log_weight) * jax.nn.softplus(-log_odds))
        residuals.append(in_nats(on_data + jnp.sum(jnp.exp(drawn.log_weight) * jax.nn.softplus(log_odds)), without))
    return worst(*residuals)


def best_policy_falls_short(instance: TrajectoryInstance) -> Float[Array, ""]:
    """Least generator loss over policies: its value at the causal solution against log Z - E V, where its slope is zero."""
    mdp, cost = instance.mdp, instance.cost
    best = causal_solution(mdp, cost).log_policy

    def loss(logits: Float[Array, "time states actions"]) -> Float[Array, ""]:
        return expected_generator_loss(mdp, cost, jax.nn.log_softmax(logits, axis=-1))

    gap = causal_gap(mdp, cost).total
    slope = jnp.max(jnp.abs(jax.grad(loss)(best)))
    return jnp.where(gap > 0, worst(in_nats(gap, loss(best)), slope), jnp.inf)


HERE = (TRAJECTORIES,)
STATEMENTS = (
    Statement("2.3.1 Z", "2", "2.3.1", "Z over trajectories: dynamic programming = enumeration", partition_function, 1e-10, HERE),
    Statement("footnote 2", "2", "2.3.1", "start law and dynamics cancel in the discriminator", dynamics_cancel, 1e-12, HERE),
    Statement(
        "footnote 2, gap", "2", "2.3.1", "but no policy reaches p_theta: short by log Z - E V", best_policy_falls_short, 1e-9, HERE, "X10"
    ),
)
"""Measured on every trajectory of a stochastic MDP, probabilities drawn anew each time."""
