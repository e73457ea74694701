"""Apprenticeship by policy gradient (Ho, Gupta and Ermon 2016), with exact gradients of a softmax policy.

    min_pi max_{w in W} w . (f_pi - f_E)

    repeat:  w     = the cost of the ball under which pi is worst         (closed form)
             theta = theta - step * d/dtheta E_pi[w . f]                  (policy gradient of that cost)

By the envelope theorem this is descent of the maximum itself. Here the expectation is exact and the steps are those of L-BFGS on the ball's
smooth potential, which has that gradient up to its length. The problem is not convex in theta; a softmax policy of full support has no bad
stationary points on a table if every state is reached (Agarwal et al. 2021), and it nears a deterministic policy only in the limit.

What it cannot tell: the cost. At success every w is as good as the next, and ``cost`` is merely the last adversary.
Reference: J. Ho, J. Gupta and S. Ermon, Model-free imitation learning with policy optimization, ICML 2016, arXiv:1605.08478.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.tabular.demonstrations import Visitation
from triality.tabular.mdp import TabularMDP
from triality.tabular.systems.cost_balls import CostBall, EuclideanBall
from triality.tabular.systems.hard_optimum import total_visits
from triality.tabular.visits import StepPolicies, policy_visits


@dataclass(frozen=True)
class ApprenticeshipConfig:
    """When to stop.

    Args:
        max_num_steps: steps of L-BFGS.
        tolerance: on the largest entry of the gradient of the potential in the logits.
    """

    max_num_steps: int = 300
    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        if self.max_num_steps < 1 or not self.tolerance > 0:
            raise ConfigError(f"expected max_num_steps >= 1 and tolerance > 0, got {self}; correct the option")


class ApprenticeshipResult(NamedTuple):
    """What was learned.

    Fields:
        cost: w.f(x, u) of the last adversary. Not an estimate of the expert's cost.
        log_policy: log pi_t(u|x) (T, S, A), or log pi(u|x) (S, A) where the MDP is discounted.
        feature_gap: f_pi - f_E, in feature counts a trajectory.
        worst: the maximum over the ball: the measure of success. Never negative for the Euclidean ball.
    """

    cost: Float[Array, "states actions"]
    log_policy: StepPolicies
    feature_gap: Float[Array, " features"]
    worst: Float[Array, ""]


def apprenticeship(
    mdp: TabularMDP,
    demonstrated: Visitation,
    features: Float[Array, "states actions features"],
    ball: CostBall | None = None,
    config: ApprenticeshipConfig | None = None,
) -> ApprenticeshipResult:
    """A policy that no cost of the ball finds worse than the expert, as far as descent leads.

    Args:
        mdp: finite-horizon or discounted; the policy depends on time where the horizon is finite.
        demonstrated: visits of the expert and its starts.
        features: f(x, u).
        ball: of costs; ``EuclideanBall()`` by default.
        config: when to stop.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, horizon=2)
        >>> learned = apprenticeship(mdp, Visitation(jnp.array([[0.5, 1.5]]), jnp.ones(1)), jnp.eye(2)[None])
        >>> float(learned.worst) < 1e-6
        True
    """
    config, ball = config or ApprenticeshipConfig(), EuclideanBall() if ball is None else ball
    problem = _Problem(mdp, features, demonstrated.start, jnp.tensordot(demonstrated.state_action, features, axes=2), ball)
    steps = () if mdp.horizon is None else (mdp.horizon,)
    initial = jnp.zeros((*steps, mdp.num_states, mdp.num_actions), features.dtype)
    log_policy = jax.nn.log_softmax(_descend(problem, initial, config.max_num_steps, config.tolerance), axis=-1)
    gap = jnp.tensordot(total_visits(mdp, log_policy, demonstrated.start), features, axes=2) - problem.demonstrated
    return ApprenticeshipResult(features @ ball.maximizer(gap), log_policy, gap, ball.maximum(gap))


class _Problem(eqx.Module):
    mdp: TabularMDP
    features: Float[Array, "states actions features"]
    start: Float[Array, " states"]
    demonstrated: Float[Array, " features"]
    ball: CostBall

    def __call__(self, logits: StepPolicies) -> Float[Array, ""]:
        gap = feature_expectation(self.mdp, jax.nn.log_softmax(logits, axis=-1), self.features, self.start) - self.demonstrated
        return self.ball.potential(gap)


def feature_expectation(
    mdp: TabularMDP, log_policy: StepPolicies, features: Float[Array, "states actions features"], start: Float[Array, " states"]
) -> Float[Array, " features"]:
    """E_pi[sum_t gamma^t f(x_t, u_t)], differentiable in the policy: its derivative is the policy gradient theorem's.

    Discounted, it solves a dense system of S equations: for tables of some thousand states.
    """
    if mdp.horizon is not None:
        return jnp.tensordot(policy_visits(mdp, log_policy, start).total, features, axes=2)
    policy = jnp.exp(log_policy)
    flow = policy[..., None] * jnp.exp(mdp.log_probabilities)
    size = mdp.num_states
    rows = jnp.broadcast_to(jnp.arange(size)[:, None, None], mdp.successors.shape)
    transition = jnp.zeros((size, size), flow.dtype).at[rows, mdp.successors].add(flow)
    visits = jnp.linalg.solve(jnp.eye(size) - mdp.discount * transition.T, start)
    return jnp.tensordot(visits[:, None] * policy, features, axes=2)


@eqx.filter_jit
def _descend(problem: _Problem, initial: StepPolicies, max_num_steps: int, tolerance: float) -> StepPolicies:
    solver = optax.lbfgs()
    value_and_gradient: Callable[..., tuple[Array, Array]] = optax.value_and_grad_from_state(problem)  # pyright: ignore[reportAssignmentType]

    def step(carry):
        logits, state, num_steps = carry
        value, gradient = value_and_gradient(logits, state=state)
        updates, state = solver.update(gradient, state, logits, value=value, grad=gradient, value_fn=problem)
        return logits + updates, state, num_steps + 1

    def unfinished(carry):
        _, state, num_steps = carry
        gradient = optax.tree.get(state, "grad")
        return (num_steps == 0) | ((jnp.max(jnp.abs(gradient)) > tolerance) & (num_steps < max_num_steps))

    return jax.lax.while_loop(unfinished, step, (initial, solver.init(initial), jnp.array(0)))[0]
