"""Balls of linear costs: what apprenticeship learning maximizes over, in closed form.

    d(pi) = max_{w in W} w . (f_pi - f_E)        f: expected feature counts; w.f is a cost, high = bad

    EuclideanBall:  |w|_2 <= radius     maximum = radius |gap|_2            (feature matching: zero exactly if all features agree)
    Simplex:        w >= 0, sum w = 1   maximum = largest entry of the gap  (may be negative: the expert is beaten in every feature)

The simplex presumes that each feature is a cost, so that more of it is never better; the ball presumes nothing.
Reference: J. Ho, J. Gupta and S. Ermon, Model-free imitation learning with policy optimization, ICML 2016, section 2.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Gap = Float[Array, " features"]


@runtime_checkable
class CostBall(Protocol):
    """A convex set of weights."""

    def maximum(self, gap: Gap) -> Float[Array, ""]:
        """max over w in W of w . gap."""
        ...

    def maximizer(self, gap: Gap) -> Gap:
        """A w that attains it: the cost under which the policy is worst, beside the expert."""
        ...

    def potential(self, gap: Gap) -> Float[Array, ""]:
        """A smooth convex function, decreasing where ``maximum`` does: what a descent can follow."""
        ...


class EuclideanBall(eqx.Module):
    """Weights of norm at most ``radius``.

    Example:
        >>> ball = EuclideanBall()
        >>> float(ball.maximum(jnp.array([3.0, -4.0]))), ball.maximizer(jnp.array([3.0, -4.0])).round(3).tolist()
        (5.0, [0.6, -0.8])
    """

    radius: Float[Array, ""] = eqx.field(default=1.0, converter=jnp.asarray)

    def maximum(self, gap: Gap) -> Float[Array, ""]:
        return self.radius * jnp.linalg.norm(gap)

    def maximizer(self, gap: Gap) -> Gap:
        """Zero where the gap is: every w attains it there."""
        size = jnp.linalg.norm(gap)
        return self.radius * gap / jnp.where(size > 0, size, 1.0)

    def potential(self, gap: Gap) -> Float[Array, ""]:
        """Half the square of |gap|: the same minimizers, and no edge at zero."""
        return 0.5 * self.radius * jnp.sum(gap**2)


class Simplex(eqx.Module):
    """Convex combinations of the features.

    Args:
        temperature: of the smooth maximum that a descent follows, in the unit of the features; too large by at most temperature * log k.

    Example:
        >>> float(Simplex().maximum(jnp.array([0.5, -4.0]))), Simplex().maximizer(jnp.array([0.5, -4.0])).tolist()
        (0.5, [1.0, 0.0])
    """

    temperature: Float[Array, ""] = eqx.field(default=0.01, converter=jnp.asarray)

    def maximum(self, gap: Gap) -> Float[Array, ""]:
        return jnp.max(gap)

    def maximizer(self, gap: Gap) -> Gap:
        return jax.nn.one_hot(jnp.argmax(gap), gap.shape[0], dtype=gap.dtype)

    def potential(self, gap: Gap) -> Float[Array, ""]:
        """temperature * logsumexp(gap / temperature): the maximum over the simplex with an entropy for w."""
        return self.temperature * jax.nn.logsumexp(gap / self.temperature)
