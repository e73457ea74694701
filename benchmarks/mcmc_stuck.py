"""Two wells, ten nats between them: chains that follow the energy's slope stay where they start, a generator's draws do not (section 2.2).

    python benchmarks/mcmc_stuck.py            # about three minutes
    python benchmarks/mcmc_stuck.py --table    # docs/results/mcmc_stuck.md from the result file

    E(x) = 10.4 (x_1^2 - 1)^2 + 0.4 x_1 + (x_2 - x_1/2)^2 / (2 * 0.3^2)

Every method knows the energy alone and begins at N(0, 1.5^2 I). What is asked: the share of the left, lower well. All are given the same
number B of evaluations of the energy; one with its gradient counts once.

- one chain of MALA, and one of HMC, with all of B; step sizes with an acceptance near what theory calls best;
- a hundred short chains of Langevin without correction, as energy-based models are trained with;
- a mixture of four Gaussians: half of B to learn it, in rounds of draws, importance weights and weighted expectation-maximization; the
  other half for draws that are weighed. A tenth of its mass stays at N(0, 1.5^2 I), which bounds the weights;
- a chain of Metropolis with that mixture as its proposal.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import ROOT, describe_machine, one_thread

one_thread()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.kernels.chains import run_chains  # noqa: E402
from triality.kernels.hamiltonian import HamiltonianMonteCarlo  # noqa: E402
from triality.kernels.independence import IndependenceMetropolis  # noqa: E402
from triality.kernels.kernel import Kernel  # noqa: E402
from triality.kernels.langevin import Mala, UnadjustedLangevin  # noqa: E402
from triality.kernels.mixing import mode_visits, nearest_mode  # noqa: E402
from triality.partition.exact import trapezoid  # noqa: E402
from triality.sampler import draw  # noqa: E402
from triality.samplers.gaussian import Gaussian  # noqa: E402
from triality.samplers.gaussian_mixture import GaussianMixture  # noqa: E402

WELLS = jnp.array([[-1.0, -0.5], [1.0, 0.5]])
START = Gaussian(jnp.zeros(2), jnp.full(2, jnp.log(1.5)))
BUDGETS = (1_000, 10_000, 100_000, 1_000_000)
NUM_CHAINS, NUM_COMPONENTS, NUM_ROUNDS, NUM_EM_STEPS = 100, 4, 8, 20
LEAPFROG = 5
WRONG, RIGHT = 0.2, 0.02


def energy(x: jax.Array) -> jax.Array:
    return 10.4 * (x[0] ** 2 - 1.0) ** 2 + 0.4 * x[0] + 0.5 * ((x[1] - 0.5 * x[0]) / 0.3) ** 2


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


def chains(kernel: Kernel, num_chains: int, evaluations_a_step: int, num_skipped: int = 0) -> Callable[..., dict[str, jax.Array]]:
    """Share of all steps of all chains; after ``num_skipped`` per cent of them."""

    def method(key: jax.Array, budget: int) -> dict[str, jax.Array]:
        key_start, key_run = jax.random.split(key)
        num_steps = (budget // num_chains - 1) // evaluations_a_step
        found = run_chains(key_run, kernel, energy, draw(START, key_start, num_chains).x, num_steps)
        shares, passages = mode_visits(found.path[num_skipped * num_steps // 100 :], WELLS)
        return {"left_share": shares[0], "passages": passages * num_steps * num_chains, "acceptance": jnp.mean(found.acceptance)}

    return method


def learned(key: jax.Array, budget: int) -> GaussianMixture:
    """A mixture fitted to the energy alone, ``budget`` evaluations."""
    num_drawn = budget // (NUM_ROUNDS + 1)
    key_first, key_centers, key = jax.random.split(key, 3)
    first = draw(START, key_first, num_drawn)
    log_weight = -jax.vmap(energy)(first.x) - first.log_q
    centers = first.x[jax.random.categorical(key_centers, log_weight, shape=(NUM_COMPONENTS,))]
    q = GaussianMixture(jnp.zeros(NUM_COMPONENTS), centers, jnp.full(centers.shape, jnp.log(0.5)))
    q = expectation_maximization(q, first.x, log_weight)

    def improve(q: GaussianMixture, key: jax.Array) -> tuple[GaussianMixture, None]:
        drawn = draw(with_broad_part(q), key, num_drawn)
        return expectation_maximization(q, drawn.x, -jax.vmap(energy)(drawn.x) - drawn.log_q), None

    return jax.lax.scan(improve, q, jax.random.split(key, NUM_ROUNDS))[0]


def with_broad_part(q: GaussianMixture) -> GaussianMixture:
    """q with a tenth of its mass given to where all began."""
    log_weight = jnp.append(jnp.log(0.9) + jax.nn.log_softmax(q.log_weight), jnp.log(0.1))
    mean, log_scale = jnp.concatenate([q.mean, START.mean[None]]), jnp.concatenate([q.log_scale, START.log_scale[None]])
    return GaussianMixture(log_weight, mean, log_scale)


def expectation_maximization(q: GaussianMixture, x: jax.Array, log_weight: jax.Array) -> GaussianMixture:
    """Weighted; variances are kept above 0.02^2, and shares above e^-8."""
    weight = jax.nn.softmax(log_weight)

    def step(q: GaussianMixture, _: None) -> tuple[GaussianMixture, None]:
        logits = jax.nn.log_softmax(q.log_weight) + jax.vmap(q.component_log_probs)(x)
        member = weight[:, None] * jax.nn.softmax(logits, axis=1)
        mass = jnp.sum(member, axis=0) + jnp.exp(-8.0) / NUM_COMPONENTS
        mean = (member.T @ x + jnp.exp(-8.0) / NUM_COMPONENTS * q.mean) / mass[:, None]
        spread = jnp.sum(member[:, :, None] * (x[:, None, :] - mean[None]) ** 2, axis=0) / mass[:, None]
        return GaussianMixture(jnp.log(mass), mean, 0.5 * jnp.log(spread + 0.02**2)), None

    return jax.lax.scan(step, q, None, length=NUM_EM_STEPS)[0]


def generator(key: jax.Array, budget: int) -> dict[str, jax.Array]:
    """Share of the weight of the draws."""
    key_learn, key_draw = jax.random.split(key)
    drawn = draw(with_broad_part(learned(key_learn, budget // 2)), key_draw, budget // 2)
    weight = jax.nn.softmax(-jax.vmap(energy)(drawn.x) - drawn.log_q)
    where = nearest_mode(drawn.x, WELLS)
    passages = jnp.sum(where[1:] != where[:-1]).astype(float)
    ess_fraction = 1.0 / jnp.sum(weight**2) / (budget // 2)
    return {"left_share": jnp.sum(weight * (where == 0)), "passages": passages, "acceptance": ess_fraction}


def independence(key: jax.Array, budget: int) -> dict[str, jax.Array]:
    """The same generator as the proposal of a chain."""
    key_learn, key_run = jax.random.split(key)
    kernel = IndependenceMetropolis(with_broad_part(learned(key_learn, budget // 2)))
    return chains(kernel, 1, 1, num_skipped=1)(key_run, budget - budget // 2)


METHODS: dict[str, Callable[..., dict[str, jax.Array]]] = {
    "MALA, one chain": chains(Mala(0.022), 1, 1, num_skipped=1),
    "HMC, one chain": chains(HamiltonianMonteCarlo(0.17, jnp.ones(2), LEAPFROG), 1, LEAPFROG, num_skipped=1),
    "Langevin, a hundred chains": chains(UnadjustedLangevin(0.005), NUM_CHAINS, 1),
    "generator, weighed draws": generator,
    "generator, Metropolis": independence,
}


def main() -> int:
    options = _options()
    if not options.table:
        record: dict[str, Any] = {"machine": describe_machine(), "exact": exact(), "seeds": options.seeds, "rows": []}
        for name, method in METHODS.items():
            for budget in options.budgets:
                keys = jax.vmap(jax.random.key)(jnp.arange(options.seeds))
                found = jax.jit(lambda keys, m=method, b=budget: jax.lax.map(lambda key: m(key, b), keys))(keys)
                row = {"method": name, "budget": budget, **{field: np.asarray(v).tolist() for field, v in found.items()}}
                record["rows"].append(row)
                print(row, flush=True)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(record, indent=1) + "\n")
    text = page(json.loads(options.out.read_text()))
    if options.table:
        options.fragment.write_text("---\norphan: true\n---\n\n" + text)
    print(text)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="(default %(default)s)")
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS), help="evaluations of the energy (default %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "mcmc_stuck.json")
    parser.add_argument("--table", action="store_true", help="measure nothing, write the page from --out")
    parser.add_argument("--fragment", type=Path, default=ROOT / "docs" / "results" / "mcmc_stuck.md")
    return parser.parse_args()


def page(record: dict[str, Any]) -> str:
    """The result as markdown."""
    facts, truth = record["exact"], record["exact"]["left_share"]
    lines = ["# Two wells, ten nats apart", ""]
    lines += ["| method | evaluations | share of the left well | off, mean | off, largest | passages | acceptance or ESS share |"]
    lines += ["|---|---:|---|---:|---:|---:|---:|"]
    for row in record["rows"]:
        shares = np.array(row["left_share"])
        off = np.abs(shares - truth)
        low, high = _interval(shares)
        verdict = " (all right)" if off.max() < RIGHT else " (all wrong)" if off.min() > WRONG else ""
        cells = [row["method"], f"{row['budget']:,}", f"{shares.mean():.3f} [{low:.3f}, {high:.3f}]", f"{off.mean():.3f}"]
        cells += [f"{off.max():.3f}{verdict}", f"{np.mean(row['passages']):,.1f}", f"{np.mean(row['acceptance']):.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    machine = record["machine"]
    lines += [
        "",
        f"The truth, by quadrature: {truth:.4f}. Barrier: {facts['barrier_from_right']:.2f} nats from the higher well, "
        f"{facts['barrier_from_left']:.2f} from the lower.",
        f"Means over {record['seeds']} seeds, 95 % intervals by Student's t, cut to [0, 1]; *all right*: every seed within {RIGHT}; "
        f"*all wrong*: every seed off by more than {WRONG}.",
        "Evaluations include all that it took to learn the generator. *Passages*: from one well to the other, in a run.",
        "",
        f"`python benchmarks/mcmc_stuck.py`. {machine['processor']}, {machine['cores']} cores, commit {machine['commit']}.",
        "",
    ]
    return "\n".join(lines)


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Student's t at 95 %, within 0 and 1; of one seed, itself."""
    from scipy import stats

    if len(values) < 2:
        return float(values[0]), float(values[0])
    reach = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return max(0.0, float(values.mean() - reach)), min(1.0, float(values.mean() + reach))


if __name__ == "__main__":
    sys.exit(main())
