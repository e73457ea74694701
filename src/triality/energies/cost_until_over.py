"""Costs that know when an episode is over: the absorbing state has a cost of its own, and no part in that of states that run.

    c'(x, u) = c(x, u) while the episode runs,   d once it is over (the last coordinate of x is 1)

The absorbing state is observed as zeros, which as a posture or a speed is neither near nor far from anything. A cost that is a formula of
the observation would read them as one, and pay or fine an end for what it does not say. As with ``policies.over``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.policies.scaling import AnyScaling, PartialScaling, Scaling
from triality.specs import EnvironmentSpec
from triality.trajectory import StepCost

UNIT = 10.0
"""Nats that one of the learned number stands for: it moves as fast as a cost of that many numbers does."""


class CostUntilOver(eqx.Module):
    """c(x, u) while the episode runs, ``UNIT`` times ``over`` a step afterwards.

    Args:
        cost: c(x, u), low = likely.
        over: d / ``UNIT``, learned.

    Example:
        >>> cost = CostUntilOver(lambda x, u: x[0], jnp.array(0.3))
        >>> [round(float(cost(jnp.array([2.0, over]), jnp.zeros(1))), 4) for over in (0.0, 1.0)]
        [2.0, 3.0]
    """

    cost: StepCost
    over: Float[Array, ""]

    def __call__(self, observation: Float[Array, " obs"], action: Array) -> Float[Array, ""]:
        return jnp.where(observation[-1] > 0.5, UNIT * self.over, self.cost(observation, action))


@dataclass(frozen=True)
class MakeCostUntilOver:
    """Makes costs as ``make_cost`` does, and zero at first for an end; observations of ``spec`` end with the absorbing indicator.

    Args:
        make_cost: of c(x, u), which does not see the indicator: while an episode runs that says nothing.

    Example:
        >>> import jax
        >>> from triality.energies.linear_cost import linear_cost
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.specs import SPECS, absorbing_spec
        >>> cost = MakeCostUntilOver(linear_cost)(jax.random.key(0), absorbing_spec(SPECS["CartPole-v1"]), identity_scaling(5))
        >>> cost.cost.scaling.seen, float(cost(jnp.ones(5), jnp.array(0)))
        ((0, 1, 2, 3), 0.0)
    """

    make_cost: Callable[[Key[Array, ""], EnvironmentSpec, Any], StepCost]

    def __call__(self, key: Key[Array, ""], spec: EnvironmentSpec, scaling: AnyScaling) -> CostUntilOver:
        seen, last = range(spec.observation_size) if isinstance(scaling, Scaling) else scaling.seen, spec.observation_size - 1
        whole = scaling if isinstance(scaling, Scaling) else scaling.scaling
        return CostUntilOver(self.make_cost(key, spec, PartialScaling(whole, tuple(each for each in seen if each != last))), jnp.zeros(()))
