"""Per-decision importance weights from exact soft values (D9): the trajectory weight, cut where the future is integrated out.

    rho_t = pi_theta(u_t|x_t) / pi(u_t|x_t) = exp(-c_t + E[V_{t+1}] - V_t - log pi_t)
    gradient of E[V_1] = -E_q[ sum_t rho_{1:t} dc_t ],   rho_{1:t} = rho_1 ... rho_t

That is the causal model; the mean E[V_{t+1}] over successors is V_{t+1} itself where dynamics are deterministic, and must not be
replaced by the sampled one where they are not.

The trajectory weight rho_{1:T} in every term is exact too, and noisier. rho_t alone, the single-step weight of AIRL, drops rho_{1:t-1}, the
correction of the state law: biased wherever pi is not pi_theta.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.tabular.trajectories import TabularTrajectory, step_log_probs
from triality.tabular.visits import StepPolicies


def single_step_log_weights(log_model: StepPolicies, log_policy: StepPolicies, drawn: TabularTrajectory) -> Float[Array, "n time"]:
    """log rho_t of every step of every trajectory, in nats. As weights of a gradient they are biased (D9): the negative control.

    Args:
        log_model: log pi_theta = Q - V, such as ``causal_solution(mdp, cost).log_policy``.
        log_policy: log pi of the policy that drew the trajectories.
        drawn: a batch of trajectories.
    """
    return jax.vmap(lambda one: step_log_probs(log_model, one) - step_log_probs(log_policy, one))(drawn)


def per_decision_log_weights(log_model: StepPolicies, log_policy: StepPolicies, drawn: TabularTrajectory) -> Float[Array, "n time"]:
    """log rho_{1:t}, the running sum of log rho_t. E_q[sum_t rho_{1:t} f_t(x_t, u_t)] = E_model[sum_t f_t], exactly. Arguments as above."""
    return jnp.cumsum(single_step_log_weights(log_model, log_policy, drawn), axis=-1)


def trajectory_log_weights(log_model: StepPolicies, log_policy: StepPolicies, drawn: TabularTrajectory) -> Float[Array, "n time"]:
    """log rho_{1:T} at every step: the weight of the whole trajectory, exact and noisy. Arguments as above."""
    cumulative = per_decision_log_weights(log_model, log_policy, drawn)
    return jnp.broadcast_to(cumulative[:, -1:], cumulative.shape)
