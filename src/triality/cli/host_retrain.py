"""``triality retrain`` where the environment lives on the host: fresh policies for the learned costs, one seed after the other."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from rich.console import Console

from triality.algorithms.cost_learning import CostLearning, State
from triality.algorithms.guarded import Guarded, refuse_failing
from triality.cli.names import make_simulators
from triality.cli.options import RetrainOptions
from triality.cli.pace import Pace
from triality.cli.stored import StoredRun
from triality.cli.training import STATES, progress_bar
from triality.policies.scaling import Scaling
from triality.runs.keeper import Keeper
from triality.simulators.collector import Collector
from triality.simulators.endings import Absorbed, Padded
from triality.trajectory import OfPair, Policy, StepCost, Trajectory
from triality.updates.update_rule import UpdateRule


class Retraining(NamedTuple):
    """Where the training of one fresh policy stands."""

    policy: Any
    update: Any
    key: Array


class FreshPolicy(eqx.Module):
    """What ``Guarded`` guards: one update of a fresh policy on a cost that is given."""

    rule: UpdateRule

    def update(self, state: Retraining, key: Array, batch: Trajectory, cost: StepCost) -> tuple[Retraining, Any]:
        """One improvement on a batch that the policy drew itself."""
        policy, update, metrics = self.rule.update(key, state.policy, state.update, batch, OfPair(cost))
        return Retraining(policy, update, state.key), metrics


def retrained(
    stored: StoredRun, algorithm: CostLearning, states: State, asked: RetrainOptions, console: Console, remedy: str, keeper: Keeper
) -> Policy:
    """The fresh policies of all seeds, stacked, each trained on the cost of its seed alone, with the settings of the run.

    Raises:
        SimulatorError: a simulator failed.
        NonFiniteError: a policy became NaN or infinite again and again; ends with the ``remedy``.
        StoppedError: a signal asked for an end.
    """
    options, guarded = stored.options, Guarded(FreshPolicy(algorithm.update_rule))
    update = eqx.filter_jit(lambda guarded, *given: guarded.update(*given))
    ending = Absorbed() if stored.task.is_absorbing else Padded()
    collector = Collector(make_simulators(stored.task, options.num_rollouts), ending=ending)
    costs = [jax.tree.map(lambda leaf, i=index: leaf[i], states) for index in range(options.seeds)]
    trained = [guarded.init(_first(algorithm, each.scaling, asked.seed + index)) for index, each in enumerate(costs)]
    if keeper.resumes:
        trained = keeper.restored(STATES, trained)
    total, pace = asked.iterations * options.seeds, Pace()
    keeper.look({STATES: trained}, keeper.step)
    with progress_bar(console) as bar:
        line = bar.add_task("compiling", total=total, completed=keeper.step, rate="")
        for done in range(keeper.step + 1, total + 1):
            index, start = (done - 1) // asked.iterations, time.perf_counter()
            state = trained[index].state
            key, key_collect, key_update = jax.random.split(state.key, 3)
            batch = collector.collect(key_collect, state.policy, options.num_rollouts)
            going = trained[index]._replace(state=state._replace(key=key))
            trained[index], _ = update(guarded, going, key_update, batch, costs[index].cost)
            refuse_failing(trained[index], f"iterations {done}-{done}", remedy)
            pace.record("iteration", options.num_rollouts * collector.horizon, time.perf_counter() - start)
            earned = float(np.mean(np.sum(np.asarray(batch.reward), axis=1)))
            label = ", ".join(part for part in (pace.words, f"true return {earned:.1f}") if part)
            bar.update(line, completed=done, description=f"training, seed {asked.seed + index}", rate=label)
            keeper.log({"iteration": done, "return_mean": earned, "seconds": keeper.seconds})
            keeper.look({STATES: trained}, done)
    collector.close()
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(each.state.policy for each in trained))


def _first(algorithm: CostLearning, scaling: Scaling, seed: int) -> Retraining:
    key_policy, key_update, key = jax.random.split(jax.random.key(seed), 3)
    policy: Any = algorithm.make_policy_of(key_policy, scaling)
    return Retraining(policy, algorithm.update_rule.init(key_update, policy, scaling), key)
