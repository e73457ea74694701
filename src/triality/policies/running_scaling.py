"""A scaling of observations that follows what is seen, for policies that begin far from where they will act.

    n' = n + m,   mean' = mean + (m/n') (mean_new - mean),   M' = M + M_new + (n m/n') (mean_new - mean)^2

with M the sum of squared deviations. Between two batches the scaling is frozen: the densities of a batch are those of the policy that drew
it, and a past policy keeps the scaling it had. Reference: Chan, Golub, LeVeque 1983, for the merging of moments.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

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

    @classmethod
    def of(cls, batch: Trajectory, log_weight: Float[Array, " n"] | None = None) -> Moments:
        """Of the observations before each real step of a batch; with ``log_weight``, of a trajectory, each step counts by its weight.

        The largest weight counts one, so that equal weights are no weights.

        Example:
            >>> from triality.trajectory import Trajectory
            >>> x, flags = jnp.array([[[0.0], [7.0]], [[4.0], [7.0]]]), jnp.ones((2, 1), bool)
            >>> batch = Trajectory(x, jnp.zeros((2, 1), int), jnp.zeros((2, 1)), flags, flags, flags, jnp.zeros((2, 1)), jnp.zeros(2, int))
            >>> Moments.of(batch).mean.tolist(), Moments.of(batch, jnp.array([0.0, -jnp.inf])).mean.tolist()
            ([2.0], [0.0])
        """
        seen, counts = batch.observation[:, :-1], _counts(batch.mask, log_weight, batch.observation.dtype)
        total = jnp.sum(counts)
        mean = jnp.sum(counts * seen, axis=(0, 1)) / _positive(total)
        return cls(total, mean, jnp.sum(counts * (seen - mean) ** 2, axis=(0, 1)))

    @classmethod
    def like(cls, scaling: Scaling, count: Float[Array, ""] | float) -> Moments:
        """As if ``scaling`` had been fitted to ``count`` observations."""
        count = jnp.asarray(count, scaling.mean.dtype)
        return cls(count, scaling.mean, count * scaling.scale**2)

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
        return self.merged(Moments.of(batch))

    def merged(self, other: Moments) -> Moments:
        """Of the observations of both."""
        total = self.count + other.count
        share, apart = other.count / _positive(total), other.mean - self.mean
        return Moments(total, self.mean + share * apart, self.squares + other.squares + self.count * share * apart**2)

    def counting(self, count: Float[Array, ""] | float) -> Moments:
        """The same mean and deviations, as if of ``count`` observations."""
        return Moments(jnp.asarray(count, self.mean.dtype), self.mean, self.squares * (count / _positive(self.count)))

    def scaling(self, smallest_scale: float = 1e-3) -> Scaling:
        """Mean and standard deviation so far. A coordinate that did not move keeps scale one."""
        scale = jnp.sqrt(self.squares / _positive(self.count))
        return Scaling(self.mean, jnp.where(scale > smallest_scale, scale, 1.0))


def rescaled(model: T, scaling: Scaling) -> T:
    """``model`` with ``scaling`` wherever it holds one: a policy, a cost and a value then see the same numbers.

    The states of optax's optimizers within it stay: what they hold in a scaling's place are moments of its gradient, which are zero.

    Example:
        >>> from triality.policies.gaussian import gaussian_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.specs import SPECS
        >>> policy = gaussian_policy(jax.random.key(0), SPECS["Pendulum-v1"], identity_scaling(3), (4,))
        >>> rescaled(policy, Scaling(jnp.ones(3), jnp.full(3, 2.0))).scaling.scale.tolist()
        [2.0, 2.0, 2.0]
    """

    def is_end(node: Any) -> bool:
        return isinstance(node, Scaling) or type(node).__module__.partition(".")[0] == "optax"

    return jax.tree.map(lambda node: scaling if isinstance(node, Scaling) else node, model, is_leaf=is_end)


def held(model: Any) -> Scaling | None:
    """The scaling that a model holds, the first of them if there are several; None if there is none.

    Example:
        >>> held((1.0, Scaling(jnp.ones(2), jnp.ones(2)))).mean.tolist(), held(None)
        ([1.0, 1.0], None)
    """
    nodes = jax.tree.leaves(model, is_leaf=lambda node: isinstance(node, Scaling))
    return next((node for node in nodes if isinstance(node, Scaling)), None)


def distance(before: Scaling, after: Scaling) -> Float[Array, ""]:
    """The largest of |change of mean|/scale and |change of log scale| over coordinates.

    Example:
        >>> float(distance(Scaling(jnp.zeros(2), jnp.full(2, 4.0)), Scaling(jnp.array([0.0, 2.0]), jnp.full(2, 4.0))))
        0.5
    """
    return jnp.max(jnp.stack([jnp.abs(after.mean - before.mean) / before.scale, jnp.abs(jnp.log(after.scale / before.scale))]))


def _counts(mask: Bool[Array, "n time"], log_weight: Float[Array, " n"] | None, dtype: Any) -> Float[Array, "n time 1"]:
    real = mask[..., None].astype(dtype)
    return real if log_weight is None else real * jnp.exp(log_weight - jnp.max(log_weight))[:, None, None].astype(dtype)


def _positive(count: Float[Array, ""]) -> Float[Array, ""]:
    """What a sum is divided by: zero observations have sums of zero."""
    return jnp.where(count > 0, count, 1.0)
