"""Test log likelihood and log Z of an autoregressive generator and of its tilt by an energy, on binary tables and images.

    python benchmarks/exact_likelihoods.py                     # nltcs, dna, plants, mnist; five seeds, two of mnist; about two hours
    python benchmarks/exact_likelihoods.py --data nltcs --seeds 1
    python benchmarks/exact_likelihoods.py --table             # docs/results/exact_likelihoods.md from the record

Generator: MADE, or MADE over orders, begun at the marginals, by maximum likelihood, the step of greatest validation likelihood kept. Tilt:
p(x) = q(x) exp(-f(x))/Z, f a perceptron by noise-contrastive estimation against fresh draws of q, chosen on validation data; f = 0 stays
where nothing is better. log Z by importance sampling on fresh draws, by the acceptance ratio and the reciprocal estimator on test data;
by annealing from q up to the tilt and back down (a bracket); where the states can be enumerated, by their sum, by fusion of q with
independent bits, and by three estimators on exact samples of the model, again and again. Where there is no
exact log Z, the tilt's likelihood is charged the upper end of the 95 % interval of importance sampling.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import ROOT, one_thread
from result_page import Record, ResultPage, kept

one_thread()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.algorithms.density_estimation import estimate_log_z, fit_generator, fit_tilt  # noqa: E402
from triality.algorithms.guarded import GuardedState  # noqa: E402
from triality.algorithms.likelihood_learning import LikelihoodLearning  # noqa: E402
from triality.algorithms.minibatch import DataSet  # noqa: E402
from triality.algorithms.stages import Going, no_progress  # noqa: E402
from triality.algorithms.tilt_learning import TiltLearning  # noqa: E402
from triality.energies.mlp import MLPEnergy  # noqa: E402
from triality.kernels.independence import IndependenceMetropolis  # noqa: E402
from triality.metrics.likelihood import paired_difference  # noqa: E402
from triality.objectives.generator_loss import GeneratorLoss, Likelihood, OrderAgnostic  # noqa: E402
from triality.partition.acceptance_ratio import acceptance_ratio  # noqa: E402
from triality.partition.alarm import verdict  # noqa: E402
from triality.partition.annealed import annealed_importance, bracket, reverse_annealed, sigmoid_temperatures  # noqa: E402
from triality.partition.exact import binary_vectors  # noqa: E402
from triality.partition.fusion import fusion  # noqa: E402
from triality.partition.mixture import mixture  # noqa: E402
from triality.partition.reciprocal import reciprocal  # noqa: E402
from triality.sampler import draw  # noqa: E402
from triality.samplers.autoregressive.made import made  # noqa: E402
from triality.samplers.autoregressive.made_over_orders import made_over_orders  # noqa: E402
from triality.samplers.bernoulli import fit_bernoulli  # noqa: E402
from triality.samplers.reference import AsReference  # noqa: E402

NUM_DRAWN, ENUMERABLE = 50_000, 16
NUM_WALKS, NUM_TEMPERATURES = 500, 100
NUM_EXACT, NUM_REPEATS = 2000, 400


class Setting(NamedTuple):
    """How one table is learned.

    Fields:
        file: of the data.
        num_orders: of MADE; 0 for one in the natural order.
        hidden: its layers.
        steps: of likelihood at rate 1e-3, a quarter of them at 3e-4.
        batch_size: of likelihood.
        tilt: hidden layers of f.
        tilt_steps: of noise-contrastive estimation.
        seeds: at most.
        wanted: test log likelihood to be reached; the published ones of others beside it.
        published: name to nats.
    """

    file: str
    num_orders: int
    hidden: tuple[int, ...]
    steps: int
    batch_size: int
    tilt: tuple[int, ...]
    tilt_steps: int
    seeds: int
    wanted: float | None
    published: dict[str, float]


SETTINGS = {
    "nltcs": Setting("nltcs", 0, (256,), 8000, 128, (128, 128), 4000, 5, -6.02, {}),
    "dna": Setting("dna", 16, (500, 500), 6000, 100, (128,), 2000, 5, -82.0, {}),
    "plants": Setting("plants", 8, (768, 768), 10_000, 200, (256, 256), 4000, 5, -12.6, {}),
    "mnist": Setting("binarized_mnist_packed", 0, (512,), 10_000, 100, (512, 256), 3000, 2, None, {"NADE": -88.33, "MADE": -86.64}),
}


def main() -> int:
    result = ResultPage("exact_likelihoods", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--data", nargs="+", default=list(SETTINGS), choices=list(SETTINGS), help="which tables (default: all)")
    parser.add_argument("--folder", type=Path, default=ROOT.parent / "shared" / "data", help="where NAME.npz lie (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="at most (default %(default)s)")
    parser.add_argument("--shorter", type=int, default=1, help="divide the steps, to try it out (default %(default)s)")
    parser.add_argument("--again", action="store_true", help="measure also the seeds that are in the record")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    data = kept(options.out).get("data", {})
    for name in options.data:
        done = {} if options.again else {each["seed"]: each for each in data.get(name, [])}
        found = []
        for seed in range(min(options.seeds, SETTINGS[name].seeds)):
            found.append(done.get(seed) or one(name, seed, options))
            yield {"data": data | {name: found}}
        data = data | {name: found}


def read(folder: Path, file: str) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Training, validation and test rows of zeros and ones; images are stored eight pixels a byte."""
    with np.load(folder / f"{file}.npz", allow_pickle=False) as stored:
        parts = [stored[part] for part in ("train", "valid", "test")]
    if file.endswith("packed"):
        parts = [np.unpackbits(part, axis=1)[:, :784] for part in parts]
    train, valid, test = (jnp.asarray(part, jnp.int32) for part in parts)
    return train, valid, test


def one(name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One seed on one table."""
    begin, setting = time.perf_counter(), SETTINGS[name]
    train, valid, test = read(options.folder, setting.file)
    keys = jax.random.split(jax.random.key(seed), 7)
    q, steps = generator_of(setting, keys[0], train, valid, options.shorter)
    on_test = jax.jit(lambda x: jax.lax.map(q.log_prob, x, batch_size=500))(test)
    learned = time.perf_counter() - begin
    tilt = TiltLearning(DataSet(train), DataSet(train), learning_rate=3e-4, batch_size=512, num_drawn=512)
    f = MLPEnergy(keys[2], train.shape[1], setting.tilt, output_scale=0.01)
    stage = fit_tilt(tilt, keys[3], f, q, valid, setting.tilt_steps // options.shorter, progress=Told())
    f = stage.best.density.energy
    alarm, _ = estimate_log_z(keys[4], f, AsReference(q), test, NUM_DRAWN)
    tilted_by = -jax.jit(jax.vmap(f))(test)
    gain = paired_difference(on_test + tilted_by, on_test)
    found: dict[str, Any] = {
        "seed": seed,
        "generator": float(jnp.mean(on_test)),
        "minus_energy": float(jnp.mean(on_test) + jnp.mean(tilted_by)),
        "gain_stderr": float(gain.stderr),
        "steps": [*steps, stage.num_steps],
        "estimates": {
            label: [float(each.value), float(each.stderr)]
            for label, each in (("importance", alarm.forward), ("acceptance ratio", alarm.symmetric), ("reciprocal", alarm.reciprocal))
        },
        "ess_fraction": float(alarm.forward.diagnostics.ess_fraction),
        "alarm": verdict(jax.tree.map(np.asarray, alarm)),
        "seconds": [learned, time.perf_counter() - begin],
    }
    found["bracket"] = annealed_bracket(keys[5], f, q)
    if train.shape[1] <= ENUMERABLE:
        found |= enumerated(keys[6], f, q, train)
    print(name, found, flush=True)
    return found


def generator_of(setting: Setting, key: jax.Array, train: jax.Array, valid: jax.Array, shorter: int) -> tuple[Any, list[int]]:
    """MADE by maximum likelihood, at two rates."""
    key_begin, *stage_keys = jax.random.split(key, 3)
    ones = jax.nn.sigmoid(fit_bernoulli(train).logits)
    marginals, dim = jnp.stack([1.0 - ones, ones], axis=1), train.shape[1]
    loss: GeneratorLoss = OrderAgnostic() if setting.num_orders else Likelihood()
    if setting.num_orders:
        q = made_over_orders(key_begin, dim, setting.hidden, setting.num_orders, marginals=marginals)
    else:
        q = made(key_begin, dim, setting.hidden, marginals=marginals)
    steps, judged = [], valid[:2000]
    for each, rate, share in zip(stage_keys, (1e-3, 3e-4), (0.75, 0.25), strict=True):
        learning = LikelihoodLearning(DataSet(train), rate, setting.batch_size, loss)
        num_steps = int(share * setting.steps) // shorter
        stage = fit_generator(learning, each, q, judged, num_steps, min(500, num_steps), Told())
        q, steps = stage.best, [*steps, stage.num_steps]
    return q, steps


def annealed_bracket(key: jax.Array, f: Any, q: Any) -> dict[str, float]:
    """Walks up from draws of q and down from draws picked by their weights: moves are draws of q, accepted or not."""
    key_pool, key_pick, key_up, key_down = jax.random.split(key, 4)
    law = AsReference(q)
    pool = jax.jit(lambda key: draw(law, key, NUM_DRAWN).x)(key_pool)
    picked = pool[jax.random.choice(key_pick, NUM_DRAWN, (NUM_WALKS,), p=jax.nn.softmax(-jax.jit(jax.vmap(f))(pool)))]
    kernel, temperatures = IndependenceMetropolis(law), sigmoid_temperatures(NUM_TEMPERATURES)
    up = jax.jit(lambda key: annealed_importance(key, f, law, kernel, temperatures, NUM_WALKS))(key_up)
    down = jax.jit(lambda key: reverse_annealed(key, f, law, kernel, temperatures, picked))(key_down)
    found = bracket(up, down)
    return {name: float(getattr(found, name)) for name in ("lower", "upper", "low", "high")}


def enumerated(key: jax.Array, f: Any, q: Any, train: jax.Array) -> dict[str, Any]:
    """log Z as a sum, by fusion of q with independent bits, and how often the intervals of three estimators hold it on exact samples."""
    states = binary_vectors(train.shape[1])
    log_q, tilt = jax.jit(lambda x: jax.lax.map(lambda x: (q.log_prob(x), -f(x)), x, batch_size=4096))(states)
    log_z = jax.nn.logsumexp(log_q + tilt)
    key_q, key_bits, key_repeat = jax.random.split(key, 3)
    bits, half = fit_bernoulli(train), NUM_DRAWN // 2
    x = jnp.concatenate([jax.jit(lambda s, k: draw(s, k, half).x)(sampler, each) for sampler, each in ((q, key_q), (bits, key_bits))])
    relative = jax.jit(jax.vmap(lambda x: bits.log_prob(x) - q.log_prob(x)))(x)
    fused = fusion(-jax.jit(jax.vmap(f))(x), jnp.stack([jnp.zeros_like(relative), relative]), jnp.repeat(jnp.arange(2), half))

    def held(key: jax.Array) -> tuple[jax.Array, ...]:
        key_p, key_q = jax.random.split(key)
        on_p = tilt[jax.random.choice(key_p, states.shape[0], (NUM_EXACT,), p=jnp.exp(log_q + tilt - log_z))]
        on_q = tilt[jax.random.choice(key_q, states.shape[0], (NUM_EXACT,), p=jnp.exp(log_q))]
        one = jnp.zeros(NUM_EXACT)  # log density of q relative to itself
        estimates = (acceptance_ratio(on_p, on_q), mixture(on_p, on_p - log_z, one, on_q, on_q - log_z, one), reciprocal(on_p))
        return tuple(jnp.abs(each.value - log_z) < 1.96 * each.stderr for each in estimates)

    found = jax.jit(lambda keys: jax.lax.map(held, keys))(jax.random.split(key_repeat, NUM_REPEATS))
    shares = [float(jnp.mean(each)) for each in found]
    return {
        "exact": float(log_z),
        "fusion": [float(fused.value), float(fused.stderr)],
        "coverage": dict(zip(("acceptance ratio", "mixture", "reciprocal"), shares, strict=True)),
    }


class Told:
    def begun(self, stage: str, first: Going) -> Going:
        return first

    def advanced(self, learning: Any, state: GuardedState, num_steps: int) -> tuple[GuardedState, Any]:
        return no_progress.advanced(learning, state, num_steps)

    def agreed(self, value: float) -> float:
        return value

    def looked(self, stage: str, going: Going, total: int, numbers: dict[str, float]) -> None:
        if going.done % 1000 == 0:
            print(f"  {stage} {going.done}/{total}: validation {numbers['validation']:.4f}", flush=True)


def page(record: Record) -> list[str]:
    lines = ["# Binary tables and images: likelihood and log Z", "", "## Test log likelihood, nats a row", ""]
    lines += ["| data | seeds | wanted, published | generator | generator tilted by an energy | gain |", "|---|---:|---:|---:|---:|---:|"]
    for name, seeds in record["data"].items():
        setting = SETTINGS[name]
        beside = ", ".join(f"{system} {value:g}" for system, value in setting.published.items())
        wanted = beside if setting.wanted is None else f"{setting.wanted:g}"
        generator = np.array([each["generator"] for each in seeds])
        charged = np.array([each["minus_energy"] - charge(each) for each in seeds])
        cells = [_spread(values) for values in (generator, charged, charged - generator)]
        lines.append(f"| {name} | {len(seeds)} | {wanted} | {' | '.join(cells)} |")
    lines += ["", "## log Z of the tilt, nats", ""]
    lines += ["| data | seed | exact | bracket | importance | fusion | acceptance ratio | reciprocal | ESS | alarm |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|---|"]
    for name, seeds in record["data"].items():
        for each in seeds:
            estimates = dict(list(each["estimates"].items())[:1]) | {"fusion": each.get("fusion")} | each["estimates"]
            cells = [f"{pair[0]:.4f} ± {pair[1]:.4f}" if pair else "" for pair in estimates.values()]
            known = f"{each['exact']:.4f}" if "exact" in each else ""
            between = f"{each['bracket']['low']:.3f} to {each['bracket']['high']:.3f}"
            words = each["alarm"].split(":")[0]
            lines.append(f"| {name} | {each['seed']} | {known} | {between} | {' | '.join(cells)} | {each['ess_fraction']:.2f} | {words} |")
    covered = {name: [each["coverage"] for each in seeds] for name, seeds in record["data"].items() if "coverage" in seeds[0]}
    for name, found in covered.items():
        shares = ", ".join(f"{each} {100 * np.mean([row[each] for row in found]):.1f} %" for each in found[0])
        repeats = NUM_REPEATS * len(found)
        lines += ["", f"{name}, {NUM_EXACT:,} exact samples of the model: 95 % intervals hold log Z in {shares} of {repeats:,} repeats"]
        lines += [f"(the error of such a share: {100 * np.sqrt(0.0475 / repeats):.1f} %)."]
    lines += ["", "## What it took", "", "| data | generator | likelihood steps | f | energy steps | seconds, generator | in all |"]
    lines += ["|---|---|---:|---|---:|---:|---:|"]
    for name, seeds in record["data"].items():
        setting, seconds = SETTINGS[name], np.array([each["seconds"] for each in seeds]).mean(axis=0)
        kind = f"MADE {setting.hidden}" + (f", {setting.num_orders} orders" if setting.num_orders else "")
        lines.append(f"| {name} | {kind} | {setting.steps} | {setting.tilt} | {setting.tilt_steps} | {seconds[0]:.0f} | {seconds[1]:.0f} |")
    return [
        *lines,
        "",
        "Mean and range over seeds. The tilt is charged the exact log Z where there is one, else the upper end of the 95 % interval",
        f"of importance sampling from {NUM_DRAWN:,} draws. Brackets: {NUM_WALKS} annealed walks of {NUM_TEMPERATURES} temperatures up from",
        "q and as many down from draws picked by their weights, ends widened by 1.96 standard errors. Acceptance ratio and reciprocal use",
        "the test data, which follow the model only as far as it is right (X8): their gaps from the exact value are the misfit, and what",
        "the alarm is about.",
    ]


def charge(found: dict[str, Any]) -> float:
    """The log Z that a likelihood is charged."""
    value, error = found["estimates"]["importance"]
    return found.get("exact", value + 1.96 * error)


def _spread(values: np.ndarray) -> str:
    return f"{values.mean():.3f} ({values.min():.3f} to {values.max():.3f})" if len(values) > 1 else f"{values[0]:.3f}"


if __name__ == "__main__":
    sys.exit(main())
