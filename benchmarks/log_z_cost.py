"""What log Z costs to a given accuracy: a generator of known density beside annealed Markov chains (section 2.2: MCMC is slow).

    python benchmarks/log_z_cost.py            # about eight minutes
    python benchmarks/log_z_cost.py --table    # docs/results/log_z_cost.md from the result file

    E(x) = sum_i [x_{2i}^4 - 6 x_{2i}^2 - x_{2i}/2 + x_{2i+1}^2/2],     i = 0 .. 3

Many-well in eight dimensions (``targets.many_well``; Noe et al. 2019, Midgley et al. 2023): 16 modes of unequal weight, eight to ten nats
between neighbors; log Z is exact. Two generators, fitted to 20,000 samples of the law by maximum likelihood: a mixture of 32 Gaussians,
whose family nearly holds the law, and a spline flow, whose family does not. That takes no evaluation of the energy, but time, which stands
below the table with the number of estimates that pay it back. Annealing and sequential Monte Carlo begin at one Gaussian, the one of
greatest likelihood on the same data.

Every method is run at several sizes (walks and temperatures, particles and moves), and each reports the cheapest of its own sizes at which
the root mean square error over the repeats is within the tolerance: the baselines are given their best setting after the fact. Evaluations
are counted as made; a thriftier program would remember some from one temperature to the next, and make a third (MALA) or three fifths (HMC)
of those counted for annealing. Times are of compiled calls, without compilation, in seconds of the processor: the program has one thread,
and what else runs on the machine does not count.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from machine import one_thread
from result_page import PICTURES, Record, ResultPage, kept

one_thread()

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.algorithms.likelihood_learning import LikelihoodLearning  # noqa: E402
from triality.algorithms.minibatch import DataSet  # noqa: E402
from triality.kernels.hamiltonian import HamiltonianMonteCarlo  # noqa: E402
from triality.kernels.kernel import Kernel  # noqa: E402
from triality.kernels.langevin import Mala  # noqa: E402
from triality.numerics import log_mean_exp  # noqa: E402
from triality.partition.acceptance_ratio import solve_log_z  # noqa: E402
from triality.partition.annealed import anneal, sigmoid_temperatures  # noqa: E402
from triality.partition.sequential_monte_carlo import tempered  # noqa: E402
from triality.run import run  # noqa: E402
from triality.sampler import AbstractSampler, draw  # noqa: E402
from triality.samplers.flow import spline_coupling_flow  # noqa: E402
from triality.samplers.gaussian import Gaussian, fit_gaussian  # noqa: E402
from triality.samplers.gaussian_mixture import gaussian_mixture  # noqa: E402
from triality.samplers.standardized import standardize  # noqa: E402
from triality.targets.many_well import many_well  # noqa: E402

DIM = 8
TARGET = many_well(DIM)
NUM_DATA, NUM_FRESH, NUM_COMPONENTS, NUM_STEPS = 20_000, 400_000, 32, 2000
TOLERANCES = (0.1, 0.03, 0.01)
INVERSE_MASS = jnp.tile(jnp.array([1.0 / 24.0, 1.0]), DIM // 2)  # squared scales of the two kinds of coordinates, inside a well: 1/E''


class Known(NamedTuple):
    """What the methods have: two generators and a Gaussian, all fitted to one data set, and fresh data."""

    mixture: AbstractSampler[Any]
    flow: AbstractSampler[Any]
    gaussian: Gaussian
    data: jax.Array


def first_mixture(key: jax.Array, x: jax.Array) -> AbstractSampler[Any]:
    return gaussian_mixture(key, x, NUM_COMPONENTS)


def first_flow(key: jax.Array, x: jax.Array) -> AbstractSampler[Any]:
    return standardize(spline_coupling_flow(key, DIM, 4, (64, 64), 12, 3.0), x)


@eqx.filter_jit
def fitted(key: jax.Array, first: AbstractSampler[Any], x: jax.Array, rate: jax.Array, num_steps: int) -> AbstractSampler[Any]:
    learning = LikelihoodLearning(DataSet(x), learning_rate=rate, batch_size=512)
    return run(learning, learning.init(key, first), 1, num_steps)[0].sampler


def learned(key: jax.Array, num_steps: int) -> tuple[Known, dict[str, float]]:
    """And the seconds that either generator took."""
    key_data, key_first, key_run, key_fresh = jax.random.split(key, 4)
    x, fresh = (jax.jit(draw, static_argnums=2)(TARGET, key, num).x for key, num in ((key_data, NUM_DATA), (key_fresh, NUM_FRESH)))
    generators, seconds = [], {}
    for name, (first_of, rate) in GENERATORS.items():
        first = first_of(key_first, x)
        compiled = fitted.lower(key_run, first, x, jnp.array(rate), num_steps).compile()
        begin = time.process_time()
        generators.append(jax.block_until_ready(compiled(key_run, first, x, jnp.array(rate), num_steps)))
        seconds[name] = time.process_time() - begin
    print("learning, seconds", seconds, flush=True)
    return Known(*generators, fit_gaussian(x), fresh), seconds


GENERATORS = {"mixture": (first_mixture, 0.01), "flow": (first_flow, 0.001)}

# log Z and evaluations of the energy, at a size.
Estimator = Callable[[jax.Array, Known, Any], tuple[jax.Array, jax.Array]]


def importance_sampling(name: str) -> Estimator:
    def method(key: jax.Array, known: Known, size: tuple[int]) -> tuple[jax.Array, jax.Array]:
        drawn = draw(getattr(known, name), key, size[0])
        return log_mean_exp(-jax.vmap(TARGET.energy)(drawn.x) - drawn.log_q), jnp.array(size[0])

    return method


def acceptance_ratio(name: str) -> Estimator:
    """Half data, which are samples of the law that the generator has not seen, half draws."""

    def method(key: jax.Array, known: Known, size: tuple[int]) -> tuple[jax.Array, jax.Array]:
        key_data, key_draw = jax.random.split(key)
        q: AbstractSampler[Any] = getattr(known, name)
        drawn, x = draw(q, key_draw, size[0] // 2), jax.random.choice(key_data, known.data, (size[0] // 2,))
        on_data = -jax.vmap(TARGET.energy)(x) - jax.vmap(q.log_prob)(x)
        return solve_log_z(on_data, -jax.vmap(TARGET.energy)(drawn.x) - drawn.log_q), jnp.array(size[0])

    return method


def annealed(kernel: Kernel) -> Estimator:
    def method(key: jax.Array, known: Known, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
        found = anneal(key, TARGET.energy, known.gaussian, kernel, sigmoid_temperatures(size[1]), size[0])
        return log_mean_exp(found.log_weight), jnp.sum(found.num_energies.astype(float))

    return method


def annealed_from_mixture(key: jax.Array, known: Known, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    found = anneal(key, TARGET.energy, known.mixture, Mala(0.03), sigmoid_temperatures(size[1]), size[0])
    return log_mean_exp(found.log_weight), jnp.sum(found.num_energies.astype(float))


def sequential(key: jax.Array, known: Known, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    found = tempered(key, TARGET.energy, known.gaussian, HMC, size[0], size[1])
    return found.log_z, found.num_energies


HMC = HamiltonianMonteCarlo(0.5, INVERSE_MASS, 3)
COUNTS = tuple((2**k,) for k in range(5, 16, 2))
WALKS = tuple((chains, temperatures) for temperatures in (8, 32, 128, 512) for chains in (128, 512, 2048))
PARTICLES = ((1024, 1), (4096, 1), (256, 4), (1024, 4), (4096, 4), (16_384, 4), (65_536, 4), (16_384, 16))
METHODS: dict[str, tuple[Estimator, tuple[Any, ...]]] = {
    "importance sampling, mixture": (importance_sampling("mixture"), COUNTS),
    "importance sampling, flow": (importance_sampling("flow"), COUNTS[:-1]),
    "acceptance ratio, mixture and data": (acceptance_ratio("mixture"), COUNTS),
    "acceptance ratio, flow and data": (acceptance_ratio("flow"), COUNTS[:-1]),
    "annealing from the mixture, MALA": (annealed_from_mixture, tuple((n, 8) for n in (32, 128, 512, 2048))),
    "annealing, MALA": (annealed(Mala(0.03)), WALKS),
    "annealing, HMC": (annealed(HMC), WALKS),
    "sequential Monte Carlo, HMC": (sequential, PARTICLES),
}


BASELINES = ("annealing, MALA", "annealing, HMC", "sequential Monte Carlo, HMC")


def main() -> int:
    result = ResultPage("log_z_cost", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="data sets and generators, each with repeats of its own (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=20, help="estimates a seed and size (default %(default)s)")
    parser.add_argument("--steps", type=int, default=NUM_STEPS, help="of the generators' learning (default %(default)s)")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS), help="the rest stays as --out has it")
    parser.add_argument("--sizes", type=int, help="only so many sizes a method, to try it out")
    parser.add_argument("--picture", type=Path, default=PICTURES / "log_z_cost.svg")
    options = parser.parse_args()
    result.run(options)
    if options.table:
        plot(kept(options.out), options.picture)
    return 0


def measure(options: argparse.Namespace) -> Iterator[Record]:
    known, seconds = zip(*(learned(jax.random.key(seed), options.steps) for seed in range(options.seeds)), strict=True)
    known = tuple(in_tree_of(each, known[0]) for each in known)
    learning = {name: [each[name] for each in seconds] for name in GENERATORS}
    points = [point for point in kept(options.out).get("points", []) if point["method"] not in options.methods]
    for name in options.methods:
        for point in points_of(name, known, options):
            points.append(point)
            yield {"log_z": float(TARGET.log_z), "seeds": options.seeds, "repeats": options.repeats, "learning": learning, "points": points}


def in_tree_of(known: Known, first: Known) -> Known:
    """Its arrays in the first one's tree, as functions within a flow are new ones each time, and would be compiled anew."""
    arrays, rest = eqx.partition(first, eqx.is_array)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), jax.tree.leaves(eqx.filter(known, eqx.is_array))), rest)


def points_of(name: str, known: tuple[Known, ...], options: argparse.Namespace) -> Iterator[Record]:
    """One a size: errors of every repeat by seed, evaluations and seconds an estimate."""
    method, sizes = METHODS[name]
    for size in sizes[: options.sizes]:
        many = eqx.filter_jit(lambda keys, have, s=size: jax.lax.map(lambda key: method(key, have, s), keys))
        jax.block_until_ready(many(jax.random.split(jax.random.key(0), options.repeats), known[0]))  # compiles
        point: Record = {"method": name, "size": size, "errors": [], "energies": [], "seconds": []}
        for seed, have in enumerate(known):
            keys = jax.random.split(jax.random.key(1000 + seed), options.repeats)
            begin = time.process_time()
            values, energies = jax.block_until_ready(many(keys, have))
            point["seconds"].append((time.process_time() - begin) / options.repeats)
            point["errors"].append((np.asarray(values, float) - float(TARGET.log_z)).tolist())
            point["energies"].append(float(jnp.mean(energies.astype(float))))
        print(name, size, [f"{rms:.3f}" for rms in errors_of(point)], f"{median(point['seconds']):.4f} s", flush=True)
        yield point


def errors_of(point: Record) -> list[float]:
    """Root mean square error of each seed."""
    return [float(np.sqrt(np.mean(np.square(each)))) for each in point["errors"]]


def cheapest(record: Record, name: str, tolerance: float, field: str) -> list[float]:
    """Of each seed, the least of ``field`` over the sizes whose root mean square error is within the tolerance; infinite where none is."""
    points = [point for point in record["points"] if point["method"] == name]
    return [
        min((point[field][seed] for point in points if errors_of(point)[seed] <= tolerance), default=np.inf)
        for seed in range(record["seeds"])
    ]


def page(record: Record) -> list[str]:
    columns = " | ".join(f"{what} to {t:g} nat" for t in TOLERANCES for what in ("evaluations", "ms"))
    lines = ["# What log Z costs", "", f"| method | {columns} |", f"|---|{'---:|' * (2 * len(TOLERANCES))}"]
    for name in METHODS:
        units = [(t, field, scale) for t in TOLERANCES for field, scale in (("energies", 1.0), ("seconds", 1e3))]
        cells = [_range([scale * value for value in cheapest(record, name, t, field)]) for t, field, scale in units]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "![Error of log Z against evaluations and time](../_static/log_z_cost.svg)", ""]
    lines += ["| generator | learning, s | paid back after so many estimates to " + " | to ".join(f"{t:g} nat" for t in TOLERANCES) + " |"]
    lines += [f"|---|{'---:|' * (1 + len(TOLERANCES))}"]
    for name, seconds in record["learning"].items():
        cells = [_range(paid_back(record, name, tolerance)) for tolerance in TOLERANCES]
        lines.append(f"| {name} | {_range(seconds)} | {' | '.join(cells)} |")
    return [
        *lines,
        "",
        f"Medians over {record['seeds']} seeds, with their range; each error is the root mean square of {record['repeats']} estimates. "
        f"Exact log Z: {record['log_z']:.4f}.",
        "Learning takes no evaluation of the energy, and is in none of the upper columns. *Paid back*: learning over what importance",
        "sampling from it saves in time on each estimate, beside the fastest of "
        + ", ".join(f"*{name}*" for name in BASELINES)
        + ". *-*: not at any size tried.",
    ]


def paid_back(record: Record, name: str, tolerance: float) -> list[float]:
    """Estimates after which learning the generator was worth its time, for each seed; infinite if never."""
    own = cheapest(record, f"importance sampling, {name}", tolerance, "seconds")
    others = np.min([cheapest(record, each, tolerance, "seconds") for each in BASELINES], axis=0)
    return [
        float(np.ceil(learning / (other - mine))) if np.isfinite(other) and mine < other else np.inf
        for learning, mine, other in zip(record["learning"][name], own, others, strict=True)
    ]


def plot(record: Record, target: Path) -> None:
    """The least error, in the median over seeds, that so many evaluations (so much time) or fewer have given."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["svg.hashsalt"] = "triality"  # the same file every time
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for i, name in enumerate(METHODS):
        points = [point for point in record["points"] if point["method"] == name]
        for axes, field in zip(panels, ("energies", "seconds"), strict=True):
            at = sorted((median(point[field]), median(errors_of(point))) for point in points)
            least = np.minimum.accumulate([error for _, error in at])
            chain = name in BASELINES
            style = {"ls": "--", "marker": "s"} if chain else {"ls": "-", "marker": "o"}
            axes.plot([cost for cost, _ in at], least, color=f"C{i}", ms=3, label=name, **style)
    for axes, label in zip(panels, ("evaluations of the energy", "time of an estimate (seconds of the processor)"), strict=True):
        axes.set(xscale="log", yscale="log", xlabel=label)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("root mean square error of log Z (nats)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    figure.savefig(target, metadata={"Date": None})


def _range(values: list[float]) -> str:
    if not np.all(np.isfinite(values)):
        return "-" if not np.any(np.isfinite(values)) else f"{sum(np.isfinite(values))} of {len(values)} seeds"
    low, middle, high = (f"{value:,.0f}" if value >= 10 else f"{value:.2g}" for value in (min(values), median(values), max(values)))
    return middle if low == high else f"{middle} [{low}, {high}]"


if __name__ == "__main__":
    sys.exit(main())
