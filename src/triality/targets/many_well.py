"""Many wells: independent pairs of a double well and a normal coordinate, 2^(d/2) modes of unequal mass, log Z exact.

    E(x) = sum_i (a x_{2i} + b x_{2i}^2 + c x_{2i}^4 + x_{2i+1}^2/2),     a = -1/2, b = -6, c = 1
    log Z = d/2 (log Z_1 + log(2 pi)/2),     Z_1 = integral of exp(-a u - b u^2 - c u^4) du = 11784.509

Z_1 by the trapezoid rule, which converges exponentially here. Draws are exact, by rejection from normals at the wells and a broad one over
the barrier: the quartic falls faster than any of them, so the ratio is bounded, and its bound is read off a fine grid.

Reference: Noe et al., Boltzmann generators, Science 365 (2019), the double well; Midgley et al., arXiv:2208.01893, 16 copies of it.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler
from triality.samplers.gaussian import LOG_TWO_PI
from triality.samplers.gaussian_mixture import GaussianMixture

LINEAR, SQUARE, QUARTIC = -0.5, -6.0, 1.0
SPREAD = 0.3  # standard deviation of the proposal at each well, 1.5 times that of the well
BARRIER_SHARE, BARRIER_SPREAD = 0.05, 0.7  # of the proposal's broad part: without it the bound would be set by the barrier
SLACK = 1e-3  # added to the bound found on the grid, far more than the ratio changes between two of its nodes


class ManyWell(AbstractSampler[Float[Array, " dim"]]):
    """d/2 double wells and as many normals, alternating; density with respect to Lebesgue measure.

    Args:
        dim: d, even; static.
        wells: the two minima of a double well, the shallow one first.
        log_well_masses: log integral of exp(-E_1) on either side of 0; their sum is Z_1.
        proposal: normals that cover one coordinate, for draws.
        log_bound: of exp(-E_1)/proposal, in nats.

    Example:
        >>> target = many_well(2)
        >>> round(float(jnp.exp(target.log_z_well)), 2), [round(float(w), 3) for w in target.wells]
        (11784.51, [-1.711, 1.753])
    """

    dim: int = eqx.field(static=True)
    wells: Float[Array, " 2"]
    log_well_masses: Float[Array, " 2"]
    proposal: GaussianMixture
    log_bound: Float[Array, ""]

    def energy(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        """E(x), not normalized, in nats."""
        return jnp.sum(well_energy(x[0::2])) + 0.5 * jnp.sum(x[1::2] ** 2)

    @property
    def log_z(self) -> Float[Array, ""]:
        """log Z of ``energy``, exact."""
        return 0.5 * self.dim * (self.log_z_well + 0.5 * LOG_TWO_PI)

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return -self.energy(x) - self.log_z

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        key_wells, key_normal = jax.random.split(key)
        wells = jax.vmap(self._draw_well)(jax.random.split(key_wells, self.dim // 2))
        normals = jax.random.normal(key_normal, (self.dim // 2,))
        x = jnp.stack([wells, normals], axis=-1).ravel()
        return x, self.log_prob(x)

    @property
    def log_z_well(self) -> Float[Array, ""]:
        """log Z_1."""
        return jax.nn.logsumexp(self.log_well_masses)

    @property
    def well_weights(self) -> Float[Array, " 2"]:
        """Mass on either side of the barrier: the share of draws with u < 0, and with u > 0."""
        return jax.nn.softmax(self.log_well_masses)

    @property
    def box(self) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
        """Lower and upper corner: 3 for the wells, 5 for the normals."""
        high = jnp.tile(jnp.array([3.0, 5.0]), self.dim // 2)
        return -high, high

    def _draw_well(self, key: Key[Array, ""]) -> Float[Array, ""]:
        """One coordinate, accepted with probability exp(-E_1(u))/(bound proposal(u))."""

        def propose(carry: tuple[Key[Array, ""], Float[Array, ""], Array]) -> tuple[Key[Array, ""], Float[Array, ""], Array]:
            key, key_draw, key_accept = jax.random.split(carry[0], 3)
            u, log_q = self.proposal.sample_and_log_prob(key_draw)
            log_accept = -well_energy(u[0]) - log_q - self.log_bound
            return key, u[0], jnp.log(jax.random.uniform(key_accept)) < log_accept

        return jax.lax.while_loop(lambda carry: ~carry[2], propose, (key, jnp.zeros(()), jnp.array(False)))[1]


def well_energy(u: Float[Array, " *shape"]) -> Float[Array, " *shape"]:
    """a u + b u^2 + c u^4 of each coordinate, in nats."""
    return LINEAR * u + SQUARE * u**2 + QUARTIC * u**4


def many_well(dim: int = 32) -> ManyWell:
    """32 coordinates: 16 double wells, 65,536 modes.

    Raises:
        ConfigError: an odd number of coordinates.
    """
    if dim < 2 or dim % 2:
        raise ConfigError(f"expected an even number of coordinates, got {dim}; each double well takes two")
    wells = np.sort(np.roots([4.0 * QUARTIC, 0.0, 2.0 * SQUARE, LINEAR]).real)[[0, 2]]
    sides = jnp.asarray(_side_masses())
    log_share = jnp.append(jnp.log1p(-BARRIER_SHARE) + jax.nn.log_softmax(sides), jnp.log(BARRIER_SHARE))
    spread = jnp.log(jnp.array([[SPREAD], [SPREAD], [BARRIER_SPREAD]]))
    proposal = GaussianMixture(log_share, jnp.append(jnp.asarray(wells), 0.0)[:, None], spread)
    u = jnp.linspace(-4.0, 4.0, 8001)
    log_ratio = -well_energy(u) - jax.vmap(proposal.log_prob)(u[:, None])
    return ManyWell(dim, jnp.asarray(wells), sides, proposal, jnp.max(log_ratio) + SLACK)


def _side_masses() -> Float[np.ndarray, " 2"]:
    """log integral of exp(-E_1) over u < 0 and u > 0, by the trapezoid rule in float64; the node at 0 is shared."""
    u, step = np.linspace(-4.0, 4.0, 8001, retstep=True)
    log_mass = -np.polyval([QUARTIC, 0.0, SQUARE, LINEAR, 0.0], u) + np.log(step)
    log_mass[4000] -= np.log(2.0)
    return np.array([np.logaddexp.reduce(log_mass[:4001]), np.logaddexp.reduce(log_mass[4000:])])
