"""IQ-Learn on a table (Garg et al. 2021): one concave function of the soft Q instead of a game, and the reward read from it.

    maximize over Q   sum_{x,u} n_E(x, u) phi(Q(x, u) - gamma E[V(x')]) - sum_x rho_E(x) V(x)  -  l2 / 2 |Q|^2
    V(x) = logsumexp_u Q(x, u),   phi(r) = r - r^2 / (4 alpha),   reward = Q - gamma E[V],  cost = -reward

phi is the chi^2 regularizer on the expert's steps. Without it (alpha to infinity) this is the dual of maximum causal entropy IRL in Q
instead of in c. With it the reward of a demonstrated pair is pulled toward zero with a force that grows with it; a pair that is never
demonstrated feels V alone, and falls without bound, slowly, unless l2 > 0.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.tabular.demonstrations import Visitation
from triality.tabular.in_expectation.dense import check_demonstrated
from triality.tabular.in_expectation.descent import DescentConfig, descend
from triality.tabular.in_expectation.learned import Learned, visit_gap
from triality.tabular.mdp import TabularMDP
from triality.tabular.soft_value_iteration import soft_backup


def iq_learn(
    mdp: TabularMDP,
    demonstrated: Visitation,
    alpha: float = 1.0,
    l2: float = 0.0,
    config: DescentConfig | None = None,
) -> Learned:
    """Q by L-BFGS from zero.

    Args:
        mdp: discounted.
        demonstrated: visits of the expert, discounted alike.
        alpha: of the regularizer, in the unit of the reward (nats); small = strong.
        l2: weight of the prior on Q.
        config: when to stop. ``residual`` is the largest entry of the gradient.

    Raises:
        ConfigError: the horizon is finite, alpha is not positive, or l2 is negative.
        DataError: the visits are not those of such an MDP.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], jnp.ones((1, 2, 1)), 0, discount=0.5)
        >>> learned = iq_learn(mdp, Visitation(jnp.array([[0.5, 1.5]]), jnp.ones(1)), alpha=1e6)
        >>> jnp.exp(learned.log_policy).round(3).tolist()
        [[0.25, 0.75]]
    """
    check_demonstrated(mdp, demonstrated)
    if not alpha > 0 or not l2 >= 0:
        raise ConfigError(f"expected alpha > 0 and l2 >= 0, got {alpha} and {l2}; correct the option")
    config = config or DescentConfig()
    objective = SoftQObjective(mdp, demonstrated, jnp.asarray(alpha, dtype=float), jnp.asarray(l2, dtype=float))
    found = descend(objective, jnp.zeros((mdp.num_states, mdp.num_actions)), config.tolerance, config.max_num_steps)
    log_policy = jax.nn.log_softmax(found.table, axis=-1)
    gap = visit_gap(mdp, demonstrated, log_policy)
    return Learned(-reward_of(mdp, found.table), log_policy, gap, found.gradient, found.num_steps, found.gradient <= config.tolerance)


def reward_of(mdp: TabularMDP, q_value: Float[Array, "states actions"]) -> Float[Array, "states actions"]:
    """Q - gamma E[V(x')], V = logsumexp Q: the inverse soft Bellman operator, one to one."""
    return q_value - soft_backup(mdp, jnp.zeros_like(q_value), jax.nn.logsumexp(q_value, axis=-1))


class SoftQObjective(eqx.Module):
    """Minus what is maximized, in nats a trajectory. Its size says nothing about progress: that is ``gap``."""

    mdp: TabularMDP
    demonstrated: Visitation
    alpha: Float[Array, ""]
    l2: Float[Array, ""]

    def __call__(self, q_value: Float[Array, "states actions"]) -> Float[Array, ""]:
        reward = reward_of(self.mdp, q_value)
        kept = reward - reward**2 / (4.0 * self.alpha)
        value = self.demonstrated.start @ jax.nn.logsumexp(q_value, axis=-1)
        return value - jnp.sum(self.demonstrated.state_action * kept) + 0.5 * self.l2 * jnp.sum(q_value**2)
