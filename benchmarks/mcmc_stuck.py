"""Two wells, ten nats between them: chains that follow the energy's slope stay where they start, a generator's draws do not (section 2.2).

    python benchmarks/mcmc_stuck.py            # about three minutes
    python benchmarks/mcmc_stuck.py --table    # docs/results/mcmc_stuck.md from the result file

    E(x) = 10.545 (x_1^2 - 1)^2 + 0.55 x_1 + (x_2 - x_1/2)^2 / (2 * 0.3^2)

Every method knows the energy alone and begins at N(0, I). What is asked is the share of the left, lower well, three quarters: a chain
that sees one well only is off by a quarter or more, and so are chains that split evenly. All are given the same number B of evaluations of
the energy; one with its gradient counts once. Step sizes, whose search is not counted, give the acceptance that theory calls best.

- one chain of MALA, and one of HMC, with all of B;
- a hundred short chains of Langevin without correction, as energy-based models are trained with; longer steps run off from far starts;
- a mixture of eight Gaussians: half of B to learn it (``SamplerLearning``, likelihood of its own draws under their weights), the other half
  for draws that are weighed. A tenth of the mass of these is N(0, I), which bounds the weights;
- a chain of Metropolis with that mixture as its proposal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

import numpy as np
from machine import one_thread
from result_page import Record, ResultPage

one_thread()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.algorithms.sampler_learning import SamplerLearning  # noqa: E402
from triality.kernels.chains import run_chains  # noqa: E402
from triality.kernels.hamiltonian import HamiltonianMonteCarlo  # noqa: E402
from triality.kernels.independence import IndependenceMetropolis  # noqa: E402
from triality.kernels.kernel import Kernel  # noqa: E402
from triality.kernels.langevin import Mala, UnadjustedLangevin  # noqa: E402
from triality.kernels.mixing import mode_visits, nearest_mode, split_r_hat  # noqa: E402
from triality.partition.exact import trapezoid  # noqa: E402
from triality.run import run  # noqa: E402
from triality.sampler import draw  # noqa: E402
from triality.samplers.gaussian import Gaussian  # noqa: E402
from triality.samplers.gaussian_mixture import GaussianMixture  # noqa: E402
from triality.updates.sampler.alpha import WeightedLikelihood  # noqa: E402

WELLS = jnp.array([[-1.0, -0.5], [1.0, 0.5]])
START = Gaussian(jnp.zeros(2), jnp.zeros(2))
BUDGETS = (1_000, 10_000, 100_000, 1_000_000)
NUM_CHAINS, LEAPFROG = 100, 5
NUM_COMPONENTS, NUM_STEPS, LEAST_DRAWN, RATE = 8, 500, 25, 0.05
WRONG, RIGHT = 0.2, 0.02

Found = dict[str, jax.Array]


def energy(x: jax.Array) -> jax.Array:
    return 10.545 * (x[0] ** 2 - 1.0) ** 2 + 0.55 * x[0] + 0.5 * ((x[1] - 0.5 * x[0]) / 0.3) ** 2


def exact() -> dict[str, float]:
    """By quadrature: share of the left well, and the barrier seen from each side (along x_2 = x_1/2, where the last term vanishes)."""
    grid = trapezoid([-3.0, -3.0], [3.0, 3.0], 601)
    share = jax.nn.softmax(-jax.vmap(energy)(grid.points) + grid.log_volume)
    along = jnp.linspace(-1.5, 1.5, 30_001)
    height = jax.vmap(lambda x: energy(jnp.array([x, 0.5 * x])))(along)
    top = jnp.max(jnp.where(jnp.abs(along) < 0.5, height, -jnp.inf))
    lowest = [float(top - jnp.min(jnp.where(side, height, jnp.inf))) for side in (along < 0, along > 0)]
    left = float(jnp.sum(share * (nearest_mode(grid.points, WELLS) == 0)))
    return {"left_share": left, "barrier_from_left": lowest[0], "barrier_from_right": lowest[1]}


def chains(kernel: Kernel, num_chains: int, evaluations_a_step: int, num_skipped: int = 0) -> Callable[[jax.Array, int], Found]:
    """Share of all steps of all chains, after ``num_skipped`` per cent of them; what R-hat says, and the acceptance."""

    def method(key: jax.Array, budget: int) -> Found:
        key_start, key_run = jax.random.split(key)
        num_steps = (budget // num_chains - 1) // evaluations_a_step
        found = run_chains(key_run, kernel, energy, draw(START, key_start, num_chains).x, num_steps)
        path = found.path[num_skipped * num_steps // 100 :]
        shares, passages = mode_visits(path, WELLS)
        return {
            "left_share": jnp.where(jnp.all(jnp.isfinite(path)), shares[0], jnp.nan),
            "passages": passages * path.shape[0] * num_chains,
            "acceptance": jnp.mean(found.acceptance),
            "r_hat": jnp.max(split_r_hat(path)),
        }

    return method


def learned(key: jax.Array, budget: int) -> GaussianMixture:
    """A mixture fitted to the energy alone with ``budget`` evaluations; a tenth of its mass is given to where all began."""
    key_start, key_learn = jax.random.split(key)
    num_drawn = max(budget // NUM_STEPS, LEAST_DRAWN)
    mean, log_scale = draw(START, key_start, NUM_COMPONENTS).x, jnp.full((NUM_COMPONENTS, 2), jnp.log(0.7))
    learning = SamplerLearning(energy, WeightedLikelihood(1.0, num_drawn), RATE)
    state = learning.init(key_learn, GaussianMixture(jnp.zeros(NUM_COMPONENTS), mean, log_scale))
    for rate in (RATE, RATE / 3):
        state = run(SamplerLearning(energy, WeightedLikelihood(1.0, num_drawn), rate), state, 1, budget // num_drawn // 2)[0]
    q = state.sampler
    log_weight = jnp.append(jnp.log(0.9) + jax.nn.log_softmax(q.log_weight), jnp.log(0.1))
    mean, log_scale = jnp.concatenate([q.mean, START.mean[None]]), jnp.concatenate([q.log_scale, START.log_scale[None]])
    return GaussianMixture(log_weight, mean, log_scale)


def generator(key: jax.Array, budget: int) -> Found:
    """Share of the weight of the draws, and what their effective number says."""
    key_learn, key_draw = jax.random.split(key)
    drawn = draw(learned(key_learn, budget // 2), key_draw, budget // 2)
    weight = jax.nn.softmax(-jax.vmap(energy)(drawn.x) - drawn.log_q)
    where = nearest_mode(drawn.x, WELLS)
    passages = jnp.sum(where[1:] != where[:-1]).astype(float)
    return {"left_share": jnp.sum(weight * (where == 0)), "passages": passages, "ess_share": 1.0 / jnp.sum(weight**2) / (budget // 2)}


def independence(key: jax.Array, budget: int) -> Found:
    """The same generator as the proposal of a chain."""
    key_learn, key_run = jax.random.split(key)
    return chains(IndependenceMetropolis(learned(key_learn, budget // 2)), 1, 1, num_skipped=1)(key_run, budget - budget // 2)


METHODS: dict[str, Callable[[jax.Array, int], Found]] = {
    "MALA, one chain": chains(Mala(0.022), 1, 1, num_skipped=1),
    "HMC, one chain": chains(HamiltonianMonteCarlo(0.17, jnp.ones(2), LEAPFROG), 1, LEAPFROG, num_skipped=1),
    "Langevin, a hundred chains": chains(UnadjustedLangevin(0.001), NUM_CHAINS, 1),
    "generator, weighed draws": generator,
    "generator, Metropolis": independence,
}


def main() -> int:
    result = ResultPage("mcmc_stuck", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="(default %(default)s)")
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS), help="evaluations of the energy (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    rows, keys = [], jax.vmap(jax.random.key)(jnp.arange(options.seeds))
    for name, method in METHODS.items():
        for budget in options.budgets:
            found = jax.jit(lambda keys, m=method, b=budget: jax.lax.map(lambda key: m(key, b), keys))(keys)
            rows.append({"method": name, "budget": budget, **{field: np.asarray(values).tolist() for field, values in found.items()}})
            print(rows[-1], flush=True)
            yield {"exact": exact(), "seeds": options.seeds, "rows": rows}


def page(record: Record) -> list[str]:
    facts, truth = record["exact"], record["exact"]["left_share"]
    lines = ["# Two wells, ten nats apart", ""]
    lines += ["| method | evaluations | share of the left well | off, least | off, largest | passages | acceptance | it says of itself |"]
    lines += ["|---|---:|---|---:|---:|---:|---:|---:|"]
    for row in record["rows"]:
        shares = np.array(row["left_share"])
        off = np.abs(shares - truth)
        low, high = _interval(shares)
        verdict = " (all right)" if off.max() < RIGHT else " (all wrong)" if off.min() > WRONG else ""
        cells = [row["method"], f"{row['budget']:,}", f"{shares.mean():.3f} [{low:.3f}, {high:.3f}]", f"{off.min():.3f}"]
        cells += [f"{off.max():.3f}{verdict}", f"{np.mean(row['passages']):,.1f}"]
        cells += [f"{np.mean(row['acceptance']):.2f}" if "acceptance" in row else ""]
        cells += [f"R-hat {np.median(row['r_hat']):.2f}" if "r_hat" in row else f"ESS {100 * np.median(row['ess_share']):.0f} %"]
        lines.append(f"| {' | '.join(cells)} |")
    return [
        *lines,
        "",
        f"The truth, by quadrature: {truth:.4f}. Barrier: {facts['barrier_from_right']:.2f} nats from the higher well, "
        f"{facts['barrier_from_left']:.2f} from the lower.",
        f"Shares: means over {record['seeds']} seeds, 95 % intervals by Student's t, cut to [0, 1].",
        f"*All right*: every seed within {RIGHT}; *all wrong*: every seed off by more than {WRONG}.",
        "Evaluations include all that it took to learn the generator. *Passages*: from one well to the other, in a run; those of a",
        "hundred chains are nearly all of the first steps, of starts on the ridge. The last column is the median",
        "over seeds: R-hat of the run cut in halves, near 1 where they agree; the effective share of the weighed draws.",
    ]


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Student's t at 95 %, within 0 and 1; of one seed, itself."""
    from scipy import stats

    if len(values) < 2:
        return float(values[0]), float(values[0])
    reach = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return max(0.0, float(values.mean() - reach)), min(1.0, float(values.mean() + reach))


if __name__ == "__main__":
    sys.exit(main())
