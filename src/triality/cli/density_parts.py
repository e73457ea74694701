"""Options of ``triality ebm`` made into a generator, an energy and an algorithm. All works on standardized columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from triality.algorithms.contrastive_divergence import ContrastiveDivergence, FromData, Persistent, Starts
from triality.algorithms.density_estimation import default_generator, tilted
from triality.algorithms.energy_learning import EnergyLearning, Objective
from triality.algorithms.minibatch import DataSet
from triality.algorithms.tilt_learning import TiltLearning
from triality.cli.density_names import CHAINS, Kind, gradient_of
from triality.cli.options import EbmOptions
from triality.energies.autoencoder import AutoencoderEnergy
from triality.energies.convolutional import ConvolutionalEnergy
from triality.energies.linear import LinearEnergy, pairwise_features
from triality.energies.mlp import MLPEnergy
from triality.energies.quadratic import quadratic_energy
from triality.energies.reshaped import Reshaped
from triality.energy import Energy, UnnormalizedDensity
from triality.kernels.gibbs import Gibbs
from triality.kernels.kernel import Kernel
from triality.kernels.langevin import Mala
from triality.objectives import divergence
from triality.objectives.contrastive import ContrastiveLoss
from triality.objectives.critic import OfCritic
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.f_divergence import FDivergenceLoss
from triality.objectives.free_discriminator import FreeDiscriminatorLoss
from triality.objectives.generator_loss import GeneratorLoss, Likelihood, OrderAgnostic
from triality.objectives.guided_cost import GuidedCostLoss
from triality.objectives.lecun import PairwiseLoss, hinge
from triality.objectives.margin import MarginLoss
from triality.objectives.sampler import minimax_loss
from triality.objectives.wasserstein import LipschitzPenalty, WassersteinLoss
from triality.partition.annealed import sigmoid_temperatures
from triality.regularizers.gradient_penalty import DataGradientPenalty
from triality.regularizers.penalty import Penalties, Penalty
from triality.regularizers.weight_decay import WeightDecay
from triality.sampler import AbstractSampler
from triality.samplers.autoregressive.causal_convolution import causal_convolution
from triality.samplers.autoregressive.heads import Head, categorical_head, discretized_logistic_head
from triality.samplers.autoregressive.made import made
from triality.samplers.autoregressive.made_over_orders import made_over_orders
from triality.samplers.autoregressive.masked_convolution import masked_convolution
from triality.samplers.autoregressive.nade import nade
from triality.samplers.bernoulli import fit_bernoulli
from triality.samplers.flow import masked_autoregressive_flow, real_nvp, spline_coupling_flow
from triality.samplers.gaussian import fit_gaussian
from triality.samplers.tokens.token_sampler import gru
from triality.updates.sampler.adversarial import DensityAwareAdversarial, EnergyAlone, FreeAdversarial, PullAway
from triality.updates.sampler.alpha import WeightedLikelihood
from triality.updates.sampler.annealed import AnnealedLikelihood
from triality.updates.sampler.gradient import Fixed, Hybrid, SamplerGradient
from triality.updates.sampler.gradient import Likelihood as LikelihoodGradient
from triality.updates.sampler.reparameterized import PathGradient, Reparameterized
from triality.updates.sampler.score_function import ScoreFunction

X = Any
STEP_SIZE, NUM_STEPS, NUM_TEMPERATURES = 0.05, 10, 8
"""On standardized columns: the Langevin step, steps a gradient of cd and pcd, and temperatures of the annealed gradient."""
MARGIN = 1.0
"""Of ebgan, a column: beyond it a draw's energy gives no gradient."""
CODE = 2
NUM_ORDERS = 8
PIXEL_NETWORK = (16, 4, 3)
"""Channels, blocks and kernel of the PixelCNN: small, since one core has to train it."""
CHANNELS, HIDDEN = 32, 64
"""Features that a head reads, of the WaveNet and of the recurrent generator."""


class Space(NamedTuple):
    """What one sample is.

    Fields:
        kind: numbers, integers, or 0 and 1.
        shape: of one sample.
        num_levels: values of a column of integers; 0 for numbers.
        image: (height, width) where the samples are images, laid out or flattened; else the shape.
    """

    kind: Kind
    shape: tuple[int, ...]
    num_levels: int
    image: tuple[int, ...]

    @property
    def dim(self) -> int:
        """Numbers in a sample."""
        return int(np.prod(self.shape))


def make_generator(name: str, key: Key[Array, ""], train: X, space: Space, head: str = "categorical") -> AbstractSampler[Any]:
    """A generator as it begins: near the data's marginals where it can; ``head`` is of those that have one."""
    dim, levels = space.dim, space.num_levels
    table: dict[str, Callable[[], AbstractSampler[Any]]] = {
        "gaussian": lambda: fit_gaussian(train),
        "mixture": lambda: default_generator(key, train),
        "real-nvp": lambda: real_nvp(key, dim),
        "spline": lambda: spline_coupling_flow(key, dim),
        "maf": lambda: masked_autoregressive_flow(key, dim),
        "bernoulli": lambda: fit_bernoulli(train),
        "nade": lambda: nade(key, dim, marginals=marginals(train, 2)[:, 1]),
        "made": lambda: made(key, dim, (max(256, 2 * dim),), levels, marginals=marginals(train, levels)),
        "made-over-orders": lambda: made_over_orders(key, dim, (max(256, 2 * dim),), NUM_ORDERS, levels, marginals(train, levels)),
        "masked-convolution": lambda: masked_convolution(
            key, (space.shape[0], space.shape[1]), levels, *PIXEL_NETWORK, marginals=marginals(train, levels)
        ),
        "causal-convolution": lambda: causal_convolution(key, dim, levels, CHANNELS, head=make_head(head, key, CHANNELS, train, levels)),
        "recurrent": lambda: gru(key, dim, levels, HIDDEN, head=make_head(head, key, HIDDEN, train, levels)),
    }
    return table[name]()


def make_head(name: str, key: Key[Array, ""], features: int, train: X, num_levels: int) -> Head:
    """The law of one value: one for all places, so that it begins at the levels' shares of the whole data, or spread over the levels."""
    table: dict[str, Callable[[], Head]] = {
        "categorical": lambda: categorical_head(features, num_levels, marginals(jnp.ravel(train), num_levels)),
        "discretized-logistic": lambda: discretized_logistic_head(features, num_levels, key=jax.random.fold_in(key, 1)),
    }
    return table[name]()


def marginals(x: X, num_levels: int) -> Float[Array, "... levels"]:
    """Share of every level at every place, none quite zero: half a datum is added to each."""
    counts = jnp.stack([jnp.sum(x == level, axis=0) for level in range(num_levels)], axis=-1) + 0.5
    return counts / jnp.sum(counts, axis=-1, keepdims=True)


def make_energy(options: EbmOptions, key: Key[Array, ""], sampler: AbstractSampler[Any], space: Space) -> Energy[Any]:
    """The network, alone or as a tilt of the generator as it is now."""
    network = make_network(options.energy, key, space)
    return tilted(sampler, network) if options.base == "generator" else network


def make_network(name: str, key: Key[Array, ""], space: Space) -> Energy[Any]:
    """f of the energy, flat at first where its class can be."""
    dim = space.dim
    table: dict[str, Callable[[], Energy[Any]]] = {
        "mlp": lambda: MLPEnergy(key, dim, (128, 128), output_scale=0.01),
        "quadratic": lambda: quadratic_energy(key, dim),
        "linear": lambda: LinearEnergy(pairwise_features, jnp.zeros(dim * (dim + 1) // 2)),
        "convolutional": lambda: ConvolutionalEnergy(key, (space.image[0], space.image[1])),
        "autoencoder": lambda: AutoencoderEnergy(key, dim, min(CODE, max(dim - 1, 1))),
    }
    wanted = space.image if name == "convolutional" else (dim,)
    return table[name]() if wanted == space.shape else Reshaped(table[name](), wanted)


def make_learning(options: EbmOptions, data: DataSet, space: Space) -> EnergyLearning | ContrastiveDivergence:
    """The algorithm of the energy."""
    if options.objective in CHAINS:
        starts: Starts = FromData() if options.objective == "cd" else Persistent()
        return ContrastiveDivergence(
            data, make_kernel(space, STEP_SIZE), starts, options.energy_learning_rate, batch_size=options.batch_size, num_steps=NUM_STEPS
        )
    return EnergyLearning(
        data,
        make_objective(options.objective, space),
        make_gradient(options),
        penalty=make_penalty(options),
        energy_learning_rate=options.energy_learning_rate,
        sampler_learning_rate=options.sampler_learning_rate,
        batch_size=options.batch_size,
        num_drawn=options.batch_size,
    )


def make_tilt_learning(options: EbmOptions, data: DataSet, space: Space) -> TiltLearning:
    """The algorithm of a tilt whose generator stands still; its stock of draws comes later."""
    return TiltLearning(
        data,
        data,
        make_objective(options.objective, space),
        penalty=make_penalty(options),
        learning_rate=options.energy_learning_rate,
        batch_size=options.batch_size,
        num_drawn=options.batch_size,
    )


def make_loss(generator: str) -> GeneratorLoss:
    """What a generator is trained by before there is an energy."""
    return OrderAgnostic() if generator == "made-over-orders" else Likelihood()


def make_kernel(space: Space, step_size: float | Float[Array, ""]) -> Kernel:
    """Langevin with Metropolis for numbers, Gibbs for 0 and 1."""
    return Gibbs() if space.kind == "binary" else Mala(jnp.asarray(step_size))


def make_objective(name: str, space: Space) -> Objective:
    """Of the energy; ``mle`` has none and gets that of ``nce``, for no step."""
    table: dict[str, Callable[[], Objective]] = {
        "nce": DiscriminatorLoss,
        "gan": DiscriminatorLoss,
        "fce": DiscriminatorLoss,
        "mle": DiscriminatorLoss,
        "guided-cost": GuidedCostLoss,
        "kl": lambda: FDivergenceLoss(divergence.KL()),
        "reverse-kl": lambda: FDivergenceLoss(divergence.ReverseKL()),
        "jensen-shannon": lambda: FDivergenceLoss(divergence.JensenShannon()),
        "pearson": lambda: FDivergenceLoss(divergence.Pearson()),
        "neyman": lambda: FDivergenceLoss(divergence.Neyman()),
        "hellinger": lambda: FDivergenceLoss(divergence.SquaredHellinger()),
        "kim-bengio": ContrastiveLoss,
        "hinge": lambda: PairwiseLoss(hinge),
        "ebgan": lambda: MarginLoss(MARGIN * space.dim),
        "free-gan": lambda: OfCritic(FreeDiscriminatorLoss()),
        "wasserstein": lambda: OfCritic(WassersteinLoss()),
    }
    return table[name]()


def make_gradient(options: EbmOptions) -> SamplerGradient:
    """Of the generator; ``hybrid`` adds likelihood to what the objective's own system does, or to following where that stands still."""
    size = options.batch_size
    table: dict[str, Callable[[], SamplerGradient]] = {
        "fixed": Fixed,
        "path": lambda: PathGradient(size),
        "reparameterized": lambda: Reparameterized(size),
        "score": lambda: ScoreFunction(size),
        "alpha": lambda: WeightedLikelihood(2.0, 2 * size),
        "annealed": lambda: AnnealedLikelihood(Mala(STEP_SIZE), sigmoid_temperatures(NUM_TEMPERATURES), 2.0, size),
        "likelihood": LikelihoodGradient,
        "adversarial": lambda: (
            FreeAdversarial(num_samples=size) if options.objective == "free-gan" else DensityAwareAdversarial(minimax_loss, size)
        ),
        "energy-alone": lambda: EnergyAlone(size),
        "pull-away": lambda: PullAway(code_of, 0.1, size),
    }
    if options.sampler_gradient != "hybrid":
        return table[options.sampler_gradient]()
    own = gradient_of(options.objective, options.generator)
    return Hybrid(table[own if own != "fixed" else gradient_of("gan", options.generator)]())


def code_of(density: UnnormalizedDensity, x: X) -> Float[Array, " code"]:
    """The code of a draw, which the pull-away term compares."""
    energy: Any = density.energy
    return energy.code(x)


def make_penalty(options: EbmOptions) -> Penalty:
    """Regularizers of the energy."""
    parts: list[Penalty] = []
    if options.weight_decay > 0:
        parts.append(WeightDecay(options.weight_decay))
    if options.gradient_penalty > 0:
        parts.append(DataGradientPenalty(options.gradient_penalty))
    if options.objective == "wasserstein":
        parts.append(LipschitzPenalty())
    return Penalties(tuple(parts))
