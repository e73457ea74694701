"""Options of ``triality seq`` made into a generator, an energy and an algorithm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from triality.algorithms.energy_learning import EnergyLearning, Objective
from triality.algorithms.minibatch import DataSet
from triality.algorithms.tilt_learning import TiltLearning
from triality.algorithms.token_critic import TokenActorCritic
from triality.cli.seq_names import ORACLE
from triality.cli.seq_options import SeqOptions
from triality.data.seqgan_oracle import LENGTH, read_seqgan_oracle
from triality.data.sequences import SequenceData
from triality.energies.sequence import SequenceEnergy, attentive_sequence_energy, convolutional_sequence_energy, token_energy
from triality.energy import Energy
from triality.objectives.critic import OfCritic
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.free_discriminator import FreeDiscriminatorLoss
from triality.objectives.generator_loss import GeneratorLoss, Likelihood
from triality.objectives.sequence.dropout import DropoutLikelihood
from triality.objectives.sequence.mixer import Mixer
from triality.objectives.sequence.reward_augmented import RewardAugmented
from triality.objectives.sequence.scheduled_sampling import ScheduledSampling
from triality.objectives.sequence.schedules import ExponentialDecay, InverseSigmoidDecay, LinearDecay, Schedule
from triality.objectives.sequence.weight_prior import WithWeightPrior
from triality.sampler import draw_in_pieces
from triality.samplers.autoregressive.heads import categorical_head
from triality.samplers.tokens.token_sampler import TokenSampler, gru, lstm, transformer
from triality.updates.sampler.gradient import SamplerGradient
from triality.updates.sampler.gumbel import GumbelSoftmax
from triality.updates.sampler.token_score import Credit, MinusRealness, RolloutReturn, TokenReturn, TokenScore, WholeReturn

INPUTS, BLOCKS, HEADS = 32, 2, 4
DISCRIMINATOR_STEPS = 5
"""Of SeqGAN's discriminator, a generator step."""
TAU = 0.5
"""Of relaxed draws."""
ORACLE_SEED = 1_000_000
"""Added to the seed of the data, so that they share no key with what is learned from them."""
ORACLE_KEYS = {"train": 1, "valid": 2, "test": 3}


def read_oracle(options: SeqOptions) -> TokenSampler | None:
    """The law that the data come from, where it is known.

    Raises:
        DataError: its file cannot be read.
    """
    return read_seqgan_oracle(path_of(options), options.length or LENGTH) if options.data.startswith(ORACLE) else None


def path_of(options: SeqOptions) -> Path:
    """Of the data, or of the oracle."""
    return Path(options.data.removeprefix(ORACLE))


def of_oracle(oracle: TokenSampler, options: SeqOptions) -> SequenceData:
    """Sequences that the oracle draws; the same for every seed of the run."""
    key, half = jax.random.key(ORACLE_SEED + options.seed), options.num_data // 2
    sizes = {"train": options.num_data, "valid": half, "test": half}
    drawn = eqx.filter_jit(lambda q, key, size: draw_in_pieces(q, key, size).x)
    parts = [np.asarray(drawn(oracle, jax.random.fold_in(key, ORACLE_KEYS[name]), size)) for name, size in sizes.items()]
    return SequenceData(parts[0], parts[1], parts[2], oracle.vocabulary, None)


def make_generator(options: SeqOptions, key: Key[Array, ""], data: SequenceData) -> TokenSampler:
    """As it begins: whatever came before, tokens by how often training has them."""
    shares = np.bincount(data.train.ravel(), minlength=data.vocabulary) + 0.5
    head = categorical_head(options.hidden, data.vocabulary, jnp.asarray(shares / shares.sum(), float))
    length, size, hidden = data.length, data.vocabulary, options.hidden
    table: dict[str, Callable[[], TokenSampler]] = {
        "lstm": lambda: lstm(key, length, size, hidden, INPUTS, head, data.end),
        "gru": lambda: gru(key, length, size, hidden, INPUTS, head, data.end),
        "transformer": lambda: transformer(key, length, size, hidden, BLOCKS, HEADS, head, data.end),
    }
    return table[options.generator]()


def make_critic(options: SeqOptions, key: Key[Array, ""], data: SequenceData) -> TokenSampler:
    """A network whose logits become values, zero at first."""
    return lstm(key, data.length, data.vocabulary, options.hidden, INPUTS, None, data.end)


def make_network(options: SeqOptions, key: Key[Array, ""], data: SequenceData) -> SequenceEnergy:
    """f of the energy, nearly flat at first."""
    table: dict[str, Callable[[], SequenceEnergy]] = {
        "convolutional": lambda: convolutional_sequence_energy(key, data.vocabulary, data.length, end=data.end),
        "attentive": lambda: attentive_sequence_energy(key, data.vocabulary, data.length, end=data.end),
        "by-token": lambda: token_energy(key, data.vocabulary, end=data.end),
    }
    return table[options.energy]()


def make_schedule(options: SeqOptions, num_steps: int) -> Schedule:
    """From one to the least share at the last step."""
    last, least = max(num_steps, 1), min(max(options.least_share, 1e-3), 1.0 - 1e-3)
    table: dict[str, Callable[[], Schedule]] = {
        "linear": lambda: LinearDecay(last / (1.0 - least), options.least_share),
        "exponential": lambda: ExponentialDecay(least ** (1.0 / last)),
        "sigmoid": lambda: InverseSigmoidDecay(sigmoid_scale(last, least)),
    }
    return table[options.schedule]()


def sigmoid_scale(num_steps: int, share: float) -> float:
    """k of the inverse sigmoid decay that has fallen to ``share`` after so many steps: k log(k (1 - share)/share) = steps.

    Example:
        >>> k = sigmoid_scale(1000, 0.5)
        >>> float(InverseSigmoidDecay(k)(jnp.array(1000)).round(3))
        0.5
    """
    low, high = 1.0 + share / (1.0 - share), 10.0 * num_steps + 10.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        is_early = middle * np.log(middle * (1.0 - share) / share) < num_steps
        low, high = (middle, high) if is_early else (low, middle)
    return high


def make_loss(options: SeqOptions, num_data: int) -> GeneratorLoss:
    """What the generator is trained by before there is an energy."""
    table: dict[str, Callable[[], GeneratorLoss]] = {
        "scheduled-sampling": lambda: ScheduledSampling(make_schedule(options, options.generator_steps)),
        "reward-augmented": lambda: RewardAugmented(options.payoff_temperature),
    }
    plain: GeneratorLoss = DropoutLikelihood(options.dropout) if options.dropout > 0 else Likelihood()
    loss = table.get(options.objective, lambda: plain)()
    return WithWeightPrior(num_data, options.weight_prior, loss) if options.weight_prior > 0 else loss


def make_tilt_learning(options: SeqOptions, data: DataSet) -> TiltLearning:
    """The algorithm of a tilt whose generator stands still; its stock of draws comes later."""
    size = 4 * options.batch_size
    return TiltLearning(
        data, data, DiscriminatorLoss(), learning_rate=jnp.asarray(options.energy_learning_rate), batch_size=size, num_drawn=size
    )


def make_game(options: SeqOptions, data: DataSet) -> EnergyLearning:
    """Energy and generator by turns."""
    objective: Objective = OfCritic(FreeDiscriminatorLoss()) if options.objective == "seqgan" else DiscriminatorLoss()
    return EnergyLearning(
        data,
        objective,
        make_gradient(options),
        energy_learning_rate=jnp.asarray(options.energy_learning_rate),
        sampler_learning_rate=jnp.asarray(options.sampler_learning_rate),
        batch_size=options.batch_size,
        num_drawn=options.batch_size,
        num_energy_steps=DISCRIMINATOR_STEPS if options.objective == "seqgan" else 1,
    )


def make_gradient(options: SeqOptions) -> SamplerGradient:
    """Of the generator that follows; SeqGAN's has a reward and no entropy."""
    if options.credit == "relaxed":
        return GumbelSoftmax(TAU, num_samples=options.batch_size)
    table: dict[str, Callable[[], Credit]] = {
        "whole": WholeReturn,
        "by-token": TokenReturn,
        "rollouts": lambda: RolloutReturn(options.num_rollouts),
    }
    credit = table[options.credit]()
    if options.objective == "seqgan":
        return TokenScore(credit, MinusRealness(), 0.0, options.batch_size)
    return TokenScore(credit, num_samples=options.batch_size)


def make_mixer(options: SeqOptions, energy: Energy[Int[Array, " length"]]) -> Mixer:
    """Minus the learned tilt as reward."""
    return Mixer(MinusEnergy(energy), make_schedule(options, options.energy_steps))


def make_actor_critic(options: SeqOptions, energy: Energy[Int[Array, " length"]]) -> TokenActorCritic:
    """The model's whole energy as cost, temperature 1."""
    return TokenActorCritic(energy, learning_rate=jnp.asarray(options.sampler_learning_rate), num_samples=options.batch_size)


class MinusEnergy(eqx.Module):
    """An energy as a reward."""

    energy: Energy[Int[Array, " length"]]

    def __call__(self, x: Int[Array, " length"]) -> Float[Array, ""]:
        return -self.energy(x)


def as_data_set(rows: np.ndarray) -> DataSet:
    """Rows inside a compiled run."""
    return DataSet(jnp.asarray(rows, jnp.int32))
