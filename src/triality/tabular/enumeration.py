"""Spaces small enough to sum over: exact log Z, model probabilities and expectations.

One class serves a finite list of points, a quadrature grid and all the trajectories of a small MDP. They differ only in the reference
measure, given point by point as ``log_base``: zero (counting), the log of quadrature weights, or the log-probability of start and dynamics.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from triality.errors import DataError
from triality.sampler import Samples


class EnumerableSpace(eqx.Module):
    """Every point of a space, with the reference measure of each: densities here are densities with respect to it.

    Fields:
        points: a pytree whose leaves have a leading axis of length n.
        log_base: log of the reference measure of each point, in nats; -inf where a point cannot occur.

    Example:
        >>> import jax.numpy as jnp
        >>> coin = EnumerableSpace.counting(jnp.array([0.0, 1.0]))
        >>> float(coin.log_z(lambda x: x * jnp.log(3.0)).__round__(4))  # log(1 + 1/3)
        0.2877
    """

    points: PyTree
    log_base: Float[Array, " n"]

    @classmethod
    def counting(cls, points: PyTree) -> EnumerableSpace:
        """Every point counts once.

        Raises:
            DataError: no point, or leaves of unequal length.
        """
        lengths = {leaf.shape[0] for leaf in jax.tree.leaves(points)}
        if len(lengths) != 1 or 0 in lengths:
            raise DataError(f"expected leaves with one leading axis of length n >= 1, got lengths {sorted(lengths)}; stack the points")
        return cls(points, jnp.zeros(lengths.pop()))

    def energies(self, energy: Callable[[PyTree], Float[Array, ""]]) -> Float[Array, " n"]:
        """E(x) at every point."""
        return jax.vmap(energy)(self.points)

    def log_z(self, energy: Callable[[PyTree], Float[Array, ""]]) -> Float[Array, ""]:
        """log Z = log sum_x base(x) e^{-E(x)} (eq. 1), in nats. Differentiable in the energy's parameters."""
        return jax.nn.logsumexp(self.log_base - self.energies(energy))

    def log_prob(self, energy: Callable[[PyTree], Float[Array, ""]]) -> Float[Array, " n"]:
        """log p(x) = -E(x) - log Z at every point: a density with respect to the reference measure, in nats."""
        energies = self.energies(energy)
        return -energies - jax.nn.logsumexp(self.log_base - energies)

    def log_mass(self, log_prob: Float[Array, " n"]) -> Float[Array, " n"]:
        """log of the probability of each point: density plus reference measure; what an expectation weighs points with, in nats."""
        return self.log_base + log_prob

    def expectation(self, log_prob: Float[Array, " n"], values: Float[Array, " n *rest"]) -> Float[Array, "*rest"]:
        """E_p[f] = sum_x base(x) p(x) f(x), exactly; ``log_prob`` is a density of this space and is not normalized here."""
        return jnp.tensordot(jnp.exp(self.log_mass(log_prob)), values, axes=1)

    def kl_divergence(self, log_q: Float[Array, " n"], log_p: Float[Array, " n"]) -> Float[Array, ""]:
        """KL(q || p) in nats. Points that q never visits count zero, whatever p says there."""
        mass = jnp.exp(self.log_mass(log_q))
        return jnp.sum(mass * jnp.where(mass > 0, log_q - log_p, 0.0))

    def samples(self, log_mass: Float[Array, " n"], log_q: Float[Array, " n"]) -> Samples:
        """Every point once, weighted by its probability: losses then give exact expectations instead of sample means.

        Args:
            log_mass: log-probability of each point under the side that these samples stand for (``log_mass`` of its density).
            log_q: the sampler's log density at each point, with respect to the reference measure.
        """
        return Samples(self.points, log_q, log_mass)
