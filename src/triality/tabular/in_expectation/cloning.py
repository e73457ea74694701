"""Behavioral cloning on a table: the demonstrated frequencies of each state, and the cost that they are the soft optimum of.

    pi(u|x) = (n_E(x, u) + prior / A) / (n_E(x) + prior),    c(x, u) = -log pi(u|x)

Under this cost the soft value is zero everywhere (V = logsumexp(log pi + gamma 0) = 0), whatever the dynamics, so that pi is its soft
optimum. With exact visits of a soft optimum that reach every state it is the true cost up to shaping: -log pi_E = c + V - gamma E[V].
What it cannot tell: anything about a state that was never visited, where it is uniform and its cost is log A.
"""

from __future__ import annotations

import jax.numpy as jnp

from triality.errors import ConfigError
from triality.tabular.demonstrations import Visitation
from triality.tabular.in_expectation.dense import check_demonstrated
from triality.tabular.in_expectation.learned import Learned, visit_gap
from triality.tabular.mdp import TabularMDP


def clone(mdp: TabularMDP, demonstrated: Visitation, prior: float = 1e-6) -> Learned:
    """The frequencies of the demonstrations.

    Args:
        mdp: discounted.
        demonstrated: visits of the expert, discounted alike.
        prior: visits added to each state, shared by its actions; above zero, so that every log probability is finite.

    Raises:
        ConfigError: the horizon is finite, or the prior is not positive.
        DataError: the visits are not those of such an MDP.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], jnp.ones((1, 2, 1)), 0, discount=0.5)
        >>> learned = clone(mdp, Visitation(jnp.array([[0.5, 1.5]]), jnp.ones(1)))
        >>> jnp.exp(-learned.cost).round(4).tolist()
        [[0.25, 0.75]]
    """
    check_demonstrated(mdp, demonstrated)
    if not prior > 0:
        raise ConfigError(f"expected prior > 0, got {prior}; an action that was never seen would have an infinite cost")
    counts = demonstrated.state_action + prior / mdp.num_actions
    log_policy = jnp.log(counts) - jnp.log(jnp.sum(counts, axis=-1, keepdims=True))
    gap = visit_gap(mdp, demonstrated, log_policy)
    return Learned(-log_policy, log_policy, gap, jnp.zeros_like(gap), jnp.array(0), jnp.array(True))
