"""MaxEnt models of trajectories over a finite horizon, solved exactly by one backward pass in log space.

Two models, by name; they agree where the dynamics are deterministic (X10):

* **non-causal** (Ziebart et al. 2008; eq. 1 of the paper over trajectories): p(tau) = rho(x_1) prod_t P(x_{t+1}|x_t, u_t) e^{-c_t} / Z.
  The reference measure is the start law times the dynamics times counting measure over actions: the dynamics' log-probabilities stand
  in p *and* in q, and cancel in every ratio (footnote 2). The cost tilts the dynamics too, so with stochastic dynamics no policy reaches p.
* **causal** (Ziebart 2010): pi_t(u|x) = exp(Q_t(x, u) - V_t(x)), Q_t = -c_t + E[V_{t+1}(x')], V_t = logsumexp_u Q_t. The dynamics are
  nobody's choice; this is what a policy of maximum causal entropy does.

V is a soft value: high = good, the log of a sum of e^{-cost}; all in nats, undiscounted.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.tabular.costs import StepCosts, time_slices
from triality.tabular.mdp import TabularMDP


class FiniteSolution(NamedTuple):
    """What a backward pass knows.

    Fields:
        value: V_t(x), t = 1 .. T+1. Non-causal: ``value[0]`` is log Z(x_1), the log-partition function given the start (X11).
        q_value: Q_t(x, u).
    """

    value: Float[Array, "time_plus_1 states"]
    q_value: Float[Array, "time states actions"]

    @property
    def log_policy(self) -> Float[Array, "time states actions"]:
        """log pi_t(u|x) = Q_t - V_t, in nats."""
        return self.q_value - self.value[:-1, :, None]


@eqx.filter_jit
def noncausal_solution(mdp: TabularMDP, cost: StepCosts, terminal_cost: Float[Array, " states"] | None = None) -> FiniteSolution:
    """Backward pass of the non-causal model: Q_t(x, u) = log sum_x' P(x'|x, u) exp(-c_t(x, u, x') + V_{t+1}(x')).

    Differentiable: the gradient of log Z is minus the expected number of visits (tested against ``noncausal_visits``).

    Args:
        mdp: with a finite horizon.
        cost: c(x, u) as (S, A), or c_t(x, u, x') as (T, S, A, K).
        terminal_cost: paid in x_{T+1}; zero by default.

    Raises:
        ConfigError: the horizon is infinite.
        DataError: the cost's shape fits neither.

    Example:
        >>> import jax.numpy as jnp
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, horizon=3)
        >>> float(noncausal_solution(mdp, jnp.zeros((1, 2))).value[0, 0].__round__(4))  # log 2^3 paths
        2.0794
    """

    def look_ahead(cost_t, value):
        return jax.nn.logsumexp(mdp.log_probabilities - cost_t + value[mdp.successors], axis=-1)

    return _backward(mdp, cost, terminal_cost, look_ahead)


@eqx.filter_jit
def causal_solution(mdp: TabularMDP, cost: StepCosts, terminal_cost: Float[Array, " states"] | None = None) -> FiniteSolution:
    """Backward pass of the causal model: Q_t(x, u) = sum_x' P(x'|x, u) (-c_t(x, u, x') + V_{t+1}(x')). Arguments as ``noncausal_solution``.

    Differentiable: the gradient of E[V_1] is minus the visits of the policy pi = exp(Q - V).
    """
    probabilities = jnp.exp(mdp.log_probabilities)

    def look_ahead(cost_t, value):
        return jnp.sum(probabilities * (value[mdp.successors] - cost_t), axis=-1)

    return _backward(mdp, cost, terminal_cost, look_ahead)


def log_partition(mdp: TabularMDP, solution: FiniteSolution) -> Float[Array, ""]:
    """log Z = log sum_x rho(x) Z(x) of the non-causal model, one for all starts, in nats.

    Where starts are random, one Z lets the model re-weight a start law that neither side controls; ``solution.value[0]`` is the
    conditional log Z(x_1) that does not (X11).
    """
    return jax.nn.logsumexp(mdp.log_start + solution.value[0])


def tilted_start(mdp: TabularMDP, solution: FiniteSolution) -> Float[Array, " states"]:
    """log p(x_1) = log rho(x_1) + log Z(x_1) - log Z: the start law that the model with one Z really has, in nats (X11)."""
    return mdp.log_start + solution.value[0] - log_partition(mdp, solution)


@eqx.filter_jit
def tilted_dynamics(mdp: TabularMDP, cost: StepCosts, solution: FiniteSolution) -> Float[Array, "time states actions branches"]:
    """log p_t(x'|x, u) of the non-causal model: log P + V_{t+1}(x') - c_t - Q_t, in nats.

    Not P, unless the dynamics are deterministic: that is the gap of X10.
    """
    ahead = jax.vmap(lambda value: value[mdp.successors])(solution.value[1:])
    return mdp.log_probabilities - time_slices(mdp, cost) + ahead - solution.q_value[..., None]


@eqx.filter_jit
def trajectory_cost_of_causal(mdp: TabularMDP, cost: StepCosts) -> Float[Array, "time states actions branches"]:
    """The cost under which the non-causal model *is* the causal one: c'_t(x, u, x') = c_t + V_{t+1}(x') - E[V_{t+1}(x')] (X10).

    With it log Z(x_1) = V_1(x_1), the dynamics are not tilted, and pi = exp(Q - V) reaches p exactly. It depends on time and on x',
    which is why a cost c(x, u) cannot express the causal model under stochastic dynamics.
    """
    ahead = jax.vmap(lambda value: value[mdp.successors])(causal_solution(mdp, cost).value[1:])
    mean_cost_to_go = jnp.sum(jnp.exp(mdp.log_probabilities) * (ahead - time_slices(mdp, cost)), axis=-1, keepdims=True)
    return ahead - mean_cost_to_go


def _backward(mdp: TabularMDP, cost: StepCosts, terminal_cost: Float[Array, " states"] | None, look_ahead) -> FiniteSolution:
    slices = time_slices(mdp, cost)
    last = jnp.zeros_like(mdp.log_start) if terminal_cost is None else -terminal_cost
    # A constant cost is closed over, not repeated T times.
    fixed = slices[0] if slices.shape[0] == 1 else None

    def step(value, cost_t):
        q_value = look_ahead(fixed if fixed is not None else cost_t, value)
        return jax.nn.logsumexp(q_value, axis=-1), (value, q_value)

    first, (later, q_value) = jax.lax.scan(step, last, None if fixed is not None else slices, length=mdp.num_steps, reverse=True)
    return FiniteSolution(jnp.concatenate([first[None], later]), q_value)
