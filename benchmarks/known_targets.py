"""Targets whose truth is known: a sampler of a given energy and its log Z (FAB's figures), and an energy from data (FCE's figure).

    python benchmarks/known_targets.py                       # all, five seeds, about an hour
    python benchmarks/known_targets.py --parts funnel --seeds 1
    python benchmarks/known_targets.py --table               # docs/results/known_targets.md from the record

Sampler: q learns from the energy alone, by annealed draws under their weights (``AnnealedLikelihood``) or by weighted draws; then log Z by
importance sampling on 2,000 draws, ten times over; the error is the mean of |log Z^ - log Z|. Beside it the reverse KL alone, from the same
start. Energy: 45,000 samples of the eight Gaussians, generator and energy together 10,000 steps; the mean over fresh samples of
(log p_theta - log p)^2.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from machine import one_thread
from result_page import Record, ResultPage, kept

one_thread()

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.algorithms.density_estimation import estimate_log_z, fit_energy, fit_generator, tilted  # noqa: E402
from triality.algorithms.energy_learning import EnergyLearning  # noqa: E402
from triality.algorithms.likelihood_learning import LikelihoodLearning  # noqa: E402
from triality.algorithms.minibatch import DataSet  # noqa: E402
from triality.algorithms.sampler_learning import SamplerLearning  # noqa: E402
from triality.energies.mlp import MLPEnergy  # noqa: E402
from triality.kernels.langevin import Mala  # noqa: E402
from triality.kernels.mixing import nearest_mode  # noqa: E402
from triality.metrics.effective_sample_size import forward_share  # noqa: E402
from triality.objectives.sampler import minimax_loss  # noqa: E402
from triality.partition.importance import importance  # noqa: E402
from triality.run import run  # noqa: E402
from triality.sampler import draw  # noqa: E402
from triality.samplers.flow import masked_autoregressive_flow, spline_coupling_flow, triangular_spline_flow  # noqa: E402
from triality.samplers.gaussian_mixture import GaussianMixture  # noqa: E402
from triality.samplers.standardized import Standardized, standardize  # noqa: E402
from triality.targets.funnel import funnel  # noqa: E402
from triality.targets.many_well import many_well  # noqa: E402
from triality.targets.mixtures import eight_gaussians, forty_gaussians  # noqa: E402
from triality.updates.sampler.adversarial import DensityAwareAdversarial  # noqa: E402
from triality.updates.sampler.alpha import WeightedLikelihood  # noqa: E402
from triality.updates.sampler.annealed import AnnealedLikelihood  # noqa: E402
from triality.updates.sampler.gradient import Fixed  # noqa: E402
from triality.updates.sampler.reparameterized import PathGradient  # noqa: E402
from triality.updates.sampler.score_function import ScoreFunction  # noqa: E402

NUM_DRAWN, NUM_REPEATS = 2000, 10
NUM_EXACT = 20_000
SCHEDULE = ((0.4, 1.0), (0.2, 0.3), (0.2, 0.1), (0.2, 0.03))
"""Share of the steps, factor of the learning rate: the last digits need small steps."""


class Task(NamedTuple):
    """A target, a generator and how it learns.

    Fields:
        target: with ``energy``, ``log_z`` and exact draws (which only judge).
        start: key to generator.
        gradient: that finds all of the target; None where the reverse KL does, from a start as broad as this.
        seeking: the reverse KL, for comparison.
        steps, rate: of Adam; ``SCHEDULE`` says for which share of the steps the rate is multiplied by what.
        published: FAB's error.
    """

    target: Any
    start: Any
    gradient: Any
    seeking: Any
    steps: int
    rate: float
    published: float


def broad_mixture(key: jax.Array, num_components: int, reach: float) -> Standardized:
    """Components all over a square, each wide enough to touch its neighbors."""
    mean = jax.random.uniform(key, (num_components, 2), minval=-1.2, maxval=1.2)
    mixture = GaussianMixture(jnp.zeros(num_components), mean, jnp.full((num_components, 2), jnp.log(0.25)))
    return Standardized(mixture, jnp.zeros(2), jnp.full(2, reach))


TASKS = {
    "forty Gaussians": lambda: Task(
        forty_gaussians(), lambda key: broad_mixture(key, 100, 40.0), WeightedLikelihood(1.0, 2048), ScoreFunction(1024), 3000, 1e-2, 0.0027
    ),
    "funnel": lambda: Task(
        funnel(),
        lambda key: masked_autoregressive_flow(key, 10, 2, (64, 64)),
        AnnealedLikelihood(Mala(0.05), jnp.linspace(0.0, 1.0, 5), 2.0, 256),
        PathGradient(512),
        6000,
        1e-3,
        0.0022,
    ),
    "many wells, 32 dimensions": lambda: Task(
        many_well(),
        lambda key: triangular_spline_flow(key, 32, 1, 32),
        None,
        PathGradient(512),
        5000,
        1e-2,
        0.032,
    ),
}
FCE = "eight Gaussians, energy from data"


def main() -> int:
    result = ResultPage("known_targets", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--parts", nargs="+", default=[*TASKS, FCE], choices=[*TASKS, FCE], help="(default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="(default %(default)s)")
    parser.add_argument("--shorter", type=int, default=1, help="divide the steps, to try it out (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    before = kept(options.out)
    samplers, energies = before.get("samplers", {}), before.get("energies", [])
    for name in options.parts:
        if name == FCE:
            energies = [energy_from_data(seed, options.shorter) for seed in range(options.seeds)]
        else:
            samplers = samplers | {name: [sampler_of(name, seed, options.shorter) for seed in range(options.seeds)]}
        yield {"samplers": samplers, "energies": energies}


@eqx.filter_jit
def stretch(learning: SamplerLearning, state: Any, num_steps: int) -> Any:
    return run(learning, state, 1, num_steps)[0]


@eqx.filter_jit
def log_ratio_of_draws(target: Any, sampler: Any, key: jax.Array, num: int) -> tuple[jax.Array, jax.Array]:
    drawn = draw(sampler, key, num)
    return drawn.x, -jax.vmap(target.energy)(drawn.x) - drawn.log_q


def sampler_of(name: str, seed: int, shorter: int) -> dict[str, dict[str, float]]:
    """Both ways of learning from one start."""
    task = TASKS[name]()
    found = {}
    for label, gradient in (("weighted", task.gradient), ("reverse KL", task.seeking)):
        if gradient is None:
            continue
        key_start, key_learn, key_judge = jax.random.split(jax.random.key(seed), 3)
        begin = time.perf_counter()
        learning = SamplerLearning(task.target.energy, gradient, task.rate)
        state = learning.init(key_learn, task.start(key_start))
        for share, factor in SCHEDULE:
            slower = SamplerLearning(task.target.energy, gradient, factor * task.rate)
            state = stretch(slower, state, int(share * task.steps) // shorter)
        found[label] = judged(task, state.sampler, key_judge) | {"seconds": time.perf_counter() - begin}
        print(name, seed, label, json.dumps(found[label]), flush=True)
    return found


def judged(task: Task, sampler: Any, key: jax.Array) -> dict[str, float]:
    """Errors of log Z, effective shares from both sides, and modes."""
    estimates = []
    for each in jax.random.split(key, NUM_REPEATS):
        x, log_ratio = log_ratio_of_draws(task.target, sampler, each, NUM_DRAWN)
        estimates.append(importance(log_ratio))
    errors = np.array([float(each.value) for each in estimates]) - float(task.target.log_z)
    exact = jax.jit(lambda key: draw(task.target, key, NUM_EXACT).x)(jax.random.fold_in(key, 1))
    on_exact = -jax.jit(jax.vmap(task.target.energy))(exact) - jax.jit(jax.vmap(sampler.log_prob))(exact)
    found = {
        "error": float(np.abs(errors).mean()),
        "bias": float(errors.mean()),
        "stderr": float(np.mean([float(each.stderr) for each in estimates])),
        "ess": float(np.mean([float(each.diagnostics.ess_fraction) for each in estimates])),
        "forward_share": float(forward_share(on_exact)),
    }
    if hasattr(task.target, "modes"):
        found["modes"] = float(len(np.unique(np.asarray(nearest_mode(x, task.target.modes)))))
    return found


def energy_from_data(seed: int, shorter: int) -> dict[str, float]:
    """Flow contrastive estimation of an energy of its own, and a tilt of the generator, 10,000 steps in all."""
    target = eight_gaussians()
    keys = jax.random.split(jax.random.key(seed), 7)
    x = jax.jit(lambda key: draw(target, key, 50_000).x)(keys[0])
    train, valid, test = x[:45_000], x[45_000:47_500], x[47_500:]
    q = standardize(spline_coupling_flow(keys[1], 2, 4, (64, 64), 12, 3.0), train)
    first = fit_generator(LikelihoodLearning(DataSet(train), 1e-3, 512), keys[2], q, valid, 5000 // shorter, 250).best
    found = {"generator": _squared_error(jax.jit(jax.vmap(first.log_prob))(test), target, test)}
    scale = float(jnp.std(train))
    net = eqx.tree_at(lambda e: e.net.weights[0], MLPEnergy(keys[3], 2, (128, 128, 128), 0.01), replace_fn=lambda w: w / scale)
    for label, gradient, base in (("tilt, nce", Fixed(), True), ("energy alone, fce", DensityAwareAdversarial(minimax_loss, 512), False)):
        energy, sampler = tilted(first, net) if base else net, first
        for i, (share, factor) in enumerate(SCHEDULE):
            learning = EnergyLearning(
                DataSet(train),
                sampler_gradient=gradient,
                energy_learning_rate=1e-3 * factor,
                sampler_learning_rate=1e-4 * factor,
                batch_size=512,
                num_drawn=512,
            )
            stage = fit_energy(learning, jax.random.fold_in(keys[4], i), energy, sampler, valid, int(share * 5000) // shorter, 250)
            energy, sampler = stage.best.density.energy, stage.best.sampler
        alarm, _ = estimate_log_z(keys[5], energy, sampler, test, 100_000)
        log_p = -jax.jit(jax.vmap(energy))(test) - alarm.forward.value
        found[label] = _squared_error(log_p, target, test)
    print("eight Gaussians", seed, json.dumps(found), flush=True)
    return found


def _squared_error(log_p: jax.Array, target: Any, x: jax.Array) -> float:
    return float(jnp.mean((log_p - jax.jit(jax.vmap(target.log_prob))(x)) ** 2))


def page(record: Record) -> list[str]:
    lines = ["# Known targets", "", "## A sampler of a given energy: log Z from 2,000 draws", ""]
    columns = ("target", "learned by", "seeds", "mean error of log Z, nats", "FAB, published", "mean stderr reported", "ESS")
    lines += [f"| {' | '.join(columns)} | ESS from exact samples | modes |"]
    lines += ["|---|---|---:|---:|---:|---:|---:|---:|---:|"]
    for name, seeds in record["samplers"].items():
        published = TASKS[name]().published
        for label in seeds[0]:
            rows = [each[label] for each in seeds]
            error = np.array([row["error"] for row in rows])
            cells = [
                f"{error.mean():.4f} ({error.min():.4f} to {error.max():.4f})",
                f"{published:g}" if label == next(iter(seeds[0])) else "",
            ]
            cells += [f"{np.mean([row[key] for row in rows]):.3g}" for key in ("stderr", "ess", "forward_share")]
            cells.append(f"{np.mean([row['modes'] for row in rows]):.1f}" if "modes" in rows[0] else "")
            lines.append(f"| {name} | {label} | {len(rows)} | {' | '.join(cells)} |")
    lines += [
        "",
        "Means over seeds, of the error the range too; ten estimates a seed. *ESS from exact samples* sees what the other does not: a",
        "missed mode sends it to zero, and log Z is then off by more than its reported error.",
    ]
    if record["energies"]:
        lines += ["", "## An energy from data: mean squared error of log density on the eight Gaussians", ""]
        lines += [f"| model, {len(record['energies'])} seeds | nats squared | published (FCE) |", "|---|---:|---:|"]
        for label in record["energies"][0]:
            values = np.array([each[label] for each in record["energies"]])
            lines.append(f"| {label} | {values.mean():.4f} ({values.min():.4f} to {values.max():.4f}) | .03 to .05 |")
        lines += ["", "Over 2,500 fresh samples of the target; at most 10,000 gradient steps in all, log Z by importance sampling."]
    return lines


if __name__ == "__main__":
    sys.exit(main())
