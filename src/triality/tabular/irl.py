"""Exact inverse reinforcement learning on a table: MaxEnt (Ziebart et al. 2008) and maximum causal entropy (Ziebart 2010).

Both minimize a convex function of the cost (convex in the parameters too, where the cost is linear in them):

    L(theta) = sum_{x,u} n_E(x, u) c_theta(x, u) + sum_x rho_E(x) V_theta(x)  [ + l2 / 2 |theta|^2 ]
    gradient = f_E - f_theta        (linear cost: demonstrations' expected features minus the model's)

n_E, rho_E: visits and starts of the demonstrations; V = log Z(x_1) of the non-causal model for ``maxent_irl`` (L is then the negative
log-likelihood of the demonstrations, eq. 4 without sampling), V = the causal soft value for ``mce_irl``. Starts are the demonstrations'
own: both are conditional on x_1 (X11).

Which one: with deterministic dynamics they are the same. With stochastic dynamics use ``mce_irl``: no agent can tilt the dynamics as
``maxent_irl`` assumes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

from triality.errors import ConfigError, DataError
from triality.tabular.costs import CostModel
from triality.tabular.demonstrations import Visitation
from triality.tabular.finite_horizon import causal_solution, noncausal_solution
from triality.tabular.mdp import TabularMDP
from triality.tabular.soft_value_iteration import expected_soft_value, soft_value_iteration
from triality.tabular.visits import StepPolicies

ROUNDING = 1e-6
"""A dual value this far below its bound, in nats, is no rounding."""


@dataclass(frozen=True)
class IrlConfig:
    """How the convex problem is solved: L-BFGS with a line search.

    Args:
        max_num_steps: steps of L-BFGS.
        tolerance: stop when no entry of the gradient exceeds it, in visits (or features) a trajectory. Needs float64 below about 1e-4.
        memory_size: pairs that L-BFGS keeps; 3 to 20 is usual (Nocedal and Wright 2006, section 7.2), 10 is scipy's default.
        l2: weight of the Gaussian prior on the parameters. At 0 the cost of what no demonstration visits grows without bound, slowly, and
            ``mce_irl`` refuses visits that no policy has; a few demonstrations of stochastic dynamics usually are of that kind.
    """

    max_num_steps: int = 500
    tolerance: float = 1e-6
    memory_size: int = 10
    l2: float = 0.0

    def __post_init__(self) -> None:
        if self.max_num_steps < 1 or self.memory_size < 1 or not self.tolerance > 0 or not self.l2 >= 0:
            raise ConfigError(f"expected max_num_steps, memory_size >= 1, tolerance > 0 and l2 >= 0, got {self}; correct the option")


class IrlResult(NamedTuple):
    """What was learned.

    Fields:
        parameters: of the cost model.
        cost: c(x, u). A constant may be added freely, potential shaping too: compare policies, not costs.
        log_z: sum_x rho_E(x) V(x): the mean of log Z(x_1) for ``maxent_irl``, of the causal soft value for ``mce_irl``, in nats.
        objective: L(theta), in nats. Its value at the optimum is an entropy, not zero: progress is ``gap``.
        log_policy: log pi_t(u|x) (T, S, A), or log pi(u|x) (S, A) where the MDP is discounted.
        gap: largest absolute entry of the gradient before the first step and after every one; the feature gap where l2 = 0.
        num_steps: steps taken.
        converged: whether the last gap is within the tolerance.
    """

    parameters: Float[Array, ...]
    cost: Float[Array, "states actions"]
    log_z: Float[Array, ""]
    objective: Float[Array, ""]
    log_policy: StepPolicies
    gap: Float[np.ndarray, " evaluations"]
    num_steps: int
    converged: bool


def maxent_irl(mdp: TabularMDP, demonstrated: Visitation, cost_model: CostModel, config: IrlConfig | None = None) -> IrlResult:
    """Non-causal MaxEnt IRL (Ziebart et al. 2008): maximum likelihood of p(tau) = P e^{-c} / Z(x_1), exactly.

    Args:
        mdp: with a finite horizon.
        demonstrated: from ``empirical_visitation``, or exact.
        cost_model: ``LinearCost(features)``, ``StateCost(mdp)``, ``StateActionCost(mdp)`` or one of your own.
        config: options.

    Raises:
        ConfigError: the horizon is infinite.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.tabular import StateActionCost
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, horizon=2)
        >>> learned = maxent_irl(mdp, Visitation(jnp.array([[0.5, 1.5]]), jnp.ones(1)), StateActionCost(mdp))
        >>> jnp.exp(learned.log_policy[0, 0]).round(3).tolist()
        [0.25, 0.75]
    """
    return _learn(_Dual(mdp, demonstrated, cost_model, _noncausal_value, -np.inf), _noncausal_policy, config or IrlConfig())


def mce_irl(mdp: TabularMDP, demonstrated: Visitation, cost_model: CostModel, config: IrlConfig | None = None) -> IrlResult:
    """Maximum causal entropy IRL (Ziebart 2010), finite-horizon or discounted.

    Of all policies with the demonstrations' expected features, the one of greatest causal entropy.
    Arguments as ``maxent_irl``; a discounted MDP needs visits discounted alike (``empirical_visitation`` does that).

    Raises:
        DataError: l2 = 0, and no policy has the demonstrated features in this MDP: L is then unbounded. L < 0 proves it, since
            L(theta) >= the causal entropy of any policy with those features >= 0.
    """
    return _learn(_Dual(mdp, demonstrated, cost_model, _causal_value, 0.0), _causal_policy, config or IrlConfig())


def mce_parameters(
    mdp: TabularMDP, demonstrated: Visitation, cost_model: CostModel, config: IrlConfig | None = None
) -> tuple[Float[Array, ...], Float[Array, ""]]:
    """The parameters of ``mce_irl`` and their last gap, no more: nothing is looked at on the host, so that it lives in ``vmap``.

    Arguments as ``mce_irl``. Visits that no policy has are not refused here; their gap stays above the tolerance.
    """
    config = config or IrlConfig()
    dual = _Dual(mdp, demonstrated, cost_model, _causal_value, 0.0)
    parameters, log = _minimize(dual, cost_model.initial(), _limits(dual, config), config.max_num_steps, config.memory_size)
    return parameters, log.gap[log.num_steps]


def _noncausal_value(mdp: TabularMDP, cost: Float[Array, "states actions"], start: Float[Array, " states"]) -> Float[Array, ""]:
    return start @ noncausal_solution(mdp, cost).value[0]


def _causal_value(mdp: TabularMDP, cost: Float[Array, "states actions"], start: Float[Array, " states"]) -> Float[Array, ""]:
    return expected_soft_value(mdp, cost, start) if mdp.horizon is None else start @ causal_solution(mdp, cost).value[0]


def _noncausal_policy(mdp: TabularMDP, cost: Float[Array, "states actions"]) -> StepPolicies:
    return noncausal_solution(mdp, cost).log_policy


def _causal_policy(mdp: TabularMDP, cost: Float[Array, "states actions"]) -> StepPolicies:
    return soft_value_iteration(mdp, cost).log_policy if mdp.horizon is None else causal_solution(mdp, cost).log_policy


class _Dual(eqx.Module):
    """L(theta) without the prior. A module, not a closure, so that a second call with the same shapes compiles nothing."""

    mdp: TabularMDP
    demonstrated: Visitation
    cost_model: CostModel
    expected_value: Callable[..., Float[Array, ""]] = eqx.field(static=True)
    lower_bound: float = eqx.field(static=True)

    def log_z(self, cost: Float[Array, "states actions"]) -> Float[Array, ""]:
        return self.expected_value(self.mdp, cost, self.demonstrated.start)

    def __call__(self, parameters: Float[Array, ...]) -> Float[Array, ""]:
        cost = self.cost_model(parameters)
        return jnp.sum(self.demonstrated.state_action * cost) + self.log_z(cost)


class _Limits(NamedTuple):
    tolerance: Float[Array, ""]
    l2: Float[Array, ""]
    lower_bound: Float[Array, ""]


class _Log(NamedTuple):
    objective: Float[Array, ""]
    gap: Float[Array, " evaluations"]
    num_steps: Int[Array, ""]


def _limits(dual: _Dual, config: IrlConfig) -> _Limits:
    return _Limits(*(jnp.asarray(value, dtype=float) for value in (config.tolerance, config.l2, dual.lower_bound - ROUNDING)))


def _learn(dual: _Dual, policy_of: Callable[..., StepPolicies], config: IrlConfig) -> IrlResult:
    limits = _limits(dual, config)
    parameters, log = _minimize(dual, dual.cost_model.initial(), limits, config.max_num_steps, config.memory_size)
    if config.l2 == 0 and log.objective < dual.lower_bound - ROUNDING:
        raise DataError(
            f"expected features that some policy has in this MDP, got some that none has (dual {float(log.objective):.3g} < 0 proves it); "
            "set l2 > 0, give more demonstrations, or use fewer features"
        )
    cost = dual.cost_model(parameters)
    num_steps = int(log.num_steps)
    gap = np.asarray(log.gap)[: num_steps + 1]
    converged = bool(gap[-1] <= config.tolerance)
    return IrlResult(parameters, cost, dual.log_z(cost), log.objective, policy_of(dual.mdp, cost), gap, num_steps, converged)


@eqx.filter_jit
def _minimize(
    dual: _Dual, initial: Float[Array, ...], limits: _Limits, max_num_steps: int, memory_size: int
) -> tuple[Float[Array, ...], _Log]:
    """L-BFGS until the largest entry of the gradient is within the tolerance, or the value below what a bounded problem allows."""

    def objective(parameters):
        return dual(parameters) + 0.5 * limits.l2 * jnp.sum(parameters**2)

    solver = optax.lbfgs(memory_size=memory_size)
    value_and_gradient: Callable[..., tuple[Array, Array]] = optax.value_and_grad_from_state(objective)  # pyright: ignore[reportAssignmentType]

    def step(carry):
        parameters, state, value, gradient, gaps, num_steps = carry
        updates, state = solver.update(gradient, state, parameters, value=value, grad=gradient, value_fn=objective)
        parameters = parameters + updates
        value, gradient = value_and_gradient(parameters, state=state)
        return parameters, state, value, gradient, gaps.at[num_steps + 1].set(jnp.max(jnp.abs(gradient))), num_steps + 1

    def unfinished(carry: tuple[PyTree, ...]) -> Bool[Array, ""]:
        _, _, value, _, gaps, num_steps = carry
        bounded = (limits.l2 > 0) | (value >= limits.lower_bound)
        return (gaps[num_steps] > limits.tolerance) & bounded & (num_steps < max_num_steps)

    value, gradient = jax.value_and_grad(objective)(initial)
    gaps = jnp.full(max_num_steps + 1, jnp.nan, value.dtype).at[0].set(jnp.max(jnp.abs(gradient)))
    carry = (initial, solver.init(initial), value, gradient, gaps, jnp.array(0))
    parameters, _, value, _, gaps, num_steps = jax.lax.while_loop(unfinished, step, carry)
    return parameters, _Log(value, gaps, num_steps)
