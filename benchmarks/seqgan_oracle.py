"""SeqGAN's synthetic task by every method here: both likelihoods, both divergences, and the curve over temperatures.

    python benchmarks/seqgan_oracle.py                        # what is not done yet; hours on one core
    python benchmarks/seqgan_oracle.py --only "likelihood"    # methods whose name contains it
    python benchmarks/seqgan_oracle.py --table                # docs/results/seqgan_oracle.md and its figure, from the record

10,000 training sequences of the oracle, 5,000 to choose by, 10,000 to judge by (all three drawn anew for each seed), 10,000 draws of each
model, 20 tokens, nats a token. Likelihood is stopped where validation likelihood is greatest, at temperature 1. What follows an energy or a
reward has no such judge: there every chunk is told, the one of least NLL_oracle is SeqGAN's own rule, and the row says which was taken.
The oracle's file belongs to its authors and is not part of this project (--oracle).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import ROOT, one_thread
from result_page import PICTURES, Record, ResultPage, kept

one_thread()

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from oracle_page import page, plot  # noqa: E402

from triality.algorithms.density_estimation import fit_tilt  # noqa: E402
from triality.algorithms.energy_learning import EnergyLearning  # noqa: E402
from triality.algorithms.likelihood_learning import LikelihoodLearning  # noqa: E402
from triality.algorithms.minibatch import DataSet  # noqa: E402
from triality.algorithms.tilt_learning import TiltLearning  # noqa: E402
from triality.data.seqgan_oracle import read_seqgan_oracle  # noqa: E402
from triality.energies.sequence import convolutional_sequence_energy  # noqa: E402
from triality.energies.tilted_sequence import TiltedSequenceEnergy  # noqa: E402
from triality.numerics import effective_sample_size  # noqa: E402
from triality.objectives.critic import OfCritic  # noqa: E402
from triality.objectives.discriminator import DiscriminatorLoss  # noqa: E402
from triality.objectives.free_discriminator import FreeDiscriminatorLoss  # noqa: E402
from triality.objectives.generator_loss import GeneratorLoss, Likelihood  # noqa: E402
from triality.objectives.sequence.dropout import DropoutLikelihood  # noqa: E402
from triality.objectives.sequence.scheduled_sampling import ScheduledSampling  # noqa: E402
from triality.objectives.sequence.schedules import LinearDecay  # noqa: E402
from triality.partition.importance import importance  # noqa: E402
from triality.run import run  # noqa: E402
from triality.sampler import draw_in_pieces, in_pieces  # noqa: E402
from triality.samplers.autoregressive.heads import categorical_head  # noqa: E402
from triality.samplers.tokens.committee import committee  # noqa: E402
from triality.samplers.tokens.tempered import tempered  # noqa: E402
from triality.samplers.tokens.token_sampler import TokenSampler, lstm  # noqa: E402
from triality.updates.sampler.token_score import MinusRealness, RolloutReturn, TokenScore  # noqa: E402

LENGTH, VOCABULARY, HIDDEN = 20, 5000, 32
NUM_TRAIN, NUM_VALID, NUM_TEST, NUM_DRAWN = 10_000, 5_000, 10_000, 10_000
TEMPERATURES = (1.0, 0.9, 0.8, 0.7, 0.65, 0.6, 0.55, 0.5)
NUM_WATCHED = 2_000
"""Draws that NLL_oracle is told by while something learns."""
BATCH = 64


class Sets(NamedTuple):
    """What one seed learns from and is judged by; log p is the oracle's."""

    train: jax.Array
    valid: jax.Array
    test: jax.Array
    log_p_test: jax.Array


class Recipe(NamedTuple):
    """How a generator is fitted: steps in chunks, the rate lowered for the last parts."""

    loss: Callable[[], GeneratorLoss]
    rate: float
    steps: int
    chunk: int


def recipes(shorter: int) -> dict[str, Recipe]:
    """By name, of losses alone. ``shorter`` divides the steps, to try it out."""
    steps = 8000 // shorter

    def scheduled() -> GeneratorLoss:
        return ScheduledSampling(LinearDecay(2.0 * steps, 0.5))

    plain = Recipe(Likelihood, 1e-3, steps, max(1, steps // 24))

    return {
        "likelihood": Recipe(lambda: DropoutLikelihood(0.3), 1e-2, steps, max(1, steps // 24)),
        "likelihood, no dropout": plain,
        "scheduled sampling": plain._replace(loss=scheduled),
    }


METHODS = (
    "random",
    "likelihood",
    "likelihood, no dropout",
    "scheduled sampling",
    "committee",
    "energy over likelihood",
    "energy, generator follows",
    "SeqGAN",
    "SeqGAN, no pre-training",
)
NUM_MEMBERS = 5
"""Of a committee: the same training sequences, other initial weights and minibatches."""


def main() -> int:
    result = ResultPage("seqgan_oracle", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--oracle", type=Path, default=ROOT.parent / "shared" / "data" / "seqgan_oracle_lstm.npz", help="(%(default)s)")
    parser.add_argument("--curves", type=Path, default=ROOT.parent / "shared" / "data" / "frontier", help="published curves (%(default)s)")
    parser.add_argument("--figure", type=Path, default=PICTURES / "seqgan_oracle.svg")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "seqgan_oracle", help="where generators are kept (%(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="of likelihood and of the best energy method; one of the rest (%(default)s)")
    parser.add_argument("--only", default="", help="methods whose name contains it")
    parser.add_argument("--shorter", type=int, default=1, help="divide steps and draws, to try it out (default %(default)s)")
    options = parser.parse_args()
    result.run(options)
    if options.table:
        plot(kept(options.out), options.curves, options.figure)
    return 0


def measure(options: argparse.Namespace) -> Iterator[Record]:
    """Method by method, seed by seed; what is in the record already is not run again."""
    oracle = read_seqgan_oracle(options.oracle)
    before = kept(options.out)
    if before.get("shorter", options.shorter) != options.shorter:
        raise SystemExit(
            f"expected the record {options.out} to be of --shorter {options.shorter}, got {before['shorter']}; give another --out"
        )
    found: dict[str, dict[str, Any]] = before.get("methods", {})
    many = ("likelihood", "energy over likelihood")
    for method in METHODS:
        if options.only not in method:
            continue
        for seed in range(options.seeds if method in many else 1):
            if str(seed) in found.get(method, {}):
                continue
            print(f"--- {method}, seed {seed}", flush=True)
            sets = draw_sets(oracle, seed, options.shorter)
            found.setdefault(method, {})[str(seed)] = Experiment(oracle, sets, seed, options).run(method)
            yield {"methods": found, "shorter": options.shorter}
    yield {"methods": found, "shorter": options.shorter}


@eqx.filter_jit
def drawn_by(sampler: Any, key: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
    drawn = draw_in_pieces(sampler, key, num)
    return drawn.x, drawn.log_q


@eqx.filter_jit
def log_probs(density: Any, x: jax.Array) -> jax.Array:
    return in_pieces(density.log_prob, x)


@eqx.filter_jit
def energies(energy: Any, x: jax.Array) -> jax.Array:
    return in_pieces(energy, x)


@eqx.filter_jit
def advanced(learning: Any, state: Any, num_steps: int) -> Any:
    return run(learning, state, 1, num_steps)[0]


def draw_sets(oracle: TokenSampler, seed: int, shorter: int) -> Sets:
    keys = jax.random.split(jax.random.key(100 + seed), 3)
    sizes = [max(100, size // shorter) for size in (NUM_TRAIN, NUM_VALID, NUM_TEST)]
    (train, _), (valid, _), (test, log_p) = (drawn_by(oracle, key, size) for key, size in zip(keys, sizes, strict=True))
    return Sets(train, valid, test, log_p)


class Experiment:
    """All methods of one seed; the generator by likelihood is kept in a file, since others begin at it."""

    def __init__(self, oracle: TokenSampler, sets: Sets, seed: int, options: argparse.Namespace):
        self.oracle, self.sets, self.seed, self.options = oracle, sets, seed, options
        self.recipes = recipes(options.shorter)
        self.num_drawn = max(100, NUM_DRAWN // options.shorter)

    def run(self, method: str) -> dict[str, Any]:
        begin = time.perf_counter()
        if method == "random":
            found = self.judged(self.beginning(uniform=True))
        elif method in self.recipes:
            sampler, curve = self.fitted(method)
            found = self.judged(sampler) | {"curve": curve}
        elif method == "committee":
            found = self.judged(committee([self.likelihood(), *(self.fitted("likelihood", member)[0] for member in range(1, NUM_MEMBERS))]))
        elif method == "energy over likelihood":
            found = self.tilted()
        else:
            found = self.played(method)
        return found | {"seconds": time.perf_counter() - begin}

    def beginning(self, uniform: bool = False, member: int = 0) -> TokenSampler:
        shares = np.bincount(np.asarray(self.sets.train).ravel(), minlength=VOCABULARY) + 0.5
        head = None if uniform else categorical_head(HIDDEN, VOCABULARY, jnp.asarray(shares / shares.sum()))
        return lstm(jax.random.fold_in(jax.random.key(200 + self.seed), member), LENGTH, VOCABULARY, HIDDEN, HIDDEN, head)

    def watched(self, sampler: TokenSampler) -> dict[str, float]:
        x, _ = drawn_by(sampler, jax.random.key(7), max(100, NUM_WATCHED // self.options.shorter))
        test = self.sets.valid
        return {"nll_valid": per_token(-log_probs(sampler, test)), "nll_oracle": per_token(-log_probs(self.oracle, x))}

    def fitted(self, name: str, member: int = 0) -> tuple[TokenSampler, list[dict[str, float]]]:
        """The generator of greatest validation likelihood, and the course of both likelihoods."""
        recipe, begin = self.recipes[name], self.beginning(member=member)
        learning = LikelihoodLearning(DataSet(self.sets.train), recipe.rate, BATCH, recipe.loss())
        state = learning.init(jax.random.fold_in(jax.random.key(300 + self.seed), member), begin)
        best, least, curve = begin, np.inf, []
        for done in range(recipe.chunk, recipe.steps + 1, recipe.chunk):
            share = done / recipe.steps
            rate = recipe.rate * (1.0 if share <= 0.6 else 0.3 if share <= 0.85 else 0.1)
            state = advanced(eqx.tree_at(lambda each: each.learning_rate, learning, jnp.asarray(rate)), state, recipe.chunk)
            curve.append({"step": done, **self.watched(state.sampler)})
            print(f"  {done:>6,} steps: validation {curve[-1]['nll_valid']:.4f}, oracle {curve[-1]['nll_oracle']:.4f}", flush=True)
            if curve[-1]["nll_valid"] < least:
                best, least = state.sampler, curve[-1]["nll_valid"]
        if name == "likelihood" and member == 0:
            self.options.runs.mkdir(parents=True, exist_ok=True)
            eqx.tree_serialise_leaves(self._file(self.seed), best)
        return best, curve

    def likelihood(self) -> TokenSampler:
        file = self._file(self.seed)
        if not file.is_file():
            raise SystemExit(f"expected {file}, got none; run the method likelihood first")
        return eqx.tree_deserialise_leaves(file, self.beginning())

    def _file(self, seed: int) -> Path:
        return self.options.runs / f"likelihood_{seed}_{self.options.shorter}.eqx"

    def judged(self, sampler: TokenSampler) -> dict[str, Any]:
        """Both likelihoods, both divergences with standard errors, and the frontier."""
        x, log_q = drawn_by(sampler, jax.random.key(400 + self.seed), self.num_drawn)
        forward = (self.sets.log_p_test - log_probs(sampler, self.sets.test)) / LENGTH
        reverse = (log_q - log_probs(self.oracle, x)) / LENGTH
        found = {
            "nll_test": per_token(-log_probs(sampler, self.sets.test)),
            "nll_oracle": per_token(-log_probs(self.oracle, x)),
            "entropy": per_token(-log_q),
            **{name: float(jnp.mean(each)) for name, each in (("kl_forward", forward), ("kl_reverse", reverse))},
            **{f"{name}_stderr": stderr(each) for name, each in (("kl_forward", forward), ("kl_reverse", reverse))},
        }
        return found | {"frontier": [self._at(sampler, temperature) for temperature in TEMPERATURES]}

    def _at(self, sampler: TokenSampler, temperature: float) -> list[float]:
        q = tempered(sampler, temperature)
        x, _ = drawn_by(q, jax.random.key(500 + self.seed), self.num_drawn)
        return [temperature, per_token(-log_probs(q, self.sets.test)), per_token(-log_probs(self.oracle, x))]

    def tilted(self) -> dict[str, Any]:
        """A residual energy over the likelihood's generator, which stands still; the energy's own figures by importance weights."""
        q, shorter = self.likelihood(), self.options.shorter
        data = DataSet(self.sets.train)
        learning = TiltLearning(data, data, learning_rate=jnp.asarray(3e-4), batch_size=256, num_drawn=256)
        steps = 2000 // shorter
        network = convolutional_sequence_energy(jax.random.key(600 + self.seed), VOCABULARY, LENGTH)
        stage = fit_tilt(learning, jax.random.key(601 + self.seed), network, q, self.sets.valid, steps, max(1, steps // 10), self.num_drawn)
        tilt = stage.best.density.energy
        x, log_q = drawn_by(q, jax.random.key(700 + self.seed), self.num_drawn)
        on_test, on_drawn = -energies(tilt, self.sets.test), -energies(tilt, x)
        forward = importance(on_drawn)
        log_z = float(forward.value)
        log_q_test, weight = log_probs(q, self.sets.test), jax.nn.softmax(on_drawn)
        log_p = log_probs(self.oracle, x)
        gain = (on_test - log_z) / LENGTH
        return {
            "steps": stage.num_steps,
            "log_z": log_z,
            "nll_test": per_token(-(log_q_test + on_test - log_z)),
            "nll_oracle": float(-jnp.sum(weight * log_p)) / LENGTH,
            "kl_forward": per_token(self.sets.log_p_test - log_q_test - on_test + log_z),
            "kl_forward_stderr": float(
                np.hypot(stderr((self.sets.log_p_test - log_q_test - on_test) / LENGTH), float(forward.stderr) / LENGTH)
            ),
            "kl_reverse": float(jnp.sum(weight * (log_q + on_drawn - log_z - log_p))) / LENGTH,
            "gain": float(jnp.mean(gain)),
            "gain_stderr": float(np.hypot(stderr(gain), float(forward.stderr) / LENGTH)),
            "ess_fraction": float(effective_sample_size(on_drawn)) / len(on_drawn),
            "generator_nll_test": per_token(-log_q_test),
            "generator_nll_oracle": per_token(-log_p),
        }

    def played(self, method: str) -> dict[str, Any]:
        """A game; every chunk is told, the last state judged, and SeqGAN's own choice beside it."""
        shorter, is_seqgan = self.options.shorter, method.startswith("SeqGAN")
        begin = self.beginning() if method.endswith("no pre-training") else self.likelihood()
        network = convolutional_sequence_energy(jax.random.key(800 + self.seed), VOCABULARY, LENGTH)
        if is_seqgan:
            gradient = TokenScore(RolloutReturn(16), MinusRealness(), 0.0, BATCH)
            game = EnergyLearning(
                DataSet(self.sets.train), OfCritic(FreeDiscriminatorLoss()), gradient,
                energy_learning_rate=jnp.asarray(1e-3), sampler_learning_rate=jnp.asarray(1e-3),
                batch_size=BATCH, num_drawn=BATCH, num_energy_steps=5,
            )  # fmt: skip
            energy, steps = network, 150 // shorter
        else:
            game = EnergyLearning(
                DataSet(self.sets.train), DiscriminatorLoss(), TokenScore(num_samples=BATCH),
                energy_learning_rate=jnp.asarray(3e-4), sampler_learning_rate=jnp.asarray(3e-4), batch_size=BATCH, num_drawn=BATCH,
            )  # fmt: skip
            energy, steps = TiltedSequenceEnergy(begin, network), 2000 // shorter
        state = game.init(jax.random.key(801 + self.seed), energy, begin)
        best, least, curve, chunk = begin, np.inf, [{"step": 0, **self.watched(begin)}], max(1, steps // 15)
        for done in range(chunk, steps + 1, chunk):
            state = advanced(game, state, chunk)
            curve.append({"step": done, **self.watched(state.sampler)})
            print(f"  {done:>6,} steps: validation {curve[-1]['nll_valid']:.4f}, oracle {curve[-1]['nll_oracle']:.4f}", flush=True)
            if curve[-1]["nll_oracle"] < least:
                best, least = state.sampler, curve[-1]["nll_oracle"]
        return self.judged(state.sampler) | {"curve": curve, "by_own_rule": self.judged(best)}


def per_token(nats: jax.Array) -> float:
    return float(jnp.mean(nats)) / LENGTH


def stderr(values: jax.Array) -> float:
    return float(jnp.std(values, ddof=1)) / len(values) ** 0.5


if __name__ == "__main__":
    sys.exit(main())
