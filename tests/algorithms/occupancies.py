"""Single steps with the weights of exact occupancies: expectations of an MDP as ``Samples``, no roll-out drawn."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize

from triality.energies.linear import LinearEnergy
from triality.energies.shaped_cost import ShapedCost
from triality.tabular import TabularMDP, discounted_visits
from triality.trajectory import Trajectory


class Table:
    """c(x, u) of one-hot observations, one number for each state and action; of each state alone where the table is a column."""

    def __init__(self, values):
        self.values = values

    def __call__(self, observation, action):
        row = observation @ self.values
        return row[action] if row.shape[0] > 1 else row[0]


jax.tree_util.register_pytree_node(Table, lambda table: ((table.values,), None), lambda _, values: Table(*values))


def shaped(table, potential, discount=0.9):
    """A ``ShapedCost`` of tables."""
    return ShapedCost(Table(table), LinearEnergy(lambda x: x, potential), discount)


def visited(mdp: TabularMDP, log_policy):
    """rho(x, u), normalized."""
    visits = discounted_visits(mdp, log_policy).state_action
    return visits / visits.sum()


def one_step_batch(mdp: TabularMDP, occupancy):
    """Every transition once, as a trajectory of one step, and the log of its probability."""
    x, u, k = (index.ravel() for index in np.indices(mdp.successors.shape))
    eye = jnp.eye(mdp.num_states)
    observation = jnp.stack([eye[x], eye[mdp.successors[x, u, k]]], axis=1)
    flat, no = jnp.zeros((len(x), 1)), jnp.zeros((len(x), 1), bool)
    batch = Trajectory(observation, jnp.asarray(u)[:, None], flat, ~no, no, no, flat, jnp.zeros(len(x), int))
    return batch, jnp.log(occupancy[x, u]) + mdp.log_probabilities[x, u, k]


def samples(view, mdp: TabularMDP, occupancy, log_q, weight=1.0):
    """What a level would hand to the objective, from infinitely many roll-outs: ``log_q`` is a table over states and actions."""
    batch, log_weight = one_step_batch(mdp, occupancy)
    states, actions = jnp.argmax(batch.observation[:, 0], axis=-1), batch.action[:, 0]
    return view.samples(batch, log_q[states, actions][:, None], log_weight + jnp.log(weight))


def optimum(loss, parameters):
    """Where a smooth ``loss`` of a pytree is smallest, and the norm of its gradient there."""
    flat, unravel = ravel_pytree(parameters)
    value_and_grad = jax.jit(jax.value_and_grad(lambda flat: loss(unravel(flat))))

    def both(flat):
        value, gradient = value_and_grad(jnp.asarray(flat))
        return float(value), np.asarray(gradient)

    found = minimize(both, np.asarray(flat), jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    return unravel(jnp.asarray(found.x)), np.max(np.abs(found.jac))
