"""What log Z costs to a given accuracy: a generator of known density beside annealed Markov chains (section 2.2: MCMC is slow).

    python benchmarks/log_z_cost.py            # about ten minutes
    python benchmarks/log_z_cost.py --table    # docs/results/log_z_cost.md from the result file

    E(x) = sum_i [x_i^4 - 6 x_i^2 - x_i/2]  (i = 1 .. 4)  +  sum_j x_j^2/2  (j = 5 .. 8)

Many-well in eight dimensions (Noe et al. 2019, Midgley et al. 2023): 16 modes of unequal weight, eight to ten nats between neighbors;
log Z is a sum of one-dimensional integrals. The generator is a mixture of 32 Gaussians, fitted to 20,000 samples of the law by maximum
likelihood: no evaluation of the energy, but time, which stands below the table. Annealing and sequential Monte Carlo begin at one Gaussian,
the one of greatest likelihood on the same data.

Every method is run at several sizes (walks and temperatures, particles and moves), and each reports the cheapest of its own sizes at which
the root mean square error over the repeats is within the tolerance: the baselines are given their best setting after the fact. Evaluations
are counted as made; a thriftier program would remember some from one temperature to the next, and make a third (MALA) or three fifths (HMC)
of those counted for annealing. Times are of compiled calls on one thread, without compilation.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from machine import ROOT, describe_machine, one_thread

one_thread()

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
from triality.partition.exact import enumeration, trapezoid  # noqa: E402
from triality.partition.sequential_monte_carlo import tempered  # noqa: E402
from triality.run import run  # noqa: E402
from triality.sampler import AbstractSampler, draw  # noqa: E402
from triality.samplers.gaussian import Gaussian, fit_gaussian  # noqa: E402
from triality.samplers.gaussian_mixture import gaussian_mixture  # noqa: E402

NUM_WELLS = 4
DIM = 2 * NUM_WELLS
NUM_DATA, NUM_FRESH, NUM_COMPONENTS, NUM_STEPS = 20_000, 400_000, 32, 3000
TOLERANCES = (0.1, 0.03, 0.01)
LINE = trapezoid([-4.0], [4.0], 8001)
# Squared scales of the two kinds of coordinates, inside a well: 1/E''.
INVERSE_MASS = jnp.concatenate([jnp.full(NUM_WELLS, 1.0 / 24.0), jnp.ones(NUM_WELLS)])


def well(x: jax.Array) -> jax.Array:
    return x**4 - 6.0 * x**2 - 0.5 * x


def energy(x: jax.Array) -> jax.Array:
    return jnp.sum(well(x[:NUM_WELLS])) + 0.5 * jnp.sum(x[NUM_WELLS:] ** 2)


def exact_log_z() -> float:
    one = enumeration(-well(LINE.points[:, 0]), LINE.log_volume)
    return float(NUM_WELLS * (one + 0.5 * jnp.log(2.0 * jnp.pi)))


def exact_samples(key: jax.Array, num_samples: int) -> jax.Array:
    """Wells through the inverse of their distribution function, on a grid of step 1/1000."""
    key_well, key_normal = jax.random.split(key)
    up_to = jnp.cumsum(jax.nn.softmax(-well(LINE.points[:, 0]) + LINE.log_volume))
    in_wells = jnp.interp(jax.random.uniform(key_well, (num_samples, NUM_WELLS)), up_to, LINE.points[:, 0] + 5e-4)
    return jnp.concatenate([in_wells, jax.random.normal(key_normal, in_wells.shape)], axis=1)


class Known(NamedTuple):
    """What the methods have: a generator and a Gaussian, both fitted to data, and fresh data."""

    generator: AbstractSampler[Any]
    gaussian: Gaussian
    data: jax.Array


def learned(key: jax.Array, num_steps: int) -> Known:
    key_data, key_centers, key_run, key_fresh = jax.random.split(key, 4)
    x = exact_samples(key_data, NUM_DATA)
    learning = LikelihoodLearning(DataSet(x), learning_rate=jnp.array(0.01), batch_size=512)
    state = learning.init(key_run, gaussian_mixture(key_centers, x, NUM_COMPONENTS))
    return Known(run(learning, state, 1, num_steps)[0].sampler, fit_gaussian(x), exact_samples(key_fresh, NUM_FRESH))


# log Z and evaluations of the energy, at a size.
Estimator = Callable[[jax.Array, Known, Any], tuple[jax.Array, jax.Array]]


def importance_sampling(key: jax.Array, known: Known, size: tuple[int]) -> tuple[jax.Array, jax.Array]:
    drawn = draw(known.generator, key, size[0])
    return log_mean_exp(-jax.vmap(energy)(drawn.x) - drawn.log_q), jnp.array(size[0])


def acceptance_ratio(key: jax.Array, known: Known, size: tuple[int]) -> tuple[jax.Array, jax.Array]:
    """Half data, which are samples of the law that the generator has not seen, half draws."""
    key_data, key_draw = jax.random.split(key)
    drawn, x = draw(known.generator, key_draw, size[0] // 2), jax.random.choice(key_data, known.data, (size[0] // 2,))
    on_data = -jax.vmap(energy)(x) - jax.vmap(known.generator.log_prob)(x)
    return solve_log_z(on_data, -jax.vmap(energy)(drawn.x) - drawn.log_q), jnp.array(size[0])


def annealed(kernel: Kernel) -> Estimator:
    def method(key: jax.Array, known: Known, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
        found = anneal(key, energy, known.gaussian, kernel, sigmoid_temperatures(size[1]), size[0])
        return log_mean_exp(found.log_weight), jnp.sum(found.num_energies.astype(float))

    return method


def annealed_from_generator(key: jax.Array, known: Known, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    found = anneal(key, energy, known.generator, Mala(0.03), sigmoid_temperatures(size[1]), size[0])
    return log_mean_exp(found.log_weight), jnp.sum(found.num_energies.astype(float))


def sequential(key: jax.Array, known: Known, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    found = tempered(key, energy, known.gaussian, HMC, size[0], size[1])
    return found.log_z, found.num_energies


HMC = HamiltonianMonteCarlo(0.5, INVERSE_MASS, 3)
COUNTS = tuple(2**k for k in range(5, 17))
WALKS = tuple((chains, temperatures) for temperatures in (8, 32, 128, 512) for chains in (32, 128, 512, 2048))
METHODS: dict[str, tuple[Estimator, tuple[Any, ...]]] = {
    "importance sampling, generator": (importance_sampling, tuple((n,) for n in COUNTS)),
    "acceptance ratio, generator and data": (acceptance_ratio, tuple((n,) for n in COUNTS)),
    "annealing from the generator, MALA": (annealed_from_generator, tuple((n, 8) for n in (32, 128, 512, 2048))),
    "annealing, MALA": (annealed(Mala(0.03)), WALKS),
    "annealing, HMC": (annealed(HMC), WALKS),
    "sequential Monte Carlo, HMC": (sequential, tuple((n, moves) for moves in (1, 4) for n in (64, 256, 1024, 4096))),
}


def main() -> int:
    options = _options()
    if not options.table:
        record: dict[str, Any] = {"machine": describe_machine(), "log_z": exact_log_z(), "seeds": options.seeds, "repeats": options.repeats}
        learn = jax.jit(lambda key: learned(key, options.steps)).lower(jax.random.key(0)).compile()
        known, record["learning_seconds"] = [], []
        for seed in range(options.seeds):
            begin = time.perf_counter()
            known.append(jax.block_until_ready(learn(jax.random.key(seed))))
            record["learning_seconds"].append(time.perf_counter() - begin)
        record["points"] = [point for name in METHODS for point in measure(name, known, options)]
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(record, indent=1) + "\n")
    text = page(json.loads(options.out.read_text()))
    if options.table:
        options.fragment.write_text("---\norphan: true\n---\n\n" + text)
    print(text)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="generators, each with repeats of its own (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=40, help="estimates a seed and size (default %(default)s)")
    parser.add_argument("--steps", type=int, default=NUM_STEPS, help="of the generator's learning (default %(default)s)")
    parser.add_argument("--sizes", type=int, help="only so many sizes a method, to try it out")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "log_z_cost.json")
    parser.add_argument("--table", action="store_true", help="measure nothing, write the page from --out")
    parser.add_argument("--fragment", type=Path, default=ROOT / "docs" / "results" / "log_z_cost.md")
    return parser.parse_args()


def measure(name: str, known: list[Known], options: argparse.Namespace) -> list[dict[str, Any]]:
    """One point a size: errors of every repeat by seed, evaluations and seconds an estimate."""
    method, sizes = METHODS[name]
    points = []
    for size in sizes[: options.sizes]:
        keys = jax.vmap(jax.random.key)(jnp.arange(options.repeats))
        many = jax.jit(lambda keys, have, s=size: jax.lax.map(lambda key: method(key, have, s), keys)).lower(keys, known[0]).compile()
        point: dict[str, Any] = {"method": name, "size": size, "errors": [], "energies": [], "seconds": []}
        for seed, have in enumerate(known):
            keys = jax.random.split(jax.random.key(1000 + seed), options.repeats)
            begin = time.perf_counter()
            values, energies = jax.block_until_ready(many(keys, have))
            point["seconds"].append((time.perf_counter() - begin) / options.repeats)
            point["errors"].append((np.asarray(values, float) - exact_log_z()).tolist())
            point["energies"].append(float(jnp.mean(energies.astype(float))))
        points.append(point)
        print(name, size, [f"{np.sqrt(np.mean(np.square(each))):.3f}" for each in point["errors"]], flush=True)
    return points


def cheapest(points: list[dict[str, Any]], seed: int, tolerance: float, field: str) -> float:
    """Least of ``field`` over the sizes whose root mean square error is within the tolerance; infinite if there is none."""
    good = [point[field][seed] for point in points if np.sqrt(np.mean(np.square(point["errors"][seed]))) <= tolerance]
    return min(good, default=np.inf)


def page(record: dict[str, Any]) -> str:
    """The result as markdown."""
    columns = " | ".join(f"{what} to {t:g} nat" for t in TOLERANCES for what in ("evaluations", "ms"))
    lines = ["# What log Z costs", "", f"| method | {columns} |", f"|---|{'---:|' * (2 * len(TOLERANCES))}"]
    for name in METHODS:
        points = [point for point in record["points"] if point["method"] == name]
        cells = []
        for tolerance in TOLERANCES:
            for field, scale in (("energies", 1.0), ("seconds", 1e3)):
                cells.append(_range([scale * cheapest(points, seed, tolerance, field) for seed in range(record["seeds"])]))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    machine = record["machine"]
    lines += [
        "",
        f"Medians over {record['seeds']} seeds, with their range; each error is the root mean square of {record['repeats']} estimates. "
        f"Exact log Z: {record['log_z']:.4f}.",
        f"Learning the generator took {median(record['learning_seconds']):.1f} s and no evaluation of the energy; it is in none of the "
        "columns. *-*: not at any size tried.",
        "",
        f"`python benchmarks/log_z_cost.py`. {machine['processor']}, {machine['cores']} cores, one thread, load average at the start "
        f"{machine['load_average'][0]:.1f}, commit {machine['commit']}.",
        "",
    ]
    return "\n".join(lines)


def _range(values: list[float]) -> str:
    if not np.all(np.isfinite(values)):
        return "-" if not np.any(np.isfinite(values)) else f"{sum(np.isfinite(values))} of {len(values)} seeds"
    low, middle, high = (f"{value:,.0f}" if value >= 10 else f"{value:.2g}" for value in (min(values), median(values), max(values)))
    return middle if low == high else f"{middle} [{low}, {high}]"


if __name__ == "__main__":
    sys.exit(main())
