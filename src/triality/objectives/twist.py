"""What the steps after t are expected to contribute to a trajectory's weight: the soft value V, by which weights a decision are twisted.

    V(x_t) = log E_q[exp(G_t) | x_t],    G_t = sum_{s>=t} r_s,    r_s = -c_s - log q_s,    V = 0 after the last step

does not depend on q, and V of a start state is its log Z. Knowing it exactly integrates the future out of the weights (D9); nobody does, so
where V comes from is a part of its own. Sequential Monte Carlo calls such a function a twist (Whiteley, Lee, Twisted particle filters,
Ann. Statist. 42 (2014)).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.sampler import Samples


@runtime_checkable
class Twist(Protocol):
    """V at the T + 1 observations of every drawn trajectory, from their soft rewards r; what it says of padding is never read."""

    def __call__(self, soft_reward: Float[Array, "n time"], drawn: Samples) -> Float[Array, "n time_plus_1"]: ...


class NoTwist(eqx.Module):
    """V = 0: the weight of a decision is that of the steps until then, as if no cost followed."""

    def __call__(self, soft_reward: Float[Array, "n time"], drawn: Samples) -> Float[Array, "n time_plus_1"]:
        del drawn
        return jnp.zeros((soft_reward.shape[0], soft_reward.shape[1] + 1), soft_reward.dtype)


def returns_to_go(soft_reward: Float[Array, "*batch time"]) -> Float[Array, "*batch time"]:
    """G_t = r_t + r_{t+1} + ..., undiscounted, nats.

    Example:
        >>> import jax.numpy as jnp
        >>> returns_to_go(jnp.array([1.0, 2.0, 4.0])).tolist()
        [7.0, 6.0, 4.0]
    """
    return jnp.cumsum(soft_reward[..., ::-1], axis=-1)[..., ::-1]
