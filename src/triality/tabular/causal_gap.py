"""How far p_theta(tau) is from what a policy can do: the part of the generator's loss that no policy removes (X10, X11).

    L_G(pi) = E_q[sum_t c_t + log pi_t] + log Z = KL(q || p_theta) >= 0

Its minimum over policies is log Z - E_rho[V_1], V the causal soft value. It has two parts: log Z - E_rho[log Z(x_1)], which one Z for
random starts costs (X11), and E_rho[log Z(x_1) - V_1(x_1)], which stochastic dynamics cost (X10). The first vanishes with Z(x_1), the
second with a causal model.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.tabular.costs import StepCosts, time_slices
from triality.tabular.finite_horizon import causal_solution, log_partition, noncausal_solution
from triality.tabular.mdp import TabularMDP
from triality.tabular.visits import StepPolicies


class CausalGap(NamedTuple):
    """The least generator loss that any policy reaches, in nats; both parts are >= 0.

    Fields:
        start: log Z - E_rho[log Z(x_1)] (X11); zero for one start state.
        dynamics: E_rho[log Z(x_1) - V_1(x_1)] (X10); zero for deterministic dynamics.
    """

    start: Float[Array, ""]
    dynamics: Float[Array, ""]

    @property
    def total(self) -> Float[Array, ""]:
        """min over policies of L_G = log Z - E_rho[V_1]."""
        return self.start + self.dynamics


@eqx.filter_jit
def causal_gap(mdp: TabularMDP, cost: StepCosts) -> CausalGap:
    """The gap, by dynamic programming.

    Raises:
        ConfigError: the horizon is infinite.
        DataError: the cost's shape fits neither (S, A) nor (T, S, A, K).
    """
    start = jnp.exp(mdp.log_start)
    noncausal = noncausal_solution(mdp, cost)
    conditional = start @ noncausal.value[0]
    return CausalGap(log_partition(mdp, noncausal) - conditional, conditional - start @ causal_solution(mdp, cost).value[0])


@eqx.filter_jit
def expected_sampler_loss(mdp: TabularMDP, cost: StepCosts, log_policy: StepPolicies) -> Float[Array, ""]:
    """E_q[c(tau) + log q(tau)] (eq. 2) of a policy, exactly, in nats; differentiable in ``log_policy``. Minus its minimum is E_rho[V_1]."""
    slices = time_slices(mdp, cost)
    slices = jnp.broadcast_to(slices, (mdp.num_steps, *slices.shape[1:]))
    steps = jnp.broadcast_to(log_policy, (mdp.num_steps, mdp.num_states, mdp.num_actions))
    probabilities = jnp.exp(mdp.log_probabilities)

    def step(loss_to_go, inputs):
        cost_t, log_policy_t = inputs
        ahead = jnp.sum(probabilities * (cost_t + loss_to_go[mdp.successors]), axis=-1)
        return jnp.sum(jnp.exp(log_policy_t) * (ahead + log_policy_t), axis=-1), None

    loss, _ = jax.lax.scan(step, jnp.zeros_like(mdp.log_start), (slices, steps), reverse=True)
    return jnp.exp(mdp.log_start) @ loss


def expected_generator_loss(mdp: TabularMDP, cost: StepCosts, log_policy: StepPolicies) -> Float[Array, ""]:
    """L_G = E_q[c + log q] + log Z = KL(q || p_theta) of the non-causal model with one Z, in nats (section 3.2.3, nu = 1)."""
    return expected_sampler_loss(mdp, cost, log_policy) + log_partition(mdp, noncausal_solution(mdp, cost))
