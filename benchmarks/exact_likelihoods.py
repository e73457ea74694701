"""Test log likelihood and log Z of an autoregressive generator and of its tilt by an energy, on binary tables.

    python benchmarks/exact_likelihoods.py                     # nltcs, plants, dna; five seeds
    python benchmarks/exact_likelihoods.py --data nltcs --seeds 1
    python benchmarks/exact_likelihoods.py --table             # docs/results/exact_likelihoods.md from the result file

Generator: MADE, begun at the marginals, by maximum likelihood, the step of greatest validation likelihood kept. Tilt:
p(x) = q_0(x) exp(-f(x))/Z, f a perceptron by noise-contrastive estimation against q_0, chosen on validation data; f = 0 stays where nothing
is better. log Z by importance sampling on fresh draws, by the acceptance ratio and the reciprocal estimator on test data, and for nltcs by
the sum over all 65,536 states. Where there is no exact log Z, the tilt's likelihood is charged the upper end of its 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from machine import ROOT, describe_machine, one_thread

one_thread()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.algorithms.density_estimation import estimate_log_z, fit_energy, fit_generator, tilted  # noqa: E402
from triality.algorithms.energy_learning import EnergyLearning  # noqa: E402
from triality.algorithms.likelihood_learning import LikelihoodLearning  # noqa: E402
from triality.algorithms.minibatch import DataSet  # noqa: E402
from triality.energies.mlp import MLPEnergy  # noqa: E402
from triality.energies.sum import NegativeLogDensity  # noqa: E402
from triality.partition.alarm import verdict  # noqa: E402
from triality.partition.exact import binary_vectors  # noqa: E402
from triality.samplers.autoregressive.made import made  # noqa: E402
from triality.samplers.bernoulli import fit_bernoulli  # noqa: E402
from triality.updates.sampler.gradient import Fixed  # noqa: E402

# Hidden layers of MADE; likelihood steps; hidden layers of the tilt; energy steps.
SETTINGS = {
    "nltcs": ((256,), 8000, (128, 128), 4000),
    "plants": ((512,), 8000, (256, 256), 4000),
    "dna": ((256,), 3000, (128,), 3000),
}
PUBLISHED = {"nltcs": -6.02, "plants": -12.6, "dna": -82.0}  # what is to be reached
NUM_DRAWN = 50_000
ENUMERABLE = 16


def main() -> int:
    options = _options()
    if not options.table:
        record: dict[str, Any] = json.loads(options.out.read_text()) if options.out.is_file() else {"data": {}}
        record |= {"machine": describe_machine()}
        for name in options.data:
            record["data"][name] = [one(name, seed, options) for seed in range(options.seeds)]
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(record, indent=1) + "\n")
    text = page(json.loads(options.out.read_text()))
    if options.table:
        options.fragment.write_text("---\norphan: true\n---\n\n" + text)
    print(text)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=list(SETTINGS), choices=list(SETTINGS), help="which tables (default: all)")
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "shared" / "data", help="where NAME.npz lie (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="(default %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "exact_likelihoods.json")
    parser.add_argument("--table", action="store_true", help="measure nothing, write the page from --out")
    parser.add_argument("--fragment", type=Path, default=ROOT / "docs" / "results" / "exact_likelihoods.md")
    return parser.parse_args()


def one(name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One seed on one table."""
    hidden, likelihood_steps, tilt, energy_steps = SETTINGS[name]
    with np.load(options.folder / f"{name}.npz", allow_pickle=False) as file:
        train, valid, test = (jnp.asarray(file[part], jnp.int32) for part in ("train", "valid", "test"))
    keys = jax.random.split(jax.random.key(seed), 6)
    dim = train.shape[1]
    ones = jax.nn.sigmoid(fit_bernoulli(train).logits)
    begin = made(keys[0], dim, hidden, marginals=jnp.stack([1.0 - ones, ones], axis=1))
    first = fit_generator(LikelihoodLearning(DataSet(train), 1e-3, 128), keys[1], begin, valid, likelihood_steps, progress=told)
    q = first.best
    learning = EnergyLearning(DataSet(train), sampler_gradient=Fixed(), energy_learning_rate=3e-4, batch_size=512, num_drawn=512)
    energy = tilted(q, MLPEnergy(keys[2], dim, tilt, output_scale=0.01))
    second = fit_energy(learning, keys[3], energy, q, valid, energy_steps, num_drawn=20_000, progress=told)
    energy = second.best.density.energy if second.num_steps else NegativeLogDensity(q)
    alarm, _ = estimate_log_z(keys[4], energy, q, test, NUM_DRAWN)
    found: dict[str, Any] = {
        "seed": seed,
        "generator": _mean(jax.jit(jax.vmap(q.log_prob))(test)),
        "minus_energy": _mean(-jax.jit(jax.vmap(energy))(test)),
        "steps": [first.num_steps, second.num_steps],
        "estimates": {
            label: [float(each.value), float(each.stderr)]
            for label, each in (("importance", alarm.forward), ("acceptance ratio", alarm.symmetric), ("reciprocal", alarm.reciprocal))
        },
        "ess_fraction": float(alarm.forward.diagnostics.ess_fraction),
        "alarm": verdict(jax.tree.map(np.asarray, alarm)),
    }
    if dim <= ENUMERABLE:
        found["exact"] = float(jax.nn.logsumexp(-jax.lax.map(energy, binary_vectors(dim), batch_size=4096)))
    print(name, json.dumps(found), flush=True)
    return found


def told(stage: str, done: int, total: int, numbers: dict[str, float]) -> None:
    if done % 1000 == 0:
        print(f"  {stage} {done}/{total}: validation {numbers['validation']:.4f}", flush=True)


def _mean(values: jax.Array) -> float:
    return float(np.mean(np.asarray(values, float)))


def page(record: dict[str, Any]) -> str:
    """The result as markdown."""
    lines = ["# Binary tables: likelihood and log Z", "", "## Test log likelihood, nats a row", ""]
    lines += ["| table | wanted | generator | generator tilted by an energy | gain |", "|---|---:|---:|---:|---:|"]
    for name, seeds in record["data"].items():
        generator = np.array([each["generator"] for each in seeds])
        charged = np.array([each["minus_energy"] - charge(each) for each in seeds])
        lines.append(f"| {name} | {PUBLISHED[name]:g} | {_spread(generator)} | {_spread(charged)} | {_spread(charged - generator)} |")
    lines += ["", "## log Z of the tilt, nats", "", "| table | seed | exact | importance | acceptance ratio | reciprocal | ESS | alarm |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---|"]
    for name, seeds in record["data"].items():
        for each in seeds:
            cells = [f"{value:.4f} ± {error:.4f}" for value, error in each["estimates"].values()]
            exact = f"{each['exact']:.4f}" if "exact" in each else ""
            words = each["alarm"].split(":")[0]
            lines.append(f"| {name} | {each['seed']} | {exact} | {' | '.join(cells)} | {each['ess_fraction']:.2f} | {words} |")
    machine = record["machine"]
    lines += [
        "",
        "Mean and range over seeds. The tilt is charged the exact log Z where there is one, else the upper end of the 95 % interval",
        f"of importance sampling from {NUM_DRAWN:,} draws. Acceptance ratio and reciprocal use the test data, which follow the model only",
        "as far as it is right (X8): their gaps from the exact value are the misfit, and what the alarm is about.",
        "",
        f"`python benchmarks/exact_likelihoods.py`. {machine['processor']}, {machine['cores']} cores, commit {machine['commit']}.",
        "",
    ]
    return "\n".join(lines)


def charge(found: dict[str, Any]) -> float:
    """The log Z that a likelihood is charged."""
    value, error = found["estimates"]["importance"]
    return found.get("exact", value + 1.96 * error)


def _spread(values: np.ndarray) -> str:
    return f"{values.mean():.3f} ({values.min():.3f} to {values.max():.3f})" if len(values) > 1 else f"{values[0]:.3f}"


if __name__ == "__main__":
    sys.exit(main())
