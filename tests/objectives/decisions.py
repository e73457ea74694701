"""A small decision process as trajectories of the library: what weights a decision are checked against, exactly."""

import equinox as eqx
import jax
import jax.numpy as jnp

from tests.tabular import instances
from triality.energy import Constant, UnnormalizedDensity
from triality.sampler import Samples
from triality.tabular import enumerate_trajectories, noncausal_solution, noncausal_visits, step_log_probs
from triality.tabular.worlds import random_mdp
from triality.trajectory import Trajectory, TrajectoryEnergy

# Deterministic is what D9 is stated for; the other one has to hold for the non-causal model.
MDPS = {"deterministic": instances.deterministic(horizon=4), "stochastic": random_mdp(jax.random.key(30), 4, 2, 2, horizon=4)}


class TableCost(eqx.Module):
    """c(x, u) from a table; the observation is the number of the state."""

    table: jax.Array

    def __call__(self, observation, action):
        return self.table[observation[0].astype(int), action]


class TableTwist(eqx.Module):
    """V_t(x) from a table: what a dynamic program knows."""

    value: jax.Array

    def __call__(self, soft_reward, drawn):
        del soft_reward
        states = drawn.x.observation[..., 0].astype(int)
        return self.value[jnp.arange(states.shape[-1]), states]


class World:
    """Everything exact about one process, one cost and one policy."""

    def __init__(self, name, scale=2.0):
        self.mdp = MDPS[name]
        self.cost = scale * instances.random_cost(self.mdp)
        self.log_policy = instances.random_log_policy(self.mdp)
        self.solution = noncausal_solution(self.mdp, self.cost)
        self.twist = TableTwist(self.solution.value)
        self.space = enumerate_trajectories(self.mdp)
        self.batch = trajectories(self.space.points, self.log_policy)
        self.log_q = jnp.sum(self.batch.log_prob, axis=-1)
        self.drawn = Samples(self.batch, self.log_q, self.space.log_mass(self.log_q))

    def visits_of(self, log_mass):
        """Expected number of visits of every (state, action) under probabilities of whole trajectories."""
        weight = jnp.broadcast_to(jnp.exp(log_mass)[:, None], self.batch.action.shape)
        states = self.batch.observation[:, :-1, 0].astype(int)
        return jnp.zeros_like(self.cost).at[states, self.batch.action].add(weight)

    @property
    def model_visits(self):
        """Under p_theta(tau | x_1), starts as they are."""
        return noncausal_visits(self.mdp, self.cost).total


def trajectories(points, log_policy):
    """Enumerated paths as a batch, each step with its log-probability under a policy."""
    log_prob = jax.vmap(lambda one: step_log_probs(log_policy, one))(points)
    real = jnp.ones(log_prob.shape, bool)
    observation = points.states[..., None].astype(log_prob.dtype)
    return Trajectory(observation, points.actions, log_prob, real, ~real, ~real, jnp.zeros_like(log_prob), jnp.zeros(len(log_prob), int))


@eqx.filter_jit
def evaluated(objective, table, data, drawn):
    """Loss, metrics and d loss / d table; compiled once for all that have the same shapes."""

    def loss(table):
        return objective(UnnormalizedDensity(TrajectoryEnergy(TableCost(table)), Constant(0.0)), data, drawn)

    (value, metrics), gradient = jax.value_and_grad(loss, has_aux=True)(table)
    return value, metrics, gradient


def cost_gradient(objective, table, data, drawn):
    """d loss / d table: expected visits of the data minus those that the weights make of the drawn side."""
    return evaluated(objective, table, data, drawn)[2]
