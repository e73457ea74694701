"""Ring of eight and grid of 25: modes, quality and the histogram's divergence, beside the published figures. Same generator, several ways.

    python benchmarks/modes.py            # five seeds, about ten minutes
    python benchmarks/modes.py --table    # docs/results/modes.md from the result file

2,500 draws a generator, VEEGAN's definitions (``triality.metrics.modes``). A mixture of Gaussians with twice as many components as modes,
a spline flow (6 couplings, 2 x 64, 16 bins), and one of 3 couplings over a mixture of as many Gaussians as modes, all by maximum
likelihood; then tilted by an energy (noise-contrastive estimation), and 100,000 draws resampled by their importance weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from machine import one_thread
from result_page import Record, ResultPage, kept

one_thread()

import jax  # noqa: E402

from triality.algorithms.density_estimation import fit_energy, fit_generator, resample, tilted  # noqa: E402
from triality.algorithms.energy_learning import EnergyLearning  # noqa: E402
from triality.algorithms.likelihood_learning import LikelihoodLearning  # noqa: E402
from triality.algorithms.minibatch import DataSet  # noqa: E402
from triality.energies.mlp import MLPEnergy  # noqa: E402
from triality.metrics.modes import mode_counts  # noqa: E402
from triality.sampler import draw  # noqa: E402
from triality.samplers.flow import spline_coupling_flow  # noqa: E402
from triality.samplers.gaussian_mixture import gaussian_mixture  # noqa: E402
from triality.samplers.standardized import standardize  # noqa: E402
from triality.samplers.transformed import Transformed  # noqa: E402
from triality.targets.mixtures import grid_of_25, ring_of_eight  # noqa: E402
from triality.updates.sampler.gradient import Fixed  # noqa: E402

NUM_DATA, NUM_DRAWN, POOL = 50_000, 2_500, 100_000
TARGETS = {"ring of 8": ring_of_eight, "grid of 25": grid_of_25}
PUBLISHED = {
    "ring of 8": {"VEEGAN": (8.0, 0.529, None), "PacGAN2": (7.9, 0.956, 0.07)},
    "grid of 25": {"VEEGAN": (24.6, 0.40, None), "PacGAN4": (24.8, 0.936, 0.04)},
}


def over_mixture(key: jax.Array, x: jax.Array, num_modes: int) -> Any:
    """Three spline couplings, 2 x 64, over a mixture of as many Gaussians as there are modes."""
    key_base, key_flow = jax.random.split(key)
    return Transformed(gaussian_mixture(key_base, x, num_modes), spline_coupling_flow(key_flow, 2, 3, (64, 64), 16, 3.0).bijection)


# Name -> (key, standardized data, number of modes) to a generator; stages of likelihood, steps and learning rate.
GENERATORS: dict[str, tuple[Any, tuple[tuple[int, float], ...]]] = {
    "mixture": (lambda key, x, k: gaussian_mixture(key, x, 2 * k), ((6000, 1e-2),)),
    "spline flow of a mixture": (over_mixture, ((4000, 3e-3), (2000, 3e-4))),
    "spline flow": (lambda key, x, k: spline_coupling_flow(key, 2, 6, (64, 64), 16, 3.0), ((12_000, 1e-3),)),
}


def main() -> int:
    result = ResultPage("modes", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="(default %(default)s)")
    parser.add_argument("--generators", nargs="+", default=list(GENERATORS), choices=list(GENERATORS), help="(default: all)")
    parser.add_argument("--shorter", type=int, default=1, help="divide the steps, to try it out (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    rows: dict[str, Any] = kept(options.out).get("rows", {})
    for target in TARGETS:
        for generator in options.generators:
            rows[f"{target}, {generator}"] = [one(target, generator, seed, options) for seed in range(options.seeds)]
            yield {"seeds": options.seeds, "rows": rows}


def one(target_name: str, generator_name: str, seed: int, options: argparse.Namespace) -> dict[str, list[float]]:
    """Counts of the generator's draws, and of the energy-corrected ones."""
    target = TARGETS[target_name]()
    make, stages = GENERATORS[generator_name]
    keys = jax.random.split(jax.random.key(seed), 7)
    x = jax.jit(lambda key: draw(target, key, NUM_DATA))(keys[0]).x
    train, valid = x[5000:], x[:5000]
    plain = (train - train.mean(axis=0)) / train.std(axis=0)
    q = standardize(make(keys[1], plain, target.modes.shape[0]), train)
    for num_steps, rate in stages:
        learning = LikelihoodLearning(DataSet(train), rate, 512)
        q = fit_generator(learning, keys[2], q, valid, num_steps // options.shorter, 500).best
    energy = tilted(q, standardized_energy(keys[3], train))
    tilt = EnergyLearning(DataSet(train), sampler_gradient=Fixed(), energy_learning_rate=1e-3, batch_size=512, num_drawn=512)
    fitted = fit_energy(tilt, keys[4], energy, q, valid, 4000 // options.shorter, 500)
    pool = jax.jit(lambda key: draw(q, key, POOL))(keys[5])
    log_ratio = -jax.jit(jax.vmap(fitted.best.density.energy))(pool.x) - pool.log_q
    corrected = pool.x[resample(keys[6], log_ratio, NUM_DRAWN)]
    counts = {
        name: [float(value) for value in mode_counts(draws, target.modes, target.mode_scale)]
        for name, draws in (("generator", pool.x[:NUM_DRAWN]), ("energy-corrected", corrected), ("the data", x[:NUM_DRAWN]))
    }
    print(target_name, generator_name, seed, counts, flush=True)
    return counts


def standardized_energy(key: jax.Array, x: jax.Array) -> Any:
    """A perceptron of the standardized point, flat at first."""
    net, shift, scale = MLPEnergy(key, 2, (128, 128), 0.01), x.mean(axis=0), x.std(axis=0)
    return jax.tree_util.Partial(_of_standardized, net, shift, scale)


def _of_standardized(net: MLPEnergy, shift: jax.Array, scale: jax.Array, x: jax.Array) -> jax.Array:
    return net((x - jax.lax.stop_gradient(shift)) / jax.lax.stop_gradient(scale))


def page(record: Record) -> list[str]:
    lines = ["# Modes", "", "| target | generator | draws | modes | high quality | KL of the histogram |", "|---|---|---|---:|---:|---:|"]
    for row, seeds in record["rows"].items():
        target, generator = row.split(", ")
        for draws in seeds[0]:
            values = np.array([each[draws] for each in seeds])
            cells = [f"{values[:, 0].mean():.1f}", f"{100 * values[:, 1].mean():.1f} %", f"{values[:, 2].mean():.4f}"]
            lows = f" ({100 * values[:, 1].min():.1f} to {100 * values[:, 1].max():.1f})"
            lines.append(f"| {target} | {generator} | {draws} | {cells[0]} | {cells[1]}{lows} | {cells[2]} |")
    for target, systems in PUBLISHED.items():
        for name, (modes, quality, divergence) in systems.items():
            cells = f"{modes} | {100 * quality:.1f} % | {'' if divergence is None else divergence}"
            lines.append(f"| {target} | {name}, published | | {cells} |")
    return [
        *lines,
        "",
        f"Means over {record['seeds']} seeds, of the quality the range too; {NUM_DRAWN:,} draws each. The data's own row is the ceiling.",
    ]


if __name__ == "__main__":
    sys.exit(main())
