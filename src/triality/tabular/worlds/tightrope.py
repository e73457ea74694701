"""A tightrope: the smallest world in which the errors of cloning compound, and one in which nothing helps against that.

Two states. On the rope one action walks on and every other falls off; off the rope every step costs 1:

    on  --walk--> on (cost 0),   on --any other--> off,   off --any other--> off (cost 1),   off --step back--> on (cost 1)

An expert never falls, so its demonstrations say nothing of what to do off the rope. A policy that is wrong with probability eps a step and
never steps back has regret sum_t (1 - (1 - eps)^t), about eps T^2 / 2 while eps T is small; one that steps back about eps T. Where falling
is for good, everybody who errs has the first regret: ``absorbing_tightrope``, the control.

References: Ross and Bagnell 2010 (the quadratic bound is tight); Ross, Gordon and Bagnell 2011, section 2 (what recovery buys).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from triality.errors import ConfigError
from triality.tabular.mdp import TabularMDP
from triality.tabular.visits import StepPolicies, policy_visits

ON, OFF, WALK = 0, 1, 0


class Tightrope(NamedTuple):
    """A world with its true cost and its expert.

    Fields:
        mdp: states ``ON`` and ``OFF``; the start is on the rope; the horizon is T.
        cost: true c(x, u): 1 for every step off the rope.
        expert: the expert's action in each state: walk, step back. Its own total cost is 0.
    """

    mdp: TabularMDP
    cost: Float[Array, "states actions"]
    expert: Int[Array, " states"]


def tightrope(horizon: int, num_actions: int = 4) -> Tightrope:
    """The recoverable one: action 0 walks on, the last one steps back, those between fall off or stay off.

    Args:
        horizon: T.
        num_actions: A; a wrong action drawn among the others steps back with probability 1 / (A - 1) only.

    Raises:
        ConfigError: fewer than two actions, or a horizon below one.

    Example:
        >>> tightrope(horizon=10).mdp.successors[:, :, 0].tolist()
        [[0, 1, 1, 1], [1, 1, 1, 0]]
    """
    return _world(horizon, num_actions, back_to=ON)


def absorbing_tightrope(horizon: int, num_actions: int = 4) -> Tightrope:
    """The same without a way back: stepping back off the rope stays off. Arguments as ``tightrope``.

    Example:
        >>> absorbing_tightrope(horizon=10).mdp.successors[1, :, 0].tolist()
        [1, 1, 1, 1]
    """
    return _world(horizon, num_actions, back_to=OFF)


def regret(world: Tightrope, log_policy: StepPolicies) -> Float[Array, ""]:
    """Expected total cost of a policy over the horizon minus the expert's, which is 0: exact, by a forward pass.

    Args:
        world: recoverable or not.
        log_policy: log pi(u|x) as (S, A), or log pi_t(u|x) as (T, S, A), in nats.

    Example:
        >>> always_walk, never_walk = jnp.log(jnp.array([[1.0, 0, 0, 0]] * 2)), jnp.log(jnp.array([[0, 1.0, 0, 0]] * 2))
        >>> float(regret(tightrope(10), always_walk)), float(regret(tightrope(10), never_walk))
        (0.0, 9.0)
    """
    return jnp.sum(policy_visits(world.mdp, log_policy).total * world.cost)


def off_the_rope(world: Tightrope, log_policy: StepPolicies) -> Float[Array, " time"]:
    """P(x_t = off), t = 1 .. T: the total variation distance to the expert's law of x_t, since the expert is always on the rope."""
    return policy_visits(world.mdp, log_policy).state[:-1, OFF]


def _world(horizon: int, num_actions: int, back_to: int) -> Tightrope:
    if num_actions < 2:
        raise ConfigError(f"expected at least two actions, to walk and to step back, got {num_actions}; raise num_actions")
    successors = np.full((2, num_actions, 1), OFF)
    successors[ON, WALK], successors[OFF, -1] = ON, back_to
    mdp = TabularMDP.from_sparse(successors, np.ones(successors.shape), ON, horizon=horizon)
    cost = jnp.zeros((2, num_actions)).at[OFF].set(1.0)
    return Tightrope(mdp, cost, jnp.array([WALK, num_actions - 1]))
