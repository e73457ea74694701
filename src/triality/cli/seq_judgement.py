"""What a generator of sequences and its energy are worth, on held-out sequences that trained and chose nothing, and against the oracle.

    nll_test     -mean log q(data) a token                         kl_forward  KL(p || q) = nll_test - H(p)
    nll_oracle   -mean log p(draws of q) a token                   kl_reverse  KL(q || p) = nll_oracle - H(q)

p the oracle, whose entropy H(p) is estimated on the very same data, so that its noise cancels. An energy's likelihood is charged the upper
end of importance sampling's 95 % interval of log Z.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from triality.algorithms.density_estimation import resample
from triality.cli.density_judgement import charge
from triality.cli.seq_options import SeqOptions
from triality.data.sequences import SequenceData
from triality.metrics.bleu import bleu, self_bleu
from triality.metrics.effective_sample_size import forward_share, reverse_share
from triality.metrics.perplexity_bounds import log_z_bounds, perplexity_bounds
from triality.numerics import log_mean_exp
from triality.partition import table
from triality.partition.alarm import ENOUGH_SAMPLES, three_way_alarm
from triality.sampler import draw_in_pieces, in_pieces
from triality.samplers.tokens.ending import num_real
from triality.samplers.tokens.tempered import tempered
from triality.samplers.tokens.token_sampler import TokenSampler

if TYPE_CHECKING:
    from triality.cli.seq_stages import FittedSequences

MOST_SENTENCES = 10_000
"""Samples of BLEU, each against all test sentences or all other samples. Both rise with how many there are: Texygen's table has 10,000."""
BLEU_ORDERS = (2, 3, 4, 5)


class Judged(NamedTuple):
    """What was found of one seed.

    Fields:
        log_z: the table of all estimates with the verdict; None where there is no energy that is a density.
        charged: log Z that likelihoods are charged, nats a sequence; nan where there is none.
        metrics: by name; nats a token, unless the name says otherwise.
        frontier: temperature, nll_test and nll_oracle of the generator, row by row; no row without an oracle.
        drawn: draws of the generator.
        picked: the same resampled by their importance weights: sequences of the energy.
        energies: of test data and of draws, nats a sequence.
        log_ratios: -E - log q of both, nats.
    """

    log_z: table.LogZTable | None
    charged: float
    metrics: dict[str, float]
    frontier: Float[np.ndarray, "temperatures 3"]
    drawn: Int[Array, "n length"]
    picked: Int[Array, "n length"]
    energies: tuple[Array, Array]
    log_ratios: tuple[Array, Array]


class _Side(NamedTuple):
    """Sequences of one side: their number of tokens, log q, E, and log p of the oracle (zero without one)."""

    x: Int[Array, "n length"]
    size: Float[Array, " n"]
    log_q: Float[Array, " n"]
    energy: Float[Array, " n"]
    log_p: Float[Array, " n"]

    @property
    def log_ratio(self) -> Float[Array, " n"]:
        return -self.energy - self.log_q


def judge(key: Key[Array, ""], fitted: FittedSequences, data: SequenceData, oracle: TokenSampler | None, options: SeqOptions) -> Judged:
    """Everything, on fresh draws and on test data."""
    keys = jax.random.split(key, 3)
    test = jnp.asarray(data.test, jnp.int32)
    drawn = draw_of(keys[0], fitted.sampler, options.num_drawn)
    sides = [side_of(fitted.sampler, fitted.energy, oracle, x) for x in (test, drawn)]
    metrics = _of_generator(sides[0], sides[1], oracle is not None)
    metrics["likelihood_nll_test"] = _a_token(-log_probs_of(fitted.first, test), sides[0].size)[0]
    found, charged, log_ratio = None, math.nan, jnp.zeros(options.num_drawn)
    if fitted.is_tilted:
        log_ratio = sides[1].log_ratio
        alarm = jax.jit(three_way_alarm)(sides[0].log_ratio, log_ratio)
        found = table.log_z_table(alarm, len(test), options.num_drawn)
        charged = charge(found)
        metrics |= _of_weights(sides[0], sides[1])
        if float(alarm.effective_samples) >= ENOUGH_SAMPLES:  # below that log Z is no number, and a likelihood made with it may be anything
            metrics |= _of_energy(sides[0], sides[1], charged, oracle is not None)
    picked = drawn[resample(keys[1], log_ratio, options.num_drawn)]
    if data.words and data.joiner == " ":
        metrics |= _of_text(data, np.asarray(drawn), "")
        metrics |= _of_picked_text(data, np.asarray(picked)) if fitted.is_tilted else {}
    frontier = _frontier(keys[2], fitted.sampler, oracle, test, options)
    if len(frontier):
        metrics["best_sum"] = float(np.min(frontier[:, 1] + frontier[:, 2]))
    energies, log_ratios = (sides[0].energy, sides[1].energy), (sides[0].log_ratio, sides[1].log_ratio)
    return Judged(found, charged, metrics, frontier, drawn, picked, energies, log_ratios)


@eqx.filter_jit
def draw_of(key: Key[Array, ""], sampler: TokenSampler, num_samples: int) -> Int[Array, "n length"]:
    """Fresh draws, some hundreds at a time."""
    return draw_in_pieces(sampler, key, num_samples).x


@eqx.filter_jit
def log_probs_of(sampler: TokenSampler, x: Int[Array, "n length"]) -> Float[Array, " n"]:
    """log q of a sequence each, some hundreds at a time."""
    return in_pieces(sampler.log_prob, x)


@eqx.filter_jit
def side_of(sampler: TokenSampler, energy: Any, oracle: TokenSampler | None, x: Int[Array, "n length"]) -> _Side:
    """What is asked of every sequence."""
    log_p = jnp.zeros(len(x)) if oracle is None else in_pieces(oracle.log_prob, x)
    size = jax.vmap(lambda x: num_real(x, sampler.end))(x).astype(float)
    return _Side(x, size, in_pieces(sampler.log_prob, x), in_pieces(energy, x), log_p)


def _a_token(nats: Float[Array, " n"], size: Float[Array, " n"]) -> tuple[float, float]:
    """Sum over sum of tokens, and its standard error as a ratio."""
    mean = float(jnp.sum(nats) / jnp.sum(size))
    spread = float(jnp.std(nats - mean * size, ddof=1)) / (float(jnp.mean(size)) * math.sqrt(len(size)))
    return mean, spread


def _of_generator(data: _Side, drawn: _Side, has_oracle: bool) -> dict[str, float]:
    nll, error = _a_token(-data.log_q, data.size)
    found = {"nll_test": nll, "nll_test_stderr": error, "perplexity": math.exp(nll), "nll_sequence": float(-jnp.mean(data.log_q))}
    if not has_oracle:
        return found
    named = {
        "nll_oracle": _a_token(-drawn.log_p, drawn.size),
        "entropy": _a_token(-drawn.log_q, drawn.size),
        "kl_forward": _a_token(data.log_p - data.log_q, data.size),
        "kl_reverse": _a_token(drawn.log_q - drawn.log_p, drawn.size),
        "oracle_entropy": _a_token(-data.log_p, data.size),
    }
    return found | {name: value for name, (value, _) in named.items()} | {f"{name}_stderr": each for name, (_, each) in named.items()}


def _of_weights(data: _Side, drawn: _Side) -> dict[str, float]:
    """Whether an energy's draws can be had from the generator's."""
    return {
        "ess_fraction": float(reverse_share(drawn.log_ratio)),
        "forward_share": float(forward_share(data.log_ratio)),
        "log_weight_std": float(jnp.std(drawn.log_ratio)),
    }


def _of_energy(data: _Side, drawn: _Side, charged: float, has_oracle: bool) -> dict[str, float]:
    """Of p_theta = exp(-E)/Z: likelihood, gain over the generator, bounds of perplexity, and by importance weights what its draws are."""
    nll, error = _a_token(data.energy + charged, data.size)
    gain, gain_error = _a_token(data.log_ratio - charged, data.size)
    bounds = perplexity_bounds(-data.energy, jnp.sum(data.size), log_z_bounds(drawn.log_ratio))
    weight = jax.nn.softmax(drawn.log_ratio)
    found = {
        "energy_nll_test": nll,
        "energy_nll_test_stderr": error,
        "gain": gain,
        "gain_stderr": gain_error,
        "energy_perplexity_low": float(bounds.low),
        "energy_perplexity_high": float(bounds.high),
    }
    if has_oracle:
        tokens = jnp.sum(weight * drawn.size)
        log_model = -drawn.energy - log_mean_exp(drawn.log_ratio)
        found["energy_nll_oracle"] = float(-jnp.sum(weight * drawn.log_p) / tokens)
        found["energy_kl_reverse"] = float(jnp.sum(weight * (log_model - drawn.log_p)) / tokens)
        found["energy_kl_forward"] = _a_token(data.log_p + data.energy + charged, data.size)[0]
        found["energy_sum"] = nll + found["energy_nll_oracle"]
    return found


def _frontier(
    key: Key[Array, ""], sampler: TokenSampler, oracle: TokenSampler | None, test: Int[Array, "n length"], options: SeqOptions
) -> Float[np.ndarray, "temperatures 3"]:
    """Both likelihoods of the generator at every temperature."""
    rows = []
    for number, temperature in enumerate(options.temperatures if oracle is not None else ()):
        q = tempered(sampler, temperature)
        x = draw_of(jax.random.fold_in(key, number), q, options.num_drawn)
        size = float(test.shape[1])
        rows.append((temperature, -float(jnp.mean(log_probs_of(q, test))) / size, -float(jnp.mean(_log_p(oracle, x))) / size))
    return np.array(rows).reshape(-1, 3)


def _log_p(oracle: TokenSampler | None, x: Int[Array, "n length"]) -> Float[Array, " n"]:
    assert oracle is not None, "the caller checked"
    return log_probs_of(oracle, x)


def _of_text(data: SequenceData, rows: np.ndarray, prefix: str) -> dict[str, float]:
    """BLEU against the test sentences and among the samples, by Texygen's definitions."""
    samples = [data.written(row).split() for row in rows[:MOST_SENTENCES]]
    references = [data.written(row).split() for row in data.test]
    samples, references = [each for each in samples if each], [each for each in references if each]
    if len(samples) < 2 or not references:
        return {}
    found = {f"{prefix}bleu_{order}": bleu(samples, references, order) for order in BLEU_ORDERS}
    return found | {f"{prefix}self_bleu_{order}": self_bleu(samples, order) for order in BLEU_ORDERS}


def _of_picked_text(data: SequenceData, rows: np.ndarray) -> dict[str, float]:
    """BLEU of the energy's sequences; no self-BLEU, since a draw that was picked twice is its own best reference."""
    return {f"energy_{name}": value for name, value in _of_text(data, rows, "").items() if not name.startswith("self")}
