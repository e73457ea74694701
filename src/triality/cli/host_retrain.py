"""``triality retrain`` where the environment lives on the host: fresh policies for the learned costs, one seed after the other."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array
from rich.console import Console

from triality.algorithms.cost_learning import State
from triality.algorithms.guarded import Guarded, refuse_failing
from triality.algorithms.reward_training import RewardTrainingState, mean_return
from triality.cli.experiment import policy_maker
from triality.cli.names import make_simulators
from triality.cli.options import IrlOptions, RetrainOptions
from triality.cli.pace import Pace
from triality.cli.policy_update import make_update_rule
from triality.cli.stored import StoredRun
from triality.cli.training import STATES, progress_bar
from triality.energies.beside_end import cost_beside_end
from triality.runs.keeper import Keeper
from triality.simulators.collector import Collector
from triality.simulators.endings import Restarted
from triality.trajectory import OfPair, Policy, StepCost, Trajectory
from triality.updates.update_rule import UpdateRule


class FreshPolicy(eqx.Module):
    """What ``Guarded`` guards: one update of a fresh policy on a cost that is given. Its scaling follows what it sees: the run's was fitted
    to demonstrations, which a policy that begins anew is far from and which another world may have none of."""

    rule: UpdateRule

    def update(self, state: RewardTrainingState, key: Array, batch: Trajectory, cost: StepCost) -> tuple[RewardTrainingState, Any]:
        """One improvement on a batch that the policy drew itself."""
        policy, update, metrics = self.rule.update(key, state.policy, state.update, batch, OfPair(cost))
        return state.after(policy, update, batch), metrics


def retrained(stored: StoredRun, states: State, asked: RetrainOptions, console: Console, remedy: str, keeper: Keeper) -> Policy:
    """The fresh policies of all seeds, stacked, each trained on the cost of its seed alone, with the run's settings of the update.

    Episodes that end are begun anew, under the cost beside that of being over: the policies never see an absorbing state.

    Raises:
        SimulatorError: a simulator failed.
        NonFiniteError: a policy became NaN or infinite again and again; ends with the ``remedy``.
        StoppedError: a signal asked for an end.
    """
    options, task = _fresh(stored.options), stored.task._replace(spec=stored.task.bare)
    rule, make_policy = make_update_rule(options, task), policy_maker(options, task)
    guarded = Guarded(FreshPolicy(rule))
    update = eqx.filter_jit(lambda guarded, *given: guarded.update(*given))
    collector = Collector(make_simulators(task, options.num_rollouts), ending=Restarted())
    costs = [jax.tree.map(lambda leaf, i=index: leaf[i], states.cost) for index in range(options.seeds)]
    if stored.task.is_absorbing:
        assert options.temperature is not None, "options of a stored run are resolved"
        costs = [cost_beside_end(cost, task.bare, options.temperature) for cost in costs]
    keys = [jax.random.key(asked.seed + index) for index in range(options.seeds)]
    trained = [guarded.init(RewardTrainingState.first(key, task.spec, rule, make_policy)) for key in keys]
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
            trained[index], _ = update(guarded, going, key_update, batch, costs[index])
            refuse_failing(trained[index], f"iterations {done}-{done}", remedy)
            pace.record("iteration", options.num_rollouts * collector.horizon, time.perf_counter() - start)
            earned = float(mean_return(batch))
            label = ", ".join(part for part in (pace.words, f"true return {earned:.1f}") if part)
            bar.update(line, completed=done, description=f"training, seed {asked.seed + index}", rate=label)
            keeper.log({"iteration": done, "return_mean": earned, "seconds": keeper.seconds})
            keeper.look({STATES: trained}, done)
    collector.close()
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(each.state.policy for each in trained))


def _fresh(options: IrlOptions) -> IrlOptions:
    """Without what the run did for the sake of a cloned policy: a fresh one is neither narrow nor has it one scale everywhere."""
    return replace(options, init_policy="random", max_kl=None)
