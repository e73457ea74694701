"""Costs of part of the observation: what is known not to be wanted is kept out of them before anything is learned.

A discriminator uses whatever tells the two sides apart. Contact forces tell a body that walks from one that stands better than its speed
does, and a cost that pays for them says nothing of how far to go. Which coordinates a cost may depend on is knowledge of the task that no
amount of demonstrations replaces: along them everything that an expert does goes together. The policy sees the whole observation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Key

from triality.policies.scaling import PartialScaling, Scaling
from triality.specs import EnvironmentSpec
from triality.trajectory import StepCost


@dataclass(frozen=True)
class MakePartialCost:
    """Makes the costs that ``make_cost`` makes, blind to all but the coordinates ``seen``; a shaped one in its potential too.

    Args:
        make_cost: such as ``state_cost``; what it makes has to look at observations through the scaling that it is given.
        seen: coordinates that the cost may depend on, counted from 0. Where episodes go on in an absorbing state its indicator, the last
            one, belongs to them.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from triality.energies.step_cost import state_cost
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.specs import SPECS
        >>> cost = MakePartialCost(state_cost, (2,))(jax.random.key(0), SPECS["Pendulum-v1"], identity_scaling(3))
        >>> slope = jax.grad(lambda x: cost(x, jnp.zeros(1)))(jnp.ones(3))
        >>> [bool(each != 0) for each in slope]
        [False, False, True]
    """

    make_cost: Callable[[Key[Array, ""], EnvironmentSpec, Any], StepCost]
    seen: tuple[int, ...]

    def __call__(self, key: Key[Array, ""], spec: EnvironmentSpec, scaling: Scaling) -> StepCost:
        return self.make_cost(key, spec, PartialScaling(scaling, self.seen))
