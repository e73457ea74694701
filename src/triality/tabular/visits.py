"""Expected visits: what the gradient of log Z, of E[V] and of every cost-learning loss is made of.

A forward pass multiplies conditional probabilities only (a start law, a policy, dynamics, tilted or not), each in [0, 1], so nothing here
can overflow; unnormalized quantities never leave log space (``finite_horizon``).
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from triality.errors import ConfigError
from triality.tabular.costs import StepCosts
from triality.tabular.finite_horizon import FiniteSolution, noncausal_solution, tilted_dynamics
from triality.tabular.mdp import TabularMDP

StepPolicies = Float[Array, "states actions"] | Float[Array, "time states actions"]


class Visits(NamedTuple):
    """Marginals of a law of trajectories, as probabilities.

    Fields:
        state: P(x_t = x), t = 1 .. T+1.
        state_action: P(x_t = x, u_t = u).
    """

    state: Float[Array, "time_plus_1 states"]
    state_action: Float[Array, "time states actions"]

    @property
    def total(self) -> Float[Array, "states actions"]:
        """Expected number of visits to each state and action in one trajectory; sums to T."""
        return jnp.sum(self.state_action, axis=0)


class DiscountedVisits(NamedTuple):
    """sum_t gamma^t P(x_t = x, u_t = u), t from 0; sums to 1 / (1 - gamma). Multiply by 1 - gamma for the occupancy measure.

    Fields:
        state_action: the expected discounted number of visits.
        residual: L1 distance between the two last iterates of the state visits; the error is at most gamma / (1 - gamma) times it.
        num_sweeps: how many iterations that took.
    """

    state_action: Float[Array, "states actions"]
    residual: Float[Array, ""]
    num_sweeps: Int[Array, ""]


@eqx.filter_jit
def policy_visits(mdp: TabularMDP, log_policy: StepPolicies, start: Float[Array, " states"] | None = None) -> Visits:
    """Visits of a policy, stationary (S, A) or time-dependent (T, S, A), over the finite horizon; dynamics untouched.

    Args:
        mdp: with a finite horizon.
        log_policy: log pi(u|x), in nats.
        start: probability of each start state; the MDP's own by default.

    Raises:
        ConfigError: the horizon is infinite.
    """
    steps = jnp.broadcast_to(log_policy, (mdp.num_steps, mdp.num_states, mdp.num_actions))
    dynamics = jnp.exp(mdp.log_probabilities)
    return _forward(mdp, jnp.exp(mdp.log_start) if start is None else start, steps, lambda _: dynamics, jnp.arange(mdp.num_steps))


@eqx.filter_jit
def noncausal_visits(
    mdp: TabularMDP, cost: StepCosts, terminal_cost: Float[Array, " states"] | None = None, start: Float[Array, " states"] | None = None
) -> Visits:
    """Visits of the non-causal model p(tau) = rho P e^{-c} / Z(x_1), whose dynamics the cost tilts (``tilted_dynamics``).

    Args:
        mdp: with a finite horizon.
        cost: (S, A) or (T, S, A, K).
        terminal_cost: paid in x_{T+1}.
        start: probability of each start state. The MDP's own by default: the model conditional on the start, log Z(x_1).
            Pass ``exp(tilted_start(mdp, solution))`` for the model with one Z (X11).
    """
    solution = noncausal_solution(mdp, cost, terminal_cost)
    dynamics = jnp.exp(tilted_dynamics(mdp, cost, solution))
    return _forward(mdp, jnp.exp(mdp.log_start) if start is None else start, solution.log_policy, lambda tilted: tilted, dynamics)


def causal_visits(mdp: TabularMDP, solution: FiniteSolution, start: Float[Array, " states"] | None = None) -> Visits:
    """Visits of the causal model: its policy in the untouched dynamics."""
    return policy_visits(mdp, solution.log_policy, start)


@eqx.filter_jit
def discounted_visits(
    mdp: TabularMDP,
    log_policy: Float[Array, "states actions"],
    start: Float[Array, " states"] | None = None,
    tolerance: float = 1e-10,
    max_num_sweeps: int = 100_000,
) -> DiscountedVisits:
    """Solves d = rho + gamma P_pi' d by iteration, which contracts by gamma in L1; then d(x) pi(u|x).

    Args:
        mdp: with a discount below one.
        log_policy: stationary, in nats.
        start: probability (or any non-negative or signed weight) of each start state; the MDP's own by default.
        tolerance: stop when an iteration moves d by less than this in L1, or when rounding allows no better.
        max_num_sweeps: stop there in any case; ``residual`` tells.

    Raises:
        ConfigError: the horizon is finite.
    """
    if mdp.horizon is not None:
        raise ConfigError(f"expected a discounted MDP, got a horizon of {mdp.horizon}; call policy_visits")
    start = jnp.exp(mdp.log_start) if start is None else start
    policy = jnp.exp(log_policy)
    flow = policy[..., None] * jnp.exp(mdp.log_probabilities)
    rounding = 4.0 * jnp.finfo(start.dtype).eps

    def sweep(carry):
        visits, _, num_sweeps = carry
        moved = start + mdp.discount * _push(mdp, flow * visits[:, None, None])
        return moved, jnp.sum(jnp.abs(moved - visits)), num_sweeps + 1

    def unfinished(carry):
        visits, residual, num_sweeps = carry
        return (residual > jnp.maximum(tolerance, rounding * jnp.sum(jnp.abs(visits)))) & (num_sweeps < max_num_sweeps)

    beginning = (start, jnp.array(jnp.inf, start.dtype), jnp.array(0))
    visits, residual, num_sweeps = jax.lax.while_loop(unfinished, sweep, beginning)
    return DiscountedVisits(visits[:, None] * policy, residual, num_sweeps)


def _push(mdp: TabularMDP, flow: Float[Array, "states actions branches"]) -> Float[Array, " states"]:
    """Adds what flows along every branch into its successor."""
    return jnp.zeros(mdp.num_states, flow.dtype).at[mdp.successors].add(flow)


def _forward(mdp: TabularMDP, start: Float[Array, " states"], log_policy, dynamics_of, per_step) -> Visits:
    def step(state, inputs):
        log_policy_t, slice_t = inputs
        joint = state[:, None] * jnp.exp(log_policy_t)
        return _push(mdp, joint[..., None] * dynamics_of(slice_t)), (state, joint)

    last, (earlier, joint) = jax.lax.scan(step, start, (log_policy, per_step))
    return Visits(jnp.concatenate([earlier, last[None]]), joint)
