"""An energy compiled by jax against a generator that runs elsewhere: a tilt of it with log Z, or the paper's game with the generator in it.

    p_theta(x) = q(x) exp(-f(x))/Z

    tilt:  f by noise-contrastive estimation on the generator's draws; q_0 stands still
    play:  one step of the generator by  update(tokens, reward = log q_0(x) - f(x) - log q(x)),   f held fixed

The reward is log p_theta - log q with p_theta a tilt of q_0, the generator as it was when f was learned: what the reverse KL asks of q, up
to a constant. Once q has moved, an f that is learned anew is relative to the q of then.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from triality.algorithms.density_estimation import fit_tilt_of_draws
from triality.algorithms.minibatch import DataSet
from triality.algorithms.stages import Stage
from triality.algorithms.tilt_learning import TiltLearning
from triality.energies.sequence import SequenceEnergy
from triality.energy import Energy
from triality.errors import DataError
from triality.outside.generator import OutsideGenerator, check_generator
from triality.partition.alarm import Alarm, three_way_alarm
from triality.sampler import in_pieces


class OutsideTilt(NamedTuple):
    """What came of it.

    Fields:
        energy: f, nats; as it was handed in where no step of it was better on validation data.
        curve: validation log likelihood of the tilted model after every chunk, nats a sequence; the first one is the generator's own.
        alarm: three estimates of log Z on fresh draws and on test data, with their errors and the verdict.
        log_ratio_drawn: -f of the fresh draws, the logarithms of their importance weights.
        drawn: the fresh draws.
    """

    energy: SequenceEnergy
    curve: list[float]
    alarm: Alarm
    log_ratio_drawn: Float[Array, " n"]
    drawn: Int[np.ndarray, "n length"]


def fit_outside_tilt(
    generator: OutsideGenerator,
    key: Key[Array, ""],
    energy: SequenceEnergy,
    train: Int[np.ndarray, "n length"],
    valid: Int[np.ndarray, "v length"],
    test: Int[np.ndarray, "t length"],
    num_steps: int = 1000,
    num_drawn: int = 4096,
    learning_rate: float = 1e-3,
    batch_size: int = 256,
) -> OutsideTilt:
    """A residual energy over a generator that stands still.

    Args:
        generator: checked on a first batch.
        key: randomness of the energy's minibatches; the generator's is its own.
        energy: f as it begins.
        train, valid, test: to learn from, to choose by, and to judge log Z with.
        num_steps: of the energy.
        num_drawn: the generator's draws, renewed a few times, and fresh ones for log Z.
        learning_rate: of Adam.
        batch_size: data, and draws, of a step.

    Raises:
        DataError: the generator's tokens or log q cannot be right, tokens are out of range, or the generator cannot make held-out ones.
        NonFiniteError: parameters became NaN or infinite.
    """
    check_generator(generator, train.shape[1], energy.embedding.shape[0])
    for name, part in (("train", train), ("valid", valid), ("test", test)):
        if part.min() < 0 or part.max() >= energy.embedding.shape[0]:
            raise DataError(
                f"expected tokens 0 .. {energy.embedding.shape[0] - 1} in {name}, got {part.min()} .. {part.max()}; check the data"
            )
    data = DataSet(jnp.asarray(train, jnp.int32))
    learning = TiltLearning(data, data, learning_rate=jnp.asarray(learning_rate), batch_size=batch_size, num_drawn=batch_size)

    def draws(key: Key[Array, ""], size: int) -> Int[Array, "n length"]:
        del key
        return jnp.asarray(generator.sample(size)[0], jnp.int32)

    of_generator = float(np.mean(generator.log_prob(valid)))
    if not np.isfinite(of_generator) or not np.all(np.isfinite(generator.log_prob(test))):
        raise DataError("expected validation and test sequences that the generator can make, got some of log q -inf; leave them out")
    held = jnp.asarray(valid, jnp.int32)
    chunk = max(1, num_steps // 4)
    stage: Stage = fit_tilt_of_draws(learning, key, energy, draws, of_generator, held, num_steps, chunk, num_drawn)
    best: SequenceEnergy = stage.best.density.energy
    drawn = generator.sample(num_drawn)[0]
    on_data, on_drawn = (-_energies(best, jnp.asarray(x, jnp.int32)) for x in (test, drawn))
    return OutsideTilt(best, stage.curve, jax.jit(three_way_alarm)(on_data, on_drawn), on_drawn, drawn)


class OutsideGame(NamedTuple):
    """What one round of the game saw, never needed next.

    Fields:
        reward: mean of log p_theta - log q over the draws, up to a constant; nats a sequence.
        log_weight_std: its spread; 0 = the generator is p_theta.
    """

    reward: float
    log_weight_std: float


def play_round(
    generator: OutsideGenerator,
    energy: Energy[Int[Array, " length"]],
    log_q_before: OutsideGenerator,
    num_samples: int = 256,
) -> OutsideGame:
    """One step of the generator against f held fixed.

    Args:
        generator: moves.
        energy: f.
        log_q_before: q_0, the generator that f is relative to: a frozen copy.
        num_samples: draws of the step.
    """
    tokens, log_q = generator.sample(num_samples)
    tilt = np.asarray(_energies(energy, jnp.asarray(tokens, jnp.int32)))
    reward = log_q_before.log_prob(tokens) - tilt - log_q
    generator.update(tokens, reward)
    return OutsideGame(float(reward.mean()), float(reward.std()))


@eqx.filter_jit
def _energies(energy: Energy[Int[Array, " length"]], x: Int[Array, "n length"]) -> Float[Array, " n"]:
    return in_pieces(energy, x)
