"""The record that every system in expectation returns, so that a table of systems is a loop."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from triality.tabular.demonstrations import Visitation
from triality.tabular.in_expectation.dense import exact_visits
from triality.tabular.mdp import TabularMDP


class Learned(NamedTuple):
    """What was learned.

    Fields:
        cost: c(x, u), or the one that the system implies; low = likely.
        log_policy: log pi(u|x) of the policy that the system itself ends with, in nats.
        gap: largest absolute entry of that policy's visits minus the demonstrated ones, in visits a trajectory.
        residual: how far from its own optimum or fixed point the system stopped; its unit is the system's.
        num_steps: steps or rounds taken.
        converged: whether the residual is within the tolerance that was asked for.
    """

    cost: Float[Array, "states actions"]
    log_policy: Float[Array, "states actions"]
    gap: Float[Array, ""]
    residual: Float[Array, ""]
    num_steps: Int[Array, ""]
    converged: Bool[Array, ""]


def visit_gap(mdp: TabularMDP, demonstrated: Visitation, log_policy: Float[Array, "states actions"]) -> Float[Array, ""]:
    """max over pairs of abs(n_pi - n_E), pi started as the demonstrations were."""
    return jnp.max(jnp.abs(exact_visits(mdp, log_policy, demonstrated.start) - demonstrated.state_action))
