"""What a loss of a soft action value sees of transitions: arrays only, as every objective does.

    Q = Q(x, u),   V = V(x),   after = gamma (1 - terminated) V(x'),   implied reward  r = Q - after

An end of the environment leaves nothing to earn, so ``after`` is 0 there and r = Q. At a time limit the episode is cut and not over: V(x')
counts. With one sampled x' a loss that squares r sees the variance of V(x') as well, so that it is exact for deterministic dynamics;
with ``after`` = gamma E V(x') it is exact for any.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class SoftQ(NamedTuple):
    """Transitions of one side, in nats; high = good.

    Fields:
        q: Q(x, u).
        value: V(x), of the present policy.
        after: gamma (1 - terminated) V(x'), of the present policy.
        log_weight: 0 = one sample, -inf = masked.
    """

    q: Float[Array, " n"]
    value: Float[Array, " n"]
    after: Float[Array, " n"]
    log_weight: Float[Array, " n"]

    @property
    def reward(self) -> Float[Array, " n"]:
        """r = Q - after, what Q says that the transition earned: high = good."""
        return self.q - self.after


class SoftQMetrics(NamedTuple):
    """Never needed next.

    Fields:
        reward_data: mean implied reward of demonstrated transitions, nats; has to lie above that of drawn ones.
        reward_drawn: mean implied reward of the learner's own transitions, nats; comes up to ``reward_data`` as it arrives.
    """

    reward_data: Float[Array, ""]
    reward_drawn: Float[Array, ""]


@runtime_checkable
class SoftQLoss(Protocol):
    """A loss of Q from demonstrated transitions, own ones, and V at demonstrated starts.

    Attributes:
        looks_ahead_slowly: whether V(x') is that of slow twins, a target that is held fixed.
    """

    @property
    def looks_ahead_slowly(self) -> bool: ...

    def __call__(self, data: SoftQ, drawn: SoftQ, start_value: Float[Array, ""]) -> tuple[Float[Array, ""], SoftQMetrics]: ...


def after_step(value: Float[Array, " n"], terminated: Bool[Array, " n"], gamma: Float[Array, ""] | float) -> Float[Array, " n"]:
    """gamma (1 - terminated) V(x'): what stands for nothing after an end is not looked at, were it NaN.

    Example:
        >>> after_step(jnp.array([2.0, jnp.nan]), jnp.array([False, True]), 0.5).tolist()
        [1.0, 0.0]
    """
    return gamma * jnp.where(terminated, 0.0, value)
