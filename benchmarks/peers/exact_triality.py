"""Our side of ``exact_speed.py``: runs one task on the arrays of a file and writes seconds and what was found. float64, one thread."""

from __future__ import annotations

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
import jax.numpy as jnp
import numpy as np

from triality.partition.acceptance_ratio import acceptance_ratio, solve_log_z
from triality.tabular import IrlConfig, TabularMDP, Visitation, causal_solution, causal_visits, mce_irl

jax.config.update("jax_enable_x64", True)


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    arrays = dict(np.load(task["arrays"]))
    found = {"bar": log_z, "root": root, "visits": visits, "irl": learning}[task["kind"]](task, arrays)
    Path(sys.argv[2]).write_text(json.dumps({**found, "packages": {"jax": jax.__version__}}))


def log_z(task: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """The acceptance ratio with its error bar and its diagnostics."""
    found, first, seconds = timed(task, jax.jit(acceptance_ratio), jnp.asarray(arrays["data"]), jnp.asarray(arrays["drawn"]))
    return {"seconds": seconds, "first_seconds": first, "value": float(found.value), "stderr": float(found.stderr)}


def root(task: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """The same without error bar and diagnostics."""
    found, first, seconds = timed(task, jax.jit(solve_log_z), jnp.asarray(arrays["data"]), jnp.asarray(arrays["drawn"]))
    return {"seconds": seconds, "first_seconds": first, "value": float(found)}


def visits(task: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Causal policy of a cost, and expected visits: the work of one gradient."""
    mdp, cost = episodic(task, arrays), UntilTerminal(int(arrays["terminal"]), arrays["reward"].size)
    elsewhere = np.arange(arrays["reward"].size) != arrays["terminal"]

    def gradient(mdp: TabularMDP, table: Any) -> Any:
        return causal_visits(mdp, causal_solution(mdp, table)).total.sum(axis=-1)

    found, first, seconds = timed(task, eqx.filter_jit(gradient), mdp, cost(-jnp.asarray(arrays["reward"])[elsewhere]))
    return {"seconds": seconds, "first_seconds": first, "visits": found.tolist()}


def learning(task: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Maximum causal entropy from the same demonstrations; the gap is that of the visits of all states that are no end."""
    mdp, cost, num_actions = episodic(task, arrays), UntilTerminal(int(arrays["terminal"]), arrays["reward"].size), 4
    demonstrated = arrays["demonstrated"].copy()
    demonstrated[arrays["terminal"]] = 0.0
    demonstrated[arrays["terminal"]] = task["horizon"] - demonstrated.sum()
    table = Visitation(jnp.asarray(demonstrated[:, None] / num_actions * np.ones(num_actions)), jnp.exp(mdp.log_start))
    config = IrlConfig(tolerance=task["tolerance"], max_num_steps=2000)
    seconds = []
    for _ in range(1 + task["repeats"]):
        begin = time.perf_counter()
        learned = mce_irl(mdp, table, cost, config)
        seconds.append(time.perf_counter() - begin)
    return {"seconds": sorted(seconds[1:])[task["repeats"] // 2], "first_seconds": seconds[0], "gap": float(learned.gap[-1])}


class UntilTerminal(eqx.Module):
    """A cost for every state but the terminal one, where log A a step makes staying worth nothing: episodes that end."""

    terminal: int = eqx.field(static=True)
    num_states: int = eqx.field(static=True)
    num_actions: int = eqx.field(static=True, default=4)

    def __call__(self, parameters: Any) -> Any:
        row = jnp.insert(parameters, self.terminal, jnp.log(float(self.num_actions)))
        return jnp.broadcast_to(row[:, None], (self.num_states, self.num_actions))

    def initial(self) -> Any:
        return jnp.full(self.num_states - 1, 3.0)


def episodic(task: dict[str, Any], arrays: dict[str, Any]) -> TabularMDP:
    """The peers' table, its terminal state absorbing, over a horizon after which next to nothing is still under way."""
    table = np.transpose(arrays["transitions"], (0, 2, 1)).copy()
    table[arrays["terminal"]] = np.eye(table.shape[0])[arrays["terminal"]]
    return TabularMDP.from_dense(table, arrays["start"], horizon=task["horizon"])


def timed(task: dict[str, Any], function: Any, *given: Any) -> tuple[Any, float, float]:
    """What it gives, seconds of the first call, which compiles, and the median of the others."""
    times = []
    for _ in range(2 + task["repeats"]):
        begin = time.perf_counter()
        found = jax.block_until_ready(function(*given))
        times.append(time.perf_counter() - begin)
    return found, times[0], sorted(times[2:])[task["repeats"] // 2]


if __name__ == "__main__":
    main()
