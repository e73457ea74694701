"""A scaling of observations that follows what is seen, for policies that begin far from where they will act.

    n' = n + m,   mean' = mean + (m/n') (mean_new - mean),   M' = M + M_new + (n m/n') (mean_new - mean)^2

with M the sum of squared deviations. Between two batches the scaling is frozen: the densities of a batch are those of the policy that drew
it, and a past policy keeps the scaling it had. Reference: Chan, Golub, LeVeque 1983, for the merging of moments.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.policies.scaling import Scaling
from triality.trajectory import Trajectory

T = TypeVar("T")


class Moments(NamedTuple):
    """Of all observations so far: their number, mean, and sum of squared deviations."""

    count: Float[Array, ""]
    mean: Float[Array, " obs"]
    squares: Float[Array, " obs"]

    @classmethod
    def none(cls, size: int) -> Moments:
        """Of no observations."""
        return cls(jnp.zeros(()), jnp.zeros(size), jnp.zeros(size))

    def with_batch(self, batch: Trajectory) -> Moments:
        """The observations before each real step of a batch counted in.

        Example:
            >>> from triality.trajectory import Trajectory
            >>> x, flags = jnp.array([[[1.0], [3.0], [9.0]]]), jnp.ones((1, 2), bool)
            >>> batch = Trajectory(x, jnp.zeros((1, 2), int), jnp.zeros((1, 2)), flags, flags, flags, jnp.zeros((1, 2)), jnp.zeros(1, int))
            >>> moments = Moments.none(1).with_batch(batch)
            >>> moments.mean.tolist(), moments.scaling().scale.tolist()
            ([2.0], [1.0])
        """
        seen, real = batch.observation[:, :-1], batch.mask[..., None].astype(batch.observation.dtype)
        more = jnp.sum(real)
        mean = jnp.sum(real * seen, axis=(0, 1)) / jnp.maximum(more, 1.0)
        squares = jnp.sum(real * (seen - mean) ** 2, axis=(0, 1))
        total = self.count + more
        apart = mean - self.mean
        return Moments(
            total,
            self.mean + more / jnp.maximum(total, 1.0) * apart,
            self.squares + squares + self.count * more / jnp.maximum(total, 1.0) * apart**2,
        )

    def scaling(self, smallest_scale: float = 1e-3) -> Scaling:
        """Mean and standard deviation so far. A coordinate that did not move keeps scale one."""
        scale = jnp.sqrt(self.squares / jnp.maximum(self.count, 1.0))
        return Scaling(self.mean, jnp.where(scale > smallest_scale, scale, 1.0))


def rescaled(model: T, scaling: Scaling) -> T:
    """``model`` with ``scaling`` wherever it holds one: a policy, a cost and a value then see the same numbers.

    Example:
        >>> from triality.policies.gaussian import gaussian_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.specs import SPECS
        >>> policy = gaussian_policy(jax.random.key(0), SPECS["Pendulum-v1"], identity_scaling(3), (4,))
        >>> rescaled(policy, Scaling(jnp.ones(3), jnp.full(3, 2.0))).scaling.scale.tolist()
        [2.0, 2.0, 2.0]
    """

    def is_scaling(node: Any) -> bool:
        return isinstance(node, Scaling)

    return jax.tree.map(lambda node: scaling if is_scaling(node) else node, model, is_leaf=is_scaling)
