"""Random instances on three kinds of space: one to be enumerated, a quadrature grid, and samples in the continuum.

The two sides are always ``Samples``, so every claim is written once. On the first two kinds each point stands there with its probability
as weight, and a loss is an exact expectation; on the third there are n_p samples of p and n_q of q, n_p != n_q. The cost is a perceptron,
p and q know nothing of it, and nu is never near 1.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from triality.energies.mlp import MLPEnergy
from triality.energy import Constant, UnnormalizedDensity
from triality.errors import ConfigError
from triality.partition.acceptance_ratio import solve_log_z
from triality.partition.exact import gauss_legendre
from triality.sampler import AbstractDensity, Samples
from triality.samplers.gaussian import Gaussian
from triality.samplers.mixture import MixtureSampler
from triality.tabular import EnumerableSpace

ENUMERABLE, GRID, SAMPLES, TRAJECTORIES = "enumerable", "grid", "samples", "trajectories"

NUM_NODES = 10  # a dimension
NUM_POINTS = NUM_NODES**2  # as many as nodes, so that both exact spaces share one compiled program
NUM_DATA, NUM_DRAWN, DIM = 60, 96, 3
PAST_COUNTS = (1.0, 2.0, 4.0, 3.0)  # relative sizes n_k of the four past samplers of footnote 3


class Proposal(AbstractDensity[Float[Array, " dim"]]):
    """q, with what it draws as a function of its parameters, so that one can differentiate in them."""

    parameters: eqx.AbstractVar[PyTree]

    @abstractmethod
    def drawn(self, log_weight: Float[Array, ""] | float = 0.0) -> Samples:
        """What q draws; ``log_weight`` is the log of their total weight (exact spaces) or of each (samples)."""


class Boltzmann(Proposal):
    """exp(-E) normalized on a space that can be summed over; it "draws" every point, weighted by its probability."""

    parameters: MLPEnergy
    space: EnumerableSpace

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return -self.parameters(x) - self.space.log_z(self.parameters)

    def drawn(self, log_weight: Float[Array, ""] | float = 0.0) -> Samples:
        log_q = self.space.log_prob(self.parameters)
        return self.space.samples(self.space.log_mass(log_q) + log_weight, log_q)


class PushedGaussian(Proposal):
    """A Gaussian with its noise drawn beforehand: draws and their density are smooth functions of mean and scale."""

    parameters: Gaussian
    noise: Float[Array, "n dim"]

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return self.parameters.log_prob(x)

    def drawn(self, log_weight: Float[Array, ""] | float = 0.0) -> Samples:
        x = self.parameters.mean + jnp.exp(self.parameters.log_scale) * self.noise
        log_q = jax.vmap(self.parameters.log_prob)(x)
        return Samples(x, log_q, jnp.full_like(log_q, log_weight))


class Instance(NamedTuple):
    """One random problem.

    Fields:
        cost: c_theta, or E_theta.
        truth: p, which the cost does not know.
        proposal: q.
        past: four more samplers, for footnote 3 and for what must not depend on q.
        data: the data as samples; ``data.log_q`` is that of ``proposal``.
        drawn: what q draws; the weights of both sides set nu.
        log_z: log of the Z that minimizes the discriminator's loss of this very problem, solved for (fact 1).
        summable: the space to sum over, None in the continuum.
    """

    cost: MLPEnergy
    truth: AbstractDensity
    proposal: Proposal
    past: tuple[Proposal, ...]
    data: Samples
    drawn: Samples
    log_z: Float[Array, ""]
    summable: EnumerableSpace | None

    @property
    def is_exact(self) -> bool:
        """Whether losses are exact expectations here."""
        return self.summable is not None

    @property
    def space(self) -> EnumerableSpace:
        """The space to sum over.

        Raises:
            ConfigError: these are samples.
        """
        if self.summable is None:
            raise ConfigError("expected a space that can be summed over, got samples; measure this claim on exact spaces only")
        return self.summable

    @property
    def true_cost(self) -> MLPEnergy:
        """The energy of p.

        Raises:
            ConfigError: p has none here.
        """
        if not isinstance(self.truth, Boltzmann):
            raise ConfigError("expected data of Boltzmann law, got another; measure this claim on exact spaces only")
        return self.truth.parameters

    @property
    def neg_energies(self) -> tuple[Float[Array, " n"], Float[Array, " m"]]:
        """-c_theta at the data and at the draws, in nats."""
        return -jax.vmap(self.cost)(self.data.x), -jax.vmap(self.cost)(self.drawn.x)

    def solved(self) -> Instance:
        """The same problem with its own ``log_z``: whoever changes cost or samples calls this afterwards."""
        on_data, on_drawn = self.neg_energies
        ratios = (on_data - self.data.log_q, on_drawn - self.drawn.log_q)
        return self._replace(log_z=solve_log_z(*ratios, self.data.log_weight, self.drawn.log_weight))

    def density(self, log_z: Float[Array, ""] | float) -> UnnormalizedDensity:
        """p_theta with this log Z."""
        return UnnormalizedDensity(self.cost, Constant(log_z))

    def with_true_cost(self) -> Instance:
        """The same problem, the cost being right: p_theta = p. Exact spaces only."""
        return self._replace(cost=self.true_cost).solved()

    def over_samplers(self, residual: Callable[[Proposal], Float[Array, ""]]) -> Float[Array, ""]:
        """The largest residual over all five samplers. Exact spaces only, where one program serves them all."""
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), self.proposal, *self.past)
        return jnp.max(jax.vmap(residual)(stacked))

    def with_sampler(self, density: AbstractDensity, drawn: Samples) -> Instance:
        """The same problem with another q: ``drawn`` are its draws, ``density`` its log density, wherever it is needed."""
        data = self.data._replace(log_q=jax.vmap(density.log_prob)(self.data.x))
        return self._replace(data=data, drawn=drawn).solved()


def exact_instance(key: Key[Array, ""], space: EnumerableSpace) -> Instance:
    """p, q and four past samplers, all Boltzmann with energies of their own, on a space that can be summed over."""
    key_energies, key_nu = jax.random.split(key)
    cost, truth, *others = random_energies(key_energies, 7, 2, (8,))
    proposal, *past = (Boltzmann(energy, space) for energy in others)
    p, log_q = Boltzmann(truth, space), space.log_prob(proposal.parameters)
    data = space.samples(space.log_mass(space.log_prob(truth)), log_q)
    drawn = proposal.drawn(random_log_nu(key_nu))
    return Instance(cost, p, proposal, tuple(past), data, drawn, jnp.zeros(()), space).solved()


def random_energies(key: Key[Array, ""], count: int, dim: int, hidden: tuple[int, ...]) -> list[MLPEnergy]:
    """Perceptrons with every weight *and bias* random: one that starts without biases is an odd function, and symmetry hides errors."""
    shapes = jax.eval_shape(lambda: MLPEnergy(jax.random.key(0), dim, hidden))
    noise = jax.random.normal(key, (count, sum(leaf.size for leaf in jax.tree.leaves(shapes))))

    def filled(row: Float[Array, " parameters"]) -> MLPEnergy:
        leaves, tree = jax.tree.flatten(shapes)
        ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
        parts = zip(jnp.split(row, ends), leaves, strict=True)
        # Weights as at a usual start, sqrt(2 / inputs); biases of half a unit.
        scaled = [part.reshape(leaf.shape) * (0.5 if leaf.ndim == 1 else (2.0 / leaf.shape[0]) ** 0.5) for part, leaf in parts]
        return jax.tree.unflatten(tree, scaled)

    return [filled(row) for row in noise]


def random_log_nu(key: Key[Array, ""]) -> Float[Array, ""]:
    """log nu in +-[0.4, 1.2]: a missing nu has to show."""
    signed = jax.random.uniform(key, minval=-1.0, maxval=1.0)
    return jnp.sign(signed) * (0.4 + 0.8 * jnp.abs(signed))


def enumerable_instance(key: Key[Array, ""]) -> Instance:
    """Random points in the plane, counting measure."""
    key_points, key_rest = jax.random.split(key)
    return exact_instance(key_rest, EnumerableSpace.counting(jax.random.normal(key_points, (NUM_POINTS, 2))))


def grid_instance(key: Key[Array, ""]) -> Instance:
    """Gauss-Legendre nodes on a square: densities with respect to Lebesgue measure."""
    grid = gauss_legendre([-2.0, -2.0], [2.0, 2.0], NUM_NODES)
    return exact_instance(key, EnumerableSpace(grid.points, grid.log_volume))


def sample_instance(key: Key[Array, ""]) -> Instance:
    """Draws of a two-component mixture (p) and of broader Gaussians (q and the past) in three dimensions."""
    key_cost, key_side, key_noise = jax.random.split(key, 3)
    sizes = (NUM_DRAWN, *(int(8 * count) for count in PAST_COUNTS))
    noise = jax.random.normal(key_noise, (2 + NUM_DATA + sum(2 + size for size in sizes), DIM))
    centers, of_data, *others = jnp.split(noise, np.cumsum([2, NUM_DATA, *(2 + size for size in sizes)])[:-1])
    log_scale, log_weight = jnp.full(DIM, -0.4), jnp.log(jnp.array([0.3, 0.7]))
    truth = MixtureSampler(jax.vmap(lambda center: Gaussian(0.7 * center, log_scale))(centers), log_weight)
    side = jax.random.categorical(key_side, log_weight, shape=(NUM_DATA,))
    x = 0.7 * centers[side] + jnp.exp(log_scale) * of_data
    proposal, *past = (PushedGaussian(Gaussian(0.3 * part[0], 0.2 + 0.1 * part[1]), part[2:]) for part in others)
    data = Samples.unweighted(x, jax.vmap(proposal.log_prob)(x))
    cost = random_energies(key_cost, 1, DIM, (16, 16))[0]
    return Instance(cost, truth, proposal, tuple(past), data, proposal.drawn(), jnp.zeros(()), None).solved()


INSTANCES: dict[str, Callable[[Key[Array, ""]], Instance]] = {
    ENUMERABLE: enumerable_instance,
    GRID: grid_instance,
    SAMPLES: sample_instance,
}
"""How to draw an instance on each kind of space."""
