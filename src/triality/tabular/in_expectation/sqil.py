"""SQIL on a table (Reddy, Dragan and Levine 2020): soft Q-learning with reward 1 on demonstrated steps and 0 on one's own.

    r(x, u) = d_E(x, u) / (d_E(x, u) + d_pi(x, u)),   pi = soft optimum of r

The squared soft Bellman error over an even mixture of both kinds of step is least, on a table, where the reward is its mean over both
at (x, u): that of a pair only demonstrated is 1, of one never demonstrated 0, and 1/2 where both are as frequent. It depends on pi, so the
system is a fixed point, found by damped iteration. ``cost`` = -r. The reward's scale stands against the entropy, and is the method's own:
at temperature 1 no policy of full support is far from uniform where rewards lie in [0, 1].
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.tabular.demonstrations import Visitation
from triality.tabular.in_expectation.dense import check_demonstrated, exact_visits
from triality.tabular.in_expectation.learned import Learned, visit_gap
from triality.tabular.mdp import TabularMDP
from triality.tabular.soft_value_iteration import soft_value_iteration


def sqil(
    mdp: TabularMDP,
    demonstrated: Visitation,
    temperature: float = 1.0,
    tolerance: float = 1e-9,
    max_num_rounds: int = 2000,
) -> Learned:
    """The fixed point of reward and soft optimum.

    Args:
        mdp: discounted.
        demonstrated: visits of the expert, discounted alike.
        temperature: of the soft optimum; ``cost`` is in its unit, -r / temperature, so that it has ``log_policy`` as its soft optimum.
        tolerance: on the largest change of r that a whole step would make, which is ``residual``.
        max_num_rounds: stop there in any case.

    Raises:
        ConfigError: the horizon is finite, or the temperature is not positive.
        DataError: the visits are not those of such an MDP.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], jnp.ones((1, 2, 1)), 0, discount=0.5)
        >>> learned = sqil(mdp, Visitation(jnp.array([[1.0, 1.0]]), jnp.ones(1)))
        >>> learned.cost.round(6).tolist()  # nothing sets the two actions apart: 1/2 each
        [[-0.5, -0.5]]
    """
    check_demonstrated(mdp, demonstrated)
    if not temperature > 0:
        raise ConfigError(f"expected temperature > 0, got {temperature}; a hard optimum has no fixed point here")
    reward, residual, num_rounds = _iterate(mdp, demonstrated, jnp.asarray(temperature, dtype=float), tolerance, max_num_rounds)
    cost = -reward / temperature
    log_policy = soft_value_iteration(mdp, cost, tolerance=1e-11).log_policy
    return Learned(cost, log_policy, visit_gap(mdp, demonstrated, log_policy), residual, num_rounds, residual <= tolerance)


@eqx.filter_jit
def _iterate(
    mdp: TabularMDP, demonstrated: Visitation, temperature: Float[Array, ""], tolerance: float, max_num_rounds: int
) -> tuple[Array, Array, Array]:
    def one(carry):
        reward, _, num_rounds = carry
        log_policy = soft_value_iteration(mdp, -reward / temperature, tolerance=1e-11).log_policy
        drawn = exact_visits(mdp, log_policy, demonstrated.start)
        change = demonstrated.state_action / (demonstrated.state_action + drawn) - reward
        # Half a step: a whole one overshoots, since more of an action lowers the reward that it was taken for.
        return reward + 0.5 * change, jnp.max(jnp.abs(change)), num_rounds + 1

    def unfinished(carry):
        return (carry[1] > tolerance) & (carry[2] < max_num_rounds)

    beginning = jnp.full((mdp.num_states, mdp.num_actions), 0.5)
    return jax.lax.while_loop(unfinished, one, (beginning, jnp.array(jnp.inf, beginning.dtype), jnp.array(0)))
