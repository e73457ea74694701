"""Stay alive: one choice a step, to go on or to end it. It shows what a per-step reward asks for when it knows nothing of demonstrations.

A discriminator that cannot tell the sides apart gives every step the same log-odds s, so every step the same reward r. Where nothing is
counted after an episode's end, the return is r times its length: softplus(s) > 0 pays for staying alive, -softplus(-s) = log D < 0 for
ending it, and at r = 0 entropy alone pays for staying, since only the living have choices. With an absorbing state that is rewarded like
any other all returns are T r, and the optimum is the uniform policy: nothing learned, nothing asked for.

    ending:     V_t(alive) = r / temperature + log(e^{V_t+1(alive)} + 1),  V(over) = 0
    absorbing:  V_t(alive) = V_t(over) = (T - t + 1) (r / temperature + log 2)

Reference: Kostrikov et al. 2019, arXiv:1809.02925, section 4.1.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from triality.tabular.finite_horizon import causal_solution
from triality.tabular.mdp import TabularMDP
from triality.tabular.visits import StepPolicies, policy_visits

ALIVE, OVER, GO_ON, END = 0, 1, 0, 1


def stay_alive(horizon: int) -> TabularMDP:
    """States ``ALIVE`` and ``OVER``; ``GO_ON`` and ``END`` do what they say, and nothing is left to do once it is over.

    Example:
        >>> stay_alive(horizon=5).successors[:, :, 0].tolist()
        [[0, 1], [1, 1]]
    """
    return TabularMDP.from_sparse(np.array([[[ALIVE], [OVER]], [[OVER], [OVER]]]), np.ones((2, 2, 1)), ALIVE, horizon=horizon)


def optimum_if_ending(mdp: TabularMDP, reward: float, temperature: float = 1.0) -> Float[Array, "time states actions"]:
    """log pi_t of the soft optimum of ``reward`` a step where an episode's end ends the counting, of rewards and of entropy.

    Args:
        mdp: from ``stay_alive``.
        reward: r of every step, the ending one included, in nats.
        temperature: weight of the entropy.

    Example:
        >>> world = stay_alive(horizon=50)
        >>> [round(float(steps_alive(world, optimum_if_ending(world, reward, 0.1))), 1) for reward in (-0.7, 0.7)]
        [1.0, 50.0]
    """
    # In the table the dead have two actions and their entropy; a cost of log 2 takes it away.
    return _soft_optimum(mdp, -reward / temperature, jnp.log(2.0))


def optimum_if_absorbing(mdp: TabularMDP, reward: float, temperature: float = 1.0) -> Float[Array, "time states actions"]:
    """The same where the episode goes on in an absorbing state whose steps are rewarded too. Arguments as ``optimum_if_ending``.

    Example:
        >>> world = stay_alive(horizon=50)
        >>> [round(float(steps_alive(world, optimum_if_absorbing(world, reward, 0.1))), 1) for reward in (-0.7, 0.7)]
        [2.0, 2.0]
    """
    return _soft_optimum(mdp, -reward / temperature, -reward / temperature)


def steps_alive(mdp: TabularMDP, log_policy: StepPolicies) -> Float[Array, ""]:
    """Expected number of steps before it is over, the ending one included; exact."""
    return jnp.sum(policy_visits(mdp, log_policy).total[ALIVE])


def _soft_optimum(mdp: TabularMDP, cost_alive: Float[Array, ""] | float, cost_over: Float[Array, ""] | float):
    cost = jnp.zeros((2, 2)).at[ALIVE].set(cost_alive).at[OVER].set(cost_over)
    return causal_solution(mdp, cost).log_policy
