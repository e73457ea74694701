"""Our side of ``density_speed.py``: runs one task of a JSON file and writes seconds a step."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("NPROC", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import equinox as eqx
import jax

from triality.algorithms.energy_learning import EnergyLearning
from triality.algorithms.minibatch import DataSet
from triality.energies.mlp import MLPEnergy
from triality.objectives.sampler import minimax_loss
from triality.run import run
from triality.samplers.flow import masked_autoregressive_flow, real_nvp, spline_coupling_flow
from triality.samplers.gaussian import fit_gaussian
from triality.updates.sampler.adversarial import DensityAwareAdversarial
from triality.updates.sampler.gradient import Fixed

FLOWS = {"realnvp": real_nvp, "spline coupling": spline_coupling_flow, "maf": masked_autoregressive_flow}


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    found = {"flow": flow, "nce": training, "fce": training, "products": products}[task["kind"]](task)
    Path(sys.argv[2]).write_text(json.dumps({**found, "packages": {"jax": jax.__version__}}))


def flow(task: dict[str, Any]) -> dict[str, float]:
    """Seconds of one batch: draws with their log density, and log density of given points."""
    q = FLOWS[task["flow"]](jax.random.key(0), task["dim"], task["layers"], tuple(task["hidden"]))
    x = jax.random.normal(jax.random.key(1), (task["batch"], task["dim"]))
    sample = eqx.filter_jit(lambda q, key: jax.vmap(q.sample_and_log_prob)(jax.random.split(key, task["batch"])))
    density = eqx.filter_jit(lambda q, x: jax.vmap(q.log_prob)(x))
    keys = jax.random.split(jax.random.key(2), task["repeats"])
    return {
        "sample_seconds": seconds(lambda i: sample(q, keys[i]), task["repeats"]),
        "log_prob_seconds": seconds(lambda i: density(q, x), task["repeats"]),
    }


def seconds(call: Any, repeats: int) -> float:
    """The median call, after two that compile and warm up."""
    times = []
    for i in (0, 0, *range(repeats)):
        begin = time.perf_counter()
        jax.block_until_ready(call(i))
        times.append(time.perf_counter() - begin)
    return sorted(times[2:])[repeats // 2]


def products(task: dict[str, Any]) -> dict[str, float]:
    """Seconds of the matrix products of one energy step: forward, and backward to weights and to what came before; data and draws."""
    sizes, keys = [task["dim"], *task["energy"]], jax.random.split(jax.random.key(0), 8)
    layers = list(itertools.pairwise(sizes))
    inputs = [jax.random.normal(key, (2 * task["batch"], i)) for key, (i, _) in zip(keys[:4], layers, strict=False)]
    weights = [jax.random.normal(key, size) for key, size in zip(keys[4:], layers, strict=False)]
    inner = 200

    def step(_: Any, weights: Any) -> Any:
        outs = [x @ w for x, w in zip(inputs, weights, strict=True)]
        toward = [out @ w.T for out, w in zip(outs[1:], weights[1:], strict=True)]  # the data need no gradient
        slopes = [x.T @ out for x, out in zip(inputs, outs, strict=True)]
        small = sum(jax.numpy.vdot(each, each) for each in toward) * 1e-30
        return [0.999 * w + 1e-9 * slope + small for w, slope in zip(weights, slopes, strict=True)]

    many = jax.jit(lambda weights: jax.lax.fori_loop(0, inner, step, weights))
    return {"step_seconds": seconds(lambda i: many(weights), task["repeats"]) / inner}


def training(task: dict[str, Any]) -> dict[str, float]:
    """Seconds of a training step: the energy alone against fixed Gaussian noise, or energy and flow by turns."""
    x = jax.random.normal(jax.random.key(0), (20_000, task["dim"])) * 1.5
    noise = fit_gaussian(x) if task["kind"] == "nce" else real_nvp(jax.random.key(1), task["dim"], task["layers"], tuple(task["hidden"]))
    learning = EnergyLearning(
        DataSet(x),
        sampler_gradient=Fixed() if task["kind"] == "nce" else DensityAwareAdversarial(minimax_loss, task["batch"]),
        batch_size=task["batch"],
        num_drawn=task["batch"],
    )
    state = learning.init(jax.random.key(2), MLPEnergy(jax.random.key(3), task["dim"], tuple(task["energy"])), noise)
    steps = eqx.filter_jit(lambda learning, state: run(learning, state, 1, task["steps"])[0])
    begin = time.perf_counter()
    state = jax.block_until_ready(steps(learning, state))
    first = time.perf_counter() - begin
    times = []
    for _ in range(task["repeats"]):
        begin = time.perf_counter()
        state = jax.block_until_ready(steps(learning, state))
        times.append((time.perf_counter() - begin) / task["steps"])
    middle = sorted(times)[len(times) // 2]
    return {"step_seconds": middle, "compile_seconds": first - middle * task["steps"]}


if __name__ == "__main__":
    main()
