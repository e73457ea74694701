"""GAIL on a table (Ho and Ermon 2016): matching of occupancies by a free discriminator that is optimal at every moment.

    min_pi  JS(d_pi, d_E) - entropy_weight H(pi)          d = (1 - gamma) n, an occupancy
    JS = max_D E_{d_E}[log D] + E_{d_pi}[log(1 - D)] + log 4,   D = d_E / (d_E + d_pi)

H(pi) = -E_{d_pi}[log pi] is the causal entropy a step. The implied cost is that of the library's default reward -log(1 - D),

    c(x, u) = log(1 - D) = -log(1 + d_E / d_pi),

and at success it is -log 2 everywhere: the discriminator compares the demonstrations with this one policy, and is no cost of the task.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.tabular.demonstrations import Visitation
from triality.tabular.in_expectation.dense import check_demonstrated, exact_visits
from triality.tabular.in_expectation.descent import DescentConfig, descend
from triality.tabular.in_expectation.learned import Learned, visit_gap
from triality.tabular.mdp import TabularMDP


def gail(
    mdp: TabularMDP,
    demonstrated: Visitation,
    entropy_weight: float = 0.0,
    initial: Float[Array, "states actions"] | None = None,
    config: DescentConfig | None = None,
) -> Learned:
    """Descends the Jensen-Shannon divergence of occupancies in the logits of the policy, and reads the last discriminator.

    Args:
        mdp: discounted.
        demonstrated: visits of the expert, discounted alike.
        entropy_weight: the paper's lambda, in nats a nat.
        initial: logits to begin with; zero by default: the uniform policy.
        config: when to stop. ``residual`` is the largest entry of the gradient.

    Raises:
        ConfigError: the horizon is finite, or the weight is negative.
        DataError: the visits are not those of such an MDP.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], jnp.ones((1, 2, 1)), 0, discount=0.5)
        >>> learned = gail(mdp, Visitation(jnp.array([[0.5, 1.5]]), jnp.ones(1)), config=DescentConfig(100, 1e-4))
        >>> jnp.exp(learned.log_policy).round(2).tolist(), jnp.exp(learned.cost).round(2).tolist()  # 1 - D = 1/2 of both
        ([[0.25, 0.75]], [[0.5, 0.5]])
    """
    check_demonstrated(mdp, demonstrated)
    if not entropy_weight >= 0:
        raise ConfigError(f"expected entropy_weight >= 0, got {entropy_weight}; correct the option")
    config = config or DescentConfig()
    objective = OccupancyMatching(mdp, demonstrated, jnp.asarray(entropy_weight, dtype=float))
    logits = jnp.zeros((mdp.num_states, mdp.num_actions)) if initial is None else initial
    found = descend(objective, logits, config.tolerance, config.max_num_steps)
    log_policy = jax.nn.log_softmax(found.table, axis=-1)
    cost = free_discriminator_cost(mdp, demonstrated, log_policy)
    gap = visit_gap(mdp, demonstrated, log_policy)
    return Learned(cost, log_policy, gap, found.gradient, found.num_steps, found.gradient <= config.tolerance)


def free_discriminator_cost(
    mdp: TabularMDP, demonstrated: Visitation, log_policy: Float[Array, "states actions"]
) -> Float[Array, "states actions"]:
    """log(1 - D) of the optimal discriminator against one policy, in nats; zero where the demonstrations never were. Never positive.

    A state that the policy never reaches has -inf only if the demonstrations do: keep the policy's support full.
    """
    drawn = exact_visits(mdp, log_policy, demonstrated.start)
    return jnp.log(drawn) - jnp.log(drawn + demonstrated.state_action)


class OccupancyMatching(eqx.Module):
    """JS(d_pi, d_E) - entropy_weight H(pi) as a function of the policy's logits, in nats; JS is zero at the expert, at most log 4."""

    mdp: TabularMDP
    demonstrated: Visitation
    entropy_weight: Float[Array, ""]

    def __call__(self, logits: Float[Array, "states actions"]) -> Float[Array, ""]:
        log_policy = jax.nn.log_softmax(logits, axis=-1)
        scale = 1.0 - self.mdp.discount
        drawn, expert = scale * exact_visits(self.mdp, log_policy, self.demonstrated.start), scale * self.demonstrated.state_action
        both = drawn + expert
        entropy = -jnp.sum(drawn * log_policy)
        return _toward(expert, both) + _toward(drawn, both) + jnp.log(4.0) - self.entropy_weight * entropy


def _toward(part: Float[Array, "states actions"], both: Float[Array, "states actions"]) -> Float[Array, ""]:
    """sum part log(part / both), with 0 log 0 = 0 in the derivative too."""
    ratio = jnp.where(part > 0, part, 1.0) / jnp.where(part > 0, both, 1.0)
    return jnp.sum(part * jnp.log(ratio))
