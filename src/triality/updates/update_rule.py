"""How q improves: a pair of the same shape for every rule, a field of the algorithm."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Key, PyTree

from triality.policies.scaling import Scaling
from triality.trajectory import Policy, Trajectory, TransitionCost


@runtime_checkable
class UpdateRule(Protocol):
    """Moves q toward exp(-cost)/Z (eq. 2), by a step or all the way.

    ``update`` gets the cost itself, of transitions so that a shaped one fits in (``OfPair`` makes one of a c(x, u)), and a batch that
    the policy drew; its metrics hold at least ``entropy``, nats a step. A scaling that its state holds, outside the states of optax, is
    the algorithm's to set: after each update it is that of policy and cost.
    """

    def init(self, key: Key[Array, ""], policy: Policy, scaling: Scaling) -> PyTree: ...

    def update(
        self, key: Key[Array, ""], policy: Policy, state: Any, batch: Trajectory, cost: TransitionCost
    ) -> tuple[Policy, Any, Any]: ...
