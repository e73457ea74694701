"""``triality retrain`` where the environment lives on the host: fresh policies for the learned costs, one seed after the other."""

from __future__ import annotations

import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from triality.algorithms.cost_learning import CostLearning, State
from triality.cli.names import make_simulators
from triality.cli.pace import Pace
from triality.cli.stored import StoredRun
from triality.cli.training import progress_bar, refuse_non_finite
from triality.simulators.collector import Collector
from triality.simulators.endings import Absorbed, Padded
from triality.trajectory import OfPair, Policy


def retrained(
    stored: StoredRun, algorithm: CostLearning, states: State, seed: int, iterations: int, console: Console, remedy: str
) -> Policy:
    """The fresh policies of all seeds, stacked, each trained on the cost of its seed alone, with the settings of the run.

    Raises:
        SimulatorError: a simulator failed.
        NonFiniteError: a policy became NaN or infinite; ends with the ``remedy``.
    """
    options = stored.options
    rule = algorithm.update_rule
    update = eqx.filter_jit(lambda rule, key, policy, state, batch, cost: rule.update(key, policy, state, batch, OfPair(cost)))
    ending = Absorbed() if stored.task.is_absorbing else Padded()
    collector = Collector(make_simulators(stored.task, options.num_rollouts), ending=ending)
    policies, pace = [], Pace()
    with progress_bar(console) as bar:
        line = bar.add_task("compiling", total=iterations * options.seeds, rate="")
        for index in range(options.seeds):
            learned = jax.tree.map(lambda leaf, i=index: leaf[i], states)
            key_policy, key_update, key = jax.random.split(jax.random.key(seed + index), 3)
            policy: Any = algorithm.make_policy_of(key_policy, learned.scaling)
            state = rule.init(key_update, policy, learned.scaling)
            for iteration in range(1, iterations + 1):
                start = time.perf_counter()
                key, key_collect, key_update = jax.random.split(key, 3)
                batch = collector.collect(key_collect, policy, options.num_rollouts)
                policy, state, _ = update(rule, key_update, policy, state, batch, learned.cost)
                refuse_non_finite(policy, iteration, iteration, remedy)
                pace.record("iteration", options.num_rollouts * collector.horizon, time.perf_counter() - start)
                earned = float(np.mean(np.sum(np.asarray(batch.reward), axis=1)))
                label = ", ".join(part for part in (pace.words, f"true return {earned:.1f}") if part)
                bar.update(line, advance=1, description=f"training, seed {seed + index}", rate=label)
            policies.append(policy)
    collector.close()
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *policies)
