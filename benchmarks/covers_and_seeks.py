"""One Gaussian on two modes: maximum likelihood covers, the adversarial generator seeks, the hybrid lies between (sections 1 and 2.4).

    python benchmarks/covers_and_seeks.py            # about two minutes
    python benchmarks/covers_and_seeks.py --table    # docs/results/covers_and_seeks.md from the result file

Data from 0.35 N(-4, 1) + 0.65 N(4, 0.8^2): unequal modes, eight standard deviations apart. One and the same generator, N(mu, sigma^2):

- by maximum likelihood, on quadrature nodes: its optimum has the data's mean and standard deviation;
- adversarially, begun at a datum: a perceptron energy by the density-aware discriminator on samples, the generator by the path gradient,
  everything learned (``EnergyLearning``); compared with the minimum of KL(q || p) by quadrature, in the mode where it ended;
- the same begun where likelihood ends: KL(q || p) has a third, broad minimum, and that is where it then stays;
- by the hybrid, adversarial gradient plus lambda times likelihood;
- by the ordinary GAN, whose discriminator does not know q, on the same generator.

The gap is |x| < 1.5, which the data hardly visit. Held-out likelihood stands beside it: Flow-GAN's warning, that adversarial training ruins
it, is true here and shown.
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

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402

from triality.algorithms.energy_learning import EnergyLearning  # noqa: E402
from triality.algorithms.minibatch import DataSet  # noqa: E402
from triality.energies.mlp import MLPEnergy  # noqa: E402
from triality.objectives.discriminator import DiscriminatorLoss  # noqa: E402
from triality.objectives.free_discriminator import FreeDiscriminatorLoss  # noqa: E402
from triality.objectives.likelihood import negative_log_likelihood  # noqa: E402
from triality.run import run  # noqa: E402
from triality.sampler import Samples  # noqa: E402
from triality.samplers.gaussian import Gaussian  # noqa: E402
from triality.samplers.mixture import MixtureSampler  # noqa: E402
from triality.updates.sampler.adversarial import FreeAdversarial  # noqa: E402
from triality.updates.sampler.gradient import Hybrid  # noqa: E402
from triality.updates.sampler.reparameterized import PathGradient  # noqa: E402

TARGET = MixtureSampler(
    jax.vmap(Gaussian)(jnp.array([[-4.0], [4.0]]), jnp.log(jnp.array([[1.0], [0.8]]))), jnp.log(jnp.array([0.35, 0.65]))
)
GRID = jnp.linspace(-16.0, 16.0, 32_001)
CELL = 32.0 / 32_000
GAP = 1.5
NUM_DATA = 400_000  # their own mean is off by 1/sqrt(n) of a mode's spread
# Learning rates of energy and generator, steps; the last stage's generators are averaged.
STAGES = ((3e-3, 1e-2, 3000), (1e-3, 3e-3, 3000), (3e-4, 3e-4, 4000))
BATCH = 500
LAMBDAS = (0.1, 0.3, 1.0, 3.0)


class FreeLoss(eqx.Module):
    """The ordinary discriminator, reading the energy as minus its critic."""

    def __call__(self, density: Any, data: Samples, drawn: Samples) -> tuple[jax.Array, Any]:
        return FreeDiscriminatorLoss()(lambda x: -density.energy(x), data, drawn)


SEEKS, SEEKS_FROM_COVER = "adversarial (density-aware)", "the same, begun where likelihood ends"
METHODS: dict[str, tuple[Any, Any]] = {
    SEEKS: (DiscriminatorLoss(), PathGradient(BATCH)),
    SEEKS_FROM_COVER: (DiscriminatorLoss(), PathGradient(BATCH)),
    **{f"hybrid, lambda = {weight:g}": (DiscriminatorLoss(), Hybrid(PathGradient(BATCH), weight)) for weight in LAMBDAS},
    "ordinary GAN (free discriminator)": (FreeLoss(), FreeAdversarial(num_samples=BATCH)),
}


def main() -> int:
    options = _options()
    if not options.table:
        record: dict[str, Any] = {"machine": describe_machine(), "num_seeds": options.seeds, "exact": exact()}
        record["rows"] = {"maximum likelihood": [report(by_likelihood())]}
        for name, (objective, gradient) in METHODS.items():
            start = by_likelihood() if name == SEEKS_FROM_COVER else None
            record["rows"][name] = [report(each) for each in learned(objective, gradient, start, options)]
            print(name, record["rows"][name], flush=True)
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
    parser.add_argument("--shorter", type=int, default=1, help="divide the steps, to try it out (default %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "covers_and_seeks.json")
    parser.add_argument("--table", action="store_true", help="measure nothing, write the page from --out")
    parser.add_argument("--fragment", type=Path, default=ROOT / "docs" / "results" / "covers_and_seeks.md")
    return parser.parse_args()


def on_grid() -> tuple[jax.Array, jax.Array]:
    return GRID[:, None], jax.vmap(TARGET.log_prob)(GRID[:, None])


def minimized(loss: Any, start: Gaussian, num_steps: int = 200) -> Gaussian:
    """By L-BFGS."""
    optimizer = optax.lbfgs()
    value_and_gradient = optax.value_and_grad_from_state(loss)

    def step(carry: Any, _: None) -> tuple[Any, None]:
        q, state = carry
        value, gradient = value_and_gradient(q, state=state)
        updates, state = optimizer.update(gradient, state, q, value=value, grad=gradient, value_fn=loss)
        return (optax.apply_updates(q, updates), state), None

    return jax.jit(lambda q: jax.lax.scan(step, (q, optimizer.init(q)), None, length=num_steps)[0][0])(start)


def by_likelihood() -> Gaussian:
    x, log_p = on_grid()
    nodes = Samples(x, jnp.zeros_like(log_p), log_p)
    return minimized(lambda q: negative_log_likelihood(q, nodes), Gaussian(jnp.zeros(1), jnp.zeros(1)))


def reverse_kl(q: Gaussian) -> jax.Array:
    x, log_p = on_grid()
    log_q = jax.vmap(q.log_prob)(x)
    return CELL * jnp.sum(jnp.exp(log_q) * (log_q - log_p))


def exact() -> dict[str, list[float]]:
    """Moments of the data, and the minima of KL(q || p): one in each mode, and a broad one between them, where likelihood would begin."""
    x, log_p = on_grid()
    mean = CELL * jnp.sum(jnp.exp(log_p) * x[:, 0])
    spread = jnp.sqrt(CELL * jnp.sum(jnp.exp(log_p) * (x[:, 0] - mean) ** 2))
    starts = (Gaussian(jnp.array([-4.0]), jnp.zeros(1)), Gaussian(jnp.array([4.0]), jnp.zeros(1)), by_likelihood())
    minima = [minimized(reverse_kl, start) for start in starts]
    return {"data": [float(mean), float(spread)], **{f"minimum {i}": _numbers(q) for i, q in enumerate(minima)}}


def learned(objective: Any, gradient: Any, start: Gaussian | None, options: argparse.Namespace) -> list[Gaussian]:
    """One generator a seed; it begins at ``start``, or at a datum with standard deviation one."""

    def one(key: jax.Array) -> Gaussian:
        key_data, key_energy, key_start, key_run = jax.random.split(key, 4)
        data = DataSet(jax.vmap(TARGET.sample)(jax.random.split(key_data, NUM_DATA)))
        q = Gaussian(data.minibatch(key_start, 1)[0], jnp.zeros(1)) if start is None else start
        learning = EnergyLearning(data, objective, gradient, batch_size=BATCH, num_drawn=BATCH, num_energy_steps=2)
        state = learning.init(key_run, MLPEnergy(key_energy, 1, (32, 32)), q)
        for *rates, num_steps in STAGES:
            rates = tuple(jnp.array(rate) for rate in rates)
            staged = eqx.tree_at(lambda a: (a.energy_learning_rate, a.sampler_learning_rate), learning, rates)
            state, _, seen = run(staged, state, num_steps // options.shorter, 1, lambda s: s.sampler)
        return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), seen)

    many = jax.jit(jax.vmap(one))(jax.vmap(jax.random.key)(jnp.arange(options.seeds)))
    return [jax.tree.map(lambda leaf, i=i: leaf[i], many) for i in range(options.seeds)]


def report(q: Gaussian) -> dict[str, float]:
    x, log_p = on_grid()
    log_q = jax.vmap(q.log_prob)(x)
    inside = jnp.abs(x[:, 0]) < GAP
    return {
        "mean": _numbers(q)[0],
        "sd": _numbers(q)[1],
        "gap": float(CELL * jnp.sum(jnp.where(inside, jnp.exp(log_q), 0.0))),
        "log_likelihood": float(CELL * jnp.sum(jnp.exp(log_p) * log_q)),
        "reverse_kl": float(reverse_kl(q)),
    }


def _numbers(q: Gaussian) -> list[float]:
    return [float(q.mean[0]), float(jnp.exp(q.log_scale[0]))]


def page(record: dict[str, Any]) -> str:
    """The result as markdown."""
    facts = record["exact"]
    minima = [value for name, value in facts.items() if name.startswith("minimum")]
    lines = ["# One Gaussian on two modes", "", "| generator | mean | sd | mass in the gap | log likelihood | KL(q, p) | off the optimum |"]
    lines += ["|---|---|---|---|---|---|---:|"]
    for name, seeds in record["rows"].items():
        columns = {key: np.array([seed[key] for seed in seeds]) for key in seeds[0]}
        where = np.stack([columns["mean"], columns["sd"]], axis=1)
        wanted = np.array([facts["data"]] if name == "maximum likelihood" else minima)
        off = np.max(np.min(np.max(np.abs(where[:, None] - wanted[None]), axis=-1), axis=1))
        shown = f"{off:.2g}" if name in ("maximum likelihood", SEEKS, SEEKS_FROM_COVER) else ""
        lines.append(f"| {name} | {' | '.join(_range(columns[key]) for key in seeds[0])} | {shown} |")
    machine = record["machine"]
    lines += [
        "",
        f"Data: mean {facts['data'][0]:.4f}, sd {facts['data'][1]:.4f}. Minima of KL(q, p) by quadrature: "
        + ", ".join(f"mean {m:.4f}, sd {s:.4f}" for m, s in minima)
        + ". *Off the optimum*: largest difference of mean or sd, over",
        f"seeds, from the data's moments (likelihood) or the nearer minimum (adversarial). The gap is |x| < {GAP}. Log likelihood:",
        f"E_p log q, nats. Where seeds differ: smallest to largest of {record['num_seeds']}.",
        "",
        f"`python benchmarks/covers_and_seeks.py`. {machine['processor']}, {machine['cores']} cores, commit {machine['commit']}.",
        "",
    ]
    return "\n".join(lines)


def _range(values: np.ndarray) -> str:
    low, high = f"{values.min():.3g}", f"{values.max():.3g}"
    return low if low == high else f"{low} to {high}"


if __name__ == "__main__":
    sys.exit(main())
