"""What every metric says of three known faults, and the entropy of every target: the tables of docs/metrics.md and docs/targets.md.

    python benchmarks/metric_faults.py                # about four minutes
    python benchmarks/metric_faults.py --num 2000     # fewer draws for the entropies
    python benchmarks/metric_faults.py --table        # docs/results/metric_faults.md from the result file

The target is the ring of eight, sd 0.01; 2,000 samples on either side, 1,000 for the two distances whose cost grows with the square.
Medians over the keys, as one p-value says little. A fault is seen (bold) where the values of nine keys in ten lie outside
what equal laws have with the middle nine in ten.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import numpy as np
from machine import one_thread
from result_page import Record, ResultPage

one_thread()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.metrics.coverage import coverage  # noqa: E402
from triality.metrics.divergence import monte_carlo_kl  # noqa: E402
from triality.metrics.effective_sample_size import forward_share, reverse_share  # noqa: E402
from triality.metrics.likelihood import log_likelihood  # noqa: E402
from triality.metrics.mmd import mmd_test  # noqa: E402
from triality.metrics.modes import mode_counts  # noqa: E402
from triality.metrics.two_sample import classifier_test  # noqa: E402
from triality.metrics.wasserstein import wasserstein_2  # noqa: E402
from triality.sampler import draw  # noqa: E402
from triality.samplers.gaussian_mixture import GaussianMixture  # noqa: E402
from triality.targets.catalog import TARGETS  # noqa: E402
from triality.targets.mixtures import ring_of_eight  # noqa: E402

NUM, NUM_SLOW = 2000, 1000
FORMATS = {
    "log likelihood of data, nats": ("{:.2f}",),
    "forward KL, nats": ("{:.3f}",),
    "reverse KL, nats": ("{:.3f}",),
    "reverse share of effective samples": ("{:.2f}",),
    "forward share": ("{:.2g}",),
    "modes captured, share of high quality": ("{:.0f}", "{:.3f}"),
    "MMD, median bandwidth: p-value": ("{:.3f}",),
    "Wasserstein-2": ("{:.2f}",),
    "precision, recall": ("{:.2f}", "{:.2f}"),
    "density, coverage": ("{:.2f}", "{:.2f}"),
    "classifier: accuracy, $z$": ("{:.3f}", "{:.1f}"),
}


def faulty() -> dict[str, GaussianMixture]:
    """The target's own mixture, and three ways to be wrong."""
    true = ring_of_eight().mixture
    dropped = true.log_weight.at[3].set(-12.0)  # a trace is left, so that forward divergences are finite
    return {
        "equal laws": true,
        "a mode dropped": GaussianMixture(dropped, true.mean, true.log_scale),
        "too wide": GaussianMixture(true.log_weight, true.mean, true.log_scale + jnp.log(1.5)),
        "shifted": GaussianMixture(true.log_weight, true.mean + 0.3 * jnp.exp(true.log_scale), true.log_scale),
    }


def measured(q: GaussianMixture, key: jax.Array) -> list[tuple[float, ...]]:
    """Every metric of one generator, in the order of ``FORMATS``."""
    target, (key_data, key_drawn, key_test) = ring_of_eight(), jax.random.split(key, 3)
    data, drawn = draw(target, key_data, NUM), draw(q, key_drawn, NUM)
    q_of_data, p_of_drawn = jax.vmap(q.log_prob)(data.x), jax.vmap(target.log_prob)(drawn.x)
    shares, counts = coverage(data.x, drawn.x), mode_counts(drawn.x, target.modes, target.mode_scale)
    x, y = data.x[:NUM_SLOW], drawn.x[:NUM_SLOW]
    told = classifier_test(key_test, data.x, drawn.x)
    values = [
        (log_likelihood(q_of_data).mean,),
        (monte_carlo_kl(data.log_q, q_of_data).value,),
        (monte_carlo_kl(drawn.log_q, p_of_drawn).value,),
        (reverse_share(p_of_drawn - drawn.log_q),),
        (forward_share(data.log_q - q_of_data),),
        (counts.captured, counts.high_quality),
        (mmd_test(key_test, x, y).p_value,),
        (wasserstein_2(np.asarray(x), np.asarray(y)),),
        (shares.precision, shares.recall),
        (shares.density, shares.coverage),
        (told.accuracy, told.z),
    ]
    return [tuple(float(value) for value in row) for row in values]


def main() -> int:
    result = ResultPage("metric_faults", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--num", type=int, default=200_000, help="draws for each entropy (default %(default)s)")
    parser.add_argument("--keys", type=int, default=15, help="(default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    faults = {name: [measured(q, jax.random.key(i)) for i in range(options.keys)] for name, q in faulty().items()}
    entropies = {}
    for name, make in TARGETS.items():
        target = make()
        found = log_likelihood(jax.jit(lambda key, target=target: draw(target, key, options.num).log_q)(jax.random.key(0)))
        entropies[name] = (float(found.mean), float(found.stderr))
    yield {"keys": options.keys, "num": options.num, "faults": faults, "entropies": entropies}


def page(record: Record) -> list[str]:
    faults = record["faults"]
    lines = ["# What metrics say of known faults", "", f"| | {' | '.join(faults)} |", f"|---|{'---:|' * len(faults)}"]
    for i, (row, formats) in enumerate(FORMATS.items()):
        low, high = np.quantile([of_key[i] for of_key in faults["equal laws"]], [0.05, 0.95], axis=0)
        cells = []
        for of_keys in faults.values():
            values = np.array([of_key[i] for of_key in of_keys])
            seen = np.mean((values < low) | (values > high), axis=0) >= 0.9
            words = [each.format(value) for each, value in zip(formats, np.median(values, axis=0), strict=True)]
            cells.append(", ".join(f"**{word}**" if bold else word for word, bold in zip(words, seen, strict=True)))
        lines.append(f"| {row} | {' | '.join(cells)} |")
    lines += ["", f"Medians over {record['keys']} keys. Bold: seen, that is, with nine keys in ten outside what equal laws have with the"]
    lines += ["middle nine in ten.", ""]
    lines += ["## Minus the entropy of every target", "", "| target | best mean log p, nats | standard error |", "|---|---:|---:|"]
    lines += [f"| {name} | {mean:.3f} | {stderr:.3f} |" for name, (mean, stderr) in record["entropies"].items()]
    return [*lines, "", f"Means over {record['num']:,} draws."]


if __name__ == "__main__":
    sys.exit(main())
