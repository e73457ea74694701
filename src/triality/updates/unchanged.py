"""A generator that stays what it is: pi <- pi. The energy is then learned against one fixed sampler (section 3.1).

The optimal energy of a density-aware discriminator does not depend on its generator, so that one which never moves is enough where it
covers the data: relative-entropy inverse RL (Boularias et al. 2011) is this with importance weights. What it costs is variance: the fewer
roll-outs look like demonstrations, the fewer of them decide. ``ess`` and ``log_overlap`` say how few.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.policies.scaling import Scaling
from triality.trajectory import Policy, Trajectory, TransitionCost


class UnchangedMetrics(NamedTuple):
    """Never needed next.

    Fields:
        entropy: -mean log pi of the drawn actions, nats a step; constant but for the draws.
    """

    entropy: Float[Array, ""]


class Unchanged(eqx.Module):
    """The update rule that updates nothing.

    Example:
        >>> from triality.algorithms.guided_cost import GanGcl
        >>> from triality.envs.pendulum import Pendulum
        >>> type(GanGcl(Pendulum(), update_rule=Unchanged()).update_rule).__name__
        'Unchanged'
    """

    def init(self, key: Key[Array, ""], policy: Policy, scaling: Scaling) -> None:
        """Nothing to remember."""
        del key, policy, scaling

    def update(
        self, key: Key[Array, ""], policy: Policy, state: None, batch: Trajectory, cost: TransitionCost
    ) -> tuple[Policy, None, UnchangedMetrics]:
        """The policy as it came."""
        del key, cost
        steps = jnp.maximum(jnp.sum(batch.mask), 1)
        return policy, state, UnchangedMetrics(-jnp.sum(jnp.where(batch.mask, batch.log_prob, 0.0)) / steps)
