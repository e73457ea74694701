"""Is the learned energy right where the generator is wrong? Error against the number of samples, and the same optimum for every generator.

    python benchmarks/imperfect_generator.py            # both parts, about a minute
    python benchmarks/imperfect_generator.py --table    # docs/results/imperfect_generator.md from the result file

Part 1 (section 4 of the paper: no assumption on the generator). Data from exp(-E)/Z with E linear in (x, x^2, x^3, x^4); three fixed
generators of full support, all wrong. The density-aware discriminator and guided cost learning (as the critic of KL, whose minimum in
log Z is importance sampling) are fitted on n data and n draws, to the minimum, by Newton's method. The error is the standard deviation of
the learned energy minus the true one under the data's law, by quadrature: constants do not count. A consistent estimator falls with slope
-1/2. Kim & Bengio's loss on the same samples has a gradient that does not depend on the energy: its energy after 100 and 1,000 steps of
gradient descent says where it goes.

Part 2 (section 3.1: the optimal energy does not depend on the generator). A table of energies over seven points, expectations exact, five
generators: the largest difference of the centered energies at the minimum, beside that of a free discriminator's logits.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from machine import one_thread
from result_page import Record, ResultPage

one_thread()

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402

from triality.energies.linear import LinearEnergy  # noqa: E402
from triality.energy import Constant, UnnormalizedDensity  # noqa: E402
from triality.objectives.contrastive import ContrastiveLoss  # noqa: E402
from triality.objectives.discriminator import DiscriminatorLoss  # noqa: E402
from triality.objectives.divergence import KL  # noqa: E402
from triality.objectives.f_divergence import FDivergenceLoss  # noqa: E402
from triality.objectives.free_discriminator import FreeDiscriminatorLoss  # noqa: E402
from triality.sampler import Samples, draw  # noqa: E402
from triality.samplers.gaussian import Gaussian  # noqa: E402

TRUTH = jnp.array([0.3, -1.0, -0.1, 0.25])  # two wells of unequal depth
GENERATORS = {
    "broad": (jnp.array([0.0]), jnp.log(jnp.array([2.5]))),
    "off center": (jnp.array([1.0]), jnp.log(jnp.array([1.8]))),
    "on one side": (jnp.array([-1.2]), jnp.log(jnp.array([1.6]))),
}
SIZES = tuple(10**k for k in range(2, 7))
GRID = jnp.linspace(-7.0, 7.0, 20_001)
OBJECTIVES = {"density-aware discriminator": DiscriminatorLoss(), "guided cost, q only": FDivergenceLoss(KL())}
NUM_POINTS = 7


def features(x: jax.Array) -> jax.Array:
    return jnp.concatenate([x, x**2, x**3, x**4])


LOG_P = jax.nn.log_softmax(-jax.vmap(lambda x: TRUTH @ features(x[None]))(GRID))


def main() -> int:
    result = ResultPage("imperfect_generator", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="independent data sets a size (default %(default)s; a fifth at the largest)")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="largest n (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    yield {"seeds": options.seeds, "consistency": consistency(options), "independence": independence()}


def consistency(options: argparse.Namespace) -> dict[str, Any]:
    """Root mean squared error over seeds for every objective, generator and size."""
    found: dict[str, Any] = {}
    for name, law in GENERATORS.items():
        for size in (size for size in SIZES if size <= options.largest):
            num_seeds = options.seeds if size < SIZES[-1] else max(options.seeds // 5, 1)
            one = jax.jit(lambda key, law=law, size=size: _fit_all(key, Gaussian(*law), size))
            rows = [jax.device_get(one(jax.random.key(1000 + seed))) for seed in range(num_seeds)]
            for objective in rows[0]:
                values = np.array([row[objective] for row in rows])
                found.setdefault(objective, {}).setdefault(name, {})[str(size)] = values.tolist()
            print(
                f"{name}, n = {size:,}: " + ", ".join(f"{key} {np.sqrt(np.mean(np.square([r[key] for r in rows]))):.3g}" for key in rows[0])
            )
    return found


def _fit_all(key: jax.Array, q: Gaussian, size: int) -> dict[str, jax.Array]:
    key_data, key_drawn = jax.random.split(key)
    uniform = jax.random.uniform(key_data, (size,))
    cdf = jnp.cumsum(jnp.exp(LOG_P))
    x = jnp.interp(uniform, cdf, GRID)[:, None]  # inverse of the distribution function on a fine grid
    log_q = jax.vmap(q.log_prob)(x)
    data, drawn = Samples(x, log_q, 0.0 * log_q), draw(q, key_drawn, size)  # zeros that no compiler folds
    drawn = drawn._replace(log_weight=0.0 * drawn.log_q)
    fitted = {name: error(newton(_loss(objective, data, drawn), jnp.zeros(5))[:4]) for name, objective in OBJECTIVES.items()}
    slope = jax.grad(_loss(ContrastiveLoss(), data, drawn))(jnp.zeros(5))[:4]
    return fitted | {f"Kim & Bengio after {steps:,} steps": error(-0.01 * steps * slope) for steps in (100, 1000)}


def _loss(objective: Any, data: Samples, drawn: Samples) -> Callable[[jax.Array], jax.Array]:
    """In one vector: four weights and log Z."""
    return lambda theta: objective(UnnormalizedDensity(LinearEnergy(features, theta[:4]), Constant(theta[4])), data, drawn)[0]


def newton(loss: Callable[[jax.Array], jax.Array], theta: jax.Array, num_steps: int = 30) -> jax.Array:
    """The minimum of a convex function of a few numbers: Newton steps, halved until they descend."""
    lengths = 0.5 ** jnp.arange(12.0)

    def step(theta: jax.Array, _: None) -> tuple[jax.Array, None]:
        curvature = jax.hessian(loss)(theta) + 1e-10 * jnp.eye(theta.shape[0])
        direction = jnp.linalg.solve(curvature, jax.grad(loss)(theta))
        values = jax.lax.map(lambda t: loss(theta - t * direction), lengths)
        best = jnp.argmin(jnp.where(jnp.isfinite(values), values, jnp.inf))
        return jnp.where(values[best] < loss(theta), theta - lengths[best] * direction, theta), None

    return jax.lax.scan(step, theta, None, length=num_steps)[0]


def error(weights: jax.Array) -> jax.Array:
    """Standard deviation of the difference of the energies under the data's law, nats."""
    off = jax.vmap(lambda x: (weights - TRUTH) @ features(x[None]))(GRID)
    mean = jnp.sum(jnp.exp(LOG_P) * off)
    return jnp.sqrt(jnp.sum(jnp.exp(LOG_P) * (off - mean) ** 2))


def independence() -> dict[str, float]:
    """Largest difference, over pairs of generators, of centered energies and of a free discriminator's centered logits."""
    points = jnp.arange(NUM_POINTS)
    log_p = jax.nn.log_softmax(jax.random.normal(jax.random.key(0), (NUM_POINTS,)))
    energies, logits, gaps = [], [], []
    for seed in range(5):
        log_q = jax.nn.log_softmax(1.5 * jax.random.normal(jax.random.key(10 + seed), (NUM_POINTS,)))
        data, drawn = Samples(points, log_q, log_p), Samples(points, log_q, log_q)

        def aware(table: jax.Array, data: Samples = data, drawn: Samples = drawn) -> jax.Array:
            return DiscriminatorLoss()(UnnormalizedDensity(lambda x: table[x], Constant(0.0)), data, drawn)[0]

        def free(table: jax.Array, data: Samples = data, drawn: Samples = drawn) -> jax.Array:
            return FreeDiscriminatorLoss()(lambda x: table[x], data, drawn)[0]

        energies.append(_centered(newton(aware, jnp.zeros(NUM_POINTS), 200)))
        logits.append(_centered(newton(free, jnp.zeros(NUM_POINTS), 200)))
        gaps.append(_centered(logits[-1] - (log_p - log_q)))
    return {
        "energies": float(jnp.max(jnp.ptp(jnp.stack(energies), axis=0))),
        "energies against the truth": float(jnp.max(jnp.abs(jnp.stack(energies) + _centered(log_p)))),
        "free logits": float(jnp.max(jnp.ptp(jnp.stack(logits), axis=0))),
        "free logits against log p - log q": float(jnp.max(jnp.abs(jnp.stack(gaps)))),
    }


def _centered(values: jax.Array) -> jax.Array:
    return values - jnp.mean(values)


def slope_of(by_size: dict[str, list[float]]) -> tuple[float, float]:
    """Slope of log error against log n through all seeds, and its standard error by a bootstrap over seeds."""
    rng = np.random.default_rng(0)

    def fit(pick: Callable[[np.ndarray], np.ndarray]) -> float:
        rows = [(np.log(float(n)), 0.5 * np.log(np.mean(np.square(pick(np.asarray(values)))))) for n, values in by_size.items()]
        return float(np.polyfit(*zip(*rows, strict=True), 1)[0])

    draws = [fit(lambda v: rng.choice(v, len(v))) for _ in range(400)]
    return fit(lambda v: v), float(np.std(draws))


def page(record: Record) -> list[str]:
    sizes = list(next(iter(next(iter(record["consistency"].values())).values())))
    head = ["loss", "generator", *(f"n = {int(n):,}" for n in sizes), "slope"]
    lines = ["# Where the generator is wrong", "", "## Error of the learned energy against the number of samples", ""]
    lines += [f"| {' | '.join(head)} |", f"|---|---|{'---:|' * (len(head) - 2)}"]
    for objective, by_law in record["consistency"].items():
        for law, by_size in by_law.items():
            cells = [f"{np.sqrt(np.mean(np.square(values))):.3g}" for values in by_size.values()]
            slope = "{:.3f} ± {:.3f}".format(*slope_of(by_size))
            lines.append(f"| {objective} | {law} | {' | '.join(cells)} | {slope} |")
    found = record["independence"]
    return [
        *lines,
        "",
        "Root mean square over data sets of the standard deviation, in nats under the data's law, of the learned energy minus the true",
        "one. A consistent estimator's slope is -1/2. Kim & Bengio's loss knows no density: its gradient is constant in the energy, so",
        "that more steps only take it further away, and more data do not bring it back.",
        "",
        "## The optimal energy and the generator",
        "",
        "Seven points, exact expectations, five generators; largest difference over generators and points, centered, in nats:",
        "",
        "| | difference |",
        "|---|---:|",
        *(f"| {name} | {value:.2g} |" for name, value in found.items()),
        "",
        f"{record['seeds']} data sets a size (a fifth of them at n = 1,000,000).",
    ]


if __name__ == "__main__":
    sys.exit(main())
