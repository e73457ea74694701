"""The noise and the bias of every gradient of a generator of tokens, against the exact gradient over all strings.

    python benchmarks/gradient_noise.py            # some minutes
    python benchmarks/gradient_noise.py --table    # docs/results/gradient_noise.md from the result file

Five tokens, length five, 3,125 strings: the gradient of the reverse KL is a finite sum. Generators (a gated recurrent unit) and energies
are drawn anew for every seed, once an energy that is a sum over tokens and once one of the whole sequence. Each estimator draws four
sequences; the critics are exact, so that what is left is the estimator's own noise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from machine import one_thread
from result_page import Record, ResultPage

one_thread()

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from triality.energies.sequence import convolutional_sequence_energy, token_energy  # noqa: E402
from triality.energy import Constant, UnnormalizedDensity  # noqa: E402
from triality.sampler import Samples  # noqa: E402
from triality.samplers.tokens.token_sampler import gru  # noqa: E402
from triality.updates.sampler.all_tokens import AllTokens, control_variate  # noqa: E402
from triality.updates.sampler.gumbel import GumbelSoftmax  # noqa: E402
from triality.updates.sampler.score_function import ScoreFunction  # noqa: E402
from triality.updates.sampler.token_score import RolloutReturn, TokenReturn, TokenScore  # noqa: E402

jax.config.update("jax_enable_x64", True)

VOCABULARY, LENGTH, NUM_SAMPLES, NUM_REPEATS, SEEDS = 5, 5, 4, 400, 5
STRINGS = jnp.asarray(np.stack(np.meshgrid(*[np.arange(VOCABULARY)] * LENGTH, indexing="ij"), axis=-1).reshape(-1, LENGTH))
NONE = Samples.unweighted(jnp.zeros((1, LENGTH), int), jnp.zeros(1))
ENERGIES = {"a sum over tokens": "by token", "of the whole sequence": "whole"}


def main() -> int:
    result = ResultPage("gradient_noise", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="generators and energies (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    rows: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        for energy_name in ENERGIES:
            q, density = problem(seed, ENERGIES[energy_name])
            exact = flat(exact_gradient(q, density))
            for name, estimator in estimators(q, density, ENERGIES[energy_name]).items():
                found = flat(repeated(estimator, jax.random.key(1000 + seed), q, density), axis=1)
                rows.append({"seed": seed, "energy": energy_name, "estimator": name} | said_of(found, exact))
            yield {"rows": rows, "repeats": NUM_REPEATS, "samples": NUM_SAMPLES}


def problem(seed: int, kind: str) -> tuple[Any, UnnormalizedDensity]:
    key_q, key_energy, key_shake = jax.random.split(jax.random.key(seed), 3)
    q = gru(key_q, LENGTH, VOCABULARY, hidden=6, inputs=4)
    if kind == "whole":
        energy = convolutional_sequence_energy(key_energy, VOCABULARY, LENGTH, inputs=3, widths=(1, 2), num_filters=4, hidden=5)
    else:
        energy = token_energy(key_energy, VOCABULARY, inputs=3, hidden=4)
    return shaken(key_shake, q, 0.7), UnnormalizedDensity(shaken(key_shake, energy, 0.7), Constant(jnp.array(0.0)))


def shaken(key: Any, tree: Any, size: float) -> Any:
    """Away from where parameters begin, so that generator and energy are far from uniform."""
    leaves, structure = jax.tree.flatten(eqx.filter(tree, eqx.is_inexact_array))
    moved = [leaf + size * jax.random.normal(k, leaf.shape) for k, leaf in zip(jax.random.split(key, len(leaves)), leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, moved), tree)


def estimators(q: Any, density: UnnormalizedDensity, kind: str) -> dict[str, Any]:
    critic = jax.tree_util.Partial(values_ahead, q, density)  # its arrays are arguments: one compilation for all seeds
    found: dict[str, Any] = {
        "one return for the whole sequence": ScoreFunction(NUM_SAMPLES),
        "a return a token": TokenScore(num_samples=NUM_SAMPLES),
        "a return a token, of the energy's own summands": TokenScore(TokenReturn(), num_samples=NUM_SAMPLES),
        "one roll-out a prefix": TokenScore(RolloutReturn(1), num_samples=NUM_SAMPLES),
        "sixteen roll-outs a prefix (SeqGAN)": TokenScore(RolloutReturn(16), num_samples=NUM_SAMPLES),
        "exact control variate over the vocabulary": control_variate(critic, num_samples=NUM_SAMPLES),
        "exact critic over the vocabulary": AllTokens(critic, num_samples=NUM_SAMPLES),
        "Gumbel-softmax, tau 0.5, straight through": GumbelSoftmax(0.5, straight_through=True, num_samples=NUM_SAMPLES),
        "Gumbel-softmax, tau 0.5": GumbelSoftmax(0.5, straight_through=False, num_samples=NUM_SAMPLES),
    }
    unfit = "Gumbel" if kind == "by token" else "own summands"
    return {name: each for name, each in found.items() if unfit not in name}


@eqx.filter_jit
def exact_gradient(q: Any, density: UnnormalizedDensity) -> Any:
    def value(q):
        log_q = jax.vmap(q.log_prob)(STRINGS)
        return jnp.sum(jnp.exp(log_q) * (jax.vmap(density.energy)(STRINGS) + log_q))

    return eqx.filter_grad(value)(q)


def values_ahead(q: Any, density: UnnormalizedDensity, x: jax.Array) -> jax.Array:
    """Q(x_{<t}, v): the mean of the energy and of log q after v over the strings that begin so."""
    log_q, cost = jax.lax.stop_gradient((jax.vmap(q.token_log_probs)(STRINGS), jax.vmap(density.energy)(STRINGS)))

    def of(place, token):
        begins = jnp.all((x == STRINGS) | (jnp.arange(LENGTH) >= place), axis=-1) & (STRINGS[:, place] == token)
        after = jnp.sum(jnp.where(jnp.arange(LENGTH) > place, log_q, 0.0), axis=-1)
        return jnp.sum(jnp.where(begins, jnp.exp(after), 0.0) * (cost + after))

    return jax.vmap(lambda place: jax.vmap(lambda token: of(place, token))(jnp.arange(VOCABULARY)))(jnp.arange(LENGTH))


@eqx.filter_jit
def repeated(estimator: Any, key: Any, q: Any, density: UnnormalizedDensity) -> Any:
    return jax.lax.map(
        lambda key: eqx.filter_grad(lambda q: estimator(key, q, density, NONE))(q), jax.random.split(key, NUM_REPEATS), batch_size=50
    )


def flat(gradient: Any, axis: int = 0) -> np.ndarray:
    return np.concatenate([np.asarray(leaf).reshape(*leaf.shape[:axis], -1) for leaf in jax.tree.leaves(gradient)], axis=-1)


def said_of(found: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    """Everything in units of the exact gradient: its squared length for variance and bias."""
    mean, variance = found.mean(axis=0), float(np.sum(found.var(axis=0, ddof=1)))
    length = float(exact @ exact)
    squared_bias = float(np.sum((mean - exact) ** 2)) - variance / len(found)  # what chance alone adds taken off
    return {
        "variance": variance / length,
        "squared_bias": squared_bias / length,
        "bias_stderr": variance / len(found) * np.sqrt(2.0 / len(exact)) / length,
        "cosine": float(mean @ exact / np.sqrt(mean @ mean * length)),
    }


def page(record: Record) -> list[str]:
    lines = ["# Noise of the gradients of a generator of tokens", ""]
    for energy in ENERGIES:
        rows = [row for row in record["rows"] if row["energy"] == energy]
        lines += [f"An energy that is {energy}:", "", "| estimator | variance | over the seeds | squared bias | cosine of the mean |"]
        lines += ["|---|---:|---:|---:|---:|"]
        for name in dict.fromkeys(row["estimator"] for row in rows):
            own = [row for row in rows if row["estimator"] == name]
            variance = sorted(row["variance"] for row in own)
            bias, cosine = (float(np.median([row[what] for row in own])) for what in ("squared_bias", "cosine"))
            lines.append(f"| {name} | {np.median(variance):.3g} | {variance[0]:.3g} to {variance[-1]:.3g} | {bias:.4f} | {cosine:.4f} |")
        lines.append("")
    return [
        *lines,
        f"Medians over {len({row['seed'] for row in record['rows']})} generators and energies; {record['repeats']:,} gradients of "
        f"{record['samples']} draws each; five tokens, length five, so that the",
        "exact gradient of the reverse KL is a sum over 3,125 strings. *Variance*: trace of the covariance; *squared bias*: of the mean",
        "gradient, what chance adds taken off, so that an unbiased one scatters about 0. Both in units of the exact gradient's squared",
        "length. The critics are exact here: a learned one has less to give, and a control variate stays unbiased whatever it is.",
        "Roll-outs cost a completion for every prefix each.",
    ]


if __name__ == "__main__":
    sys.exit(main())
