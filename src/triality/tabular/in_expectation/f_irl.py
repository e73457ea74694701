"""f-IRL on a table (Ni et al. 2020), forward KL: a cost of states whose soft optimum has the demonstrated state marginal.

    L(c) = KL(d_E || d_c) + l2 / 2 |c|^2,    d_c(x) = (1 - gamma) sum_t gamma^t P(x_t = x) of the soft optimum of c(x)

Their gradient (theorem 4.1) is a covariance over trajectories; here it is the derivative of the linear system of d and, by the implicit
function theorem, of the soft value: the same gradient without a draw. Not convex. It never looks at the demonstrated actions.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.tabular.demonstrations import Visitation
from triality.tabular.in_expectation.dense import check_demonstrated, exact_visits, soft_policy
from triality.tabular.in_expectation.descent import DescentConfig, descend
from triality.tabular.in_expectation.learned import Learned, visit_gap
from triality.tabular.mdp import TabularMDP


def f_irl(mdp: TabularMDP, demonstrated: Visitation, l2: float = 0.0, config: DescentConfig | None = None) -> Learned:
    """The cost of states by L-BFGS from zero.

    Args:
        mdp: discounted.
        demonstrated: visits of the expert, discounted alike; only their sum over actions counts.
        l2: weight of the prior on the cost.
        config: when to stop. ``residual`` is the largest entry of the gradient.

    Raises:
        ConfigError: the horizon is finite, or l2 is negative.
        DataError: the visits are not those of such an MDP.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [1]], [[0], [1]]], jnp.ones((2, 2, 1)), 0, discount=0.5)
        >>> expert = Visitation(jnp.array([[1.0, 0.7], [0.3, 0.0]]), jnp.array([1.0, 0.0]))
        >>> learned = f_irl(mdp, expert, config=DescentConfig(100, 1e-5))
        >>> bool(learned.cost[0, 0] < learned.cost[1, 0])  # the expert was in the first state more than chance is
        True
    """
    check_demonstrated(mdp, demonstrated)
    if not l2 >= 0:
        raise ConfigError(f"expected l2 >= 0, got {l2}; correct the option")
    config = config or DescentConfig()
    objective = StateMatching(mdp, demonstrated, jnp.asarray(l2, dtype=float))
    found = descend(objective, jnp.zeros(mdp.num_states), config.tolerance, config.max_num_steps)
    cost = jnp.broadcast_to(found.table[:, None], (mdp.num_states, mdp.num_actions))
    log_policy = soft_policy(mdp, cost)
    gap = visit_gap(mdp, demonstrated, log_policy)
    return Learned(cost, log_policy, gap, found.gradient, found.num_steps, found.gradient <= config.tolerance)


class StateMatching(eqx.Module):
    """KL(d_E || d_c) of states plus the prior, in nats; zero where the marginals agree."""

    mdp: TabularMDP
    demonstrated: Visitation
    l2: Float[Array, ""]

    def __call__(self, cost: Float[Array, " states"]) -> Float[Array, ""]:
        log_policy = soft_policy(self.mdp, jnp.broadcast_to(cost[:, None], self.demonstrated.state_action.shape))
        expert = (1.0 - self.mdp.discount) * jnp.sum(self.demonstrated.state_action, axis=-1)
        drawn = (1.0 - self.mdp.discount) * jnp.sum(exact_visits(self.mdp, log_policy, self.demonstrated.start), axis=-1)
        ratio = jnp.where(expert > 0, expert, 1.0) / jnp.where(expert > 0, drawn, 1.0)
        return jnp.sum(expert * jnp.log(ratio)) + 0.5 * self.l2 * jnp.sum(cost**2)
