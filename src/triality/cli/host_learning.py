"""``triality irl`` where the environment lives on the host: a short loop that collects, and the same compiled ``update``.

Seeds run one after the other. A simulator that fails ends the run, as a signal does, and what was learned until then is saved first. Every
iteration begins its episodes anew, from seeds that the state's key gives: nothing inside a simulator has to be saved.
"""

from __future__ import annotations

import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from triality.algorithms.cost_learning import CostLearning, State
from triality.algorithms.dagger import Dagger
from triality.algorithms.f_irl import FIrl
from triality.algorithms.first_policy import scaling_of
from triality.algorithms.guarded import Guarded, GuardedState, refuse_failing
from triality.algorithms.soft_q_imitation import SoftQImitation
from triality.cli.experiment import Begun, RollsOut, demonstration_batch, first_state, first_states
from triality.cli.host_collector import counted, counts_of, make_collector, make_delayed
from triality.cli.irl import Plan
from triality.cli.pace import Pace
from triality.cli.training import STATES, flat_metrics, progress_bar
from triality.errors import SimulatorError
from triality.policies.scaling import identity_scaling
from triality.remote.sent_policy import Label
from triality.runs.shared_keeper import AnyKeeper
from triality.trajectory import Trajectory

CLOCKS = "clocks"
"""Seconds spent on each seed."""

console = Console()


class HostRuns:
    """All that a run does with simulators on the host: the first states, the training, and fresh roll-outs at its end.

    Args:
        plan: a checked command whose task is on the host.
        algorithm: what the options name.
        remedy: the end of the message where parameters are no longer finite.
    """

    def __init__(self, plan: Plan, algorithm: RollsOut, remedy: str):
        self.plan, self.algorithm, self.remedy = plan, algorithm, remedy
        self.collector = make_collector(plan.task, plan.options.num_rollouts)
        self.delayed = make_delayed(self.collector, plan.options.max_staleness)
        self._run = 0
        self._guarded = Guarded(algorithm)
        self._update = eqx.filter_jit(lambda guarded, state, batch: guarded.update(state, batch))

    def first_states(self) -> Any:
        """First states of all seeds, stacked; the scaling is fitted to demonstrations and to roll-outs of a random policy.

        DAgger begins with the demonstrations alone, and rolls nothing out.
        """
        options, algorithm = self.plan.options, self.algorithm
        if isinstance(algorithm, Dagger):
            return first_states(algorithm, self.plan)
        data, weights = demonstration_batch(self.plan.demonstrations, self.plan.task, options)
        states = []
        for index in range(options.seeds):
            of_seed = jax.tree.map(lambda leaf, i=index: leaf[i], (data, weights))
            states.append(self._first_state(algorithm, jax.random.key(options.seed + index), *of_seed))
        return _stacked(states)

    def train(self, first: Any, keeper: AnyKeeper) -> tuple[Any, float | None, int]:
        """All iterations of all seeds, one after the other; returns the last states, environment steps a second, and steps taken.

        Seconds in the log are those of the seed, as if it had run alone. ``first`` are the first states of all seeds, stacked, or their
        shapes alone where the run resumes.

        Raises:
            SimulatorError: a simulator failed; says in which seed and iteration.
            NonFiniteError: the cost or the policy became NaN or infinite again and again.
            StoppedError: a signal asked for an end.
        """
        options, pace = self.plan.options, Pace()
        shapes = jax.eval_shape(jax.vmap(self._guarded.init), first)
        begun = keeper.restored(STATES, shapes) if keeper.resumes else jax.vmap(self._guarded.init)(first)
        clocks = keeper.restored(CLOCKS, np.zeros(options.seeds)) if keeper.resumes else np.zeros(options.seeds)
        trained = [jax.tree.map(lambda leaf, i=index: leaf[i], begun) for index in range(options.seeds)]
        steps = options.num_rollouts * self.collector.horizon
        total, done = options.iterations * options.seeds, keeper.step
        keeper.refuse_shorter(total)
        keeper.look({STATES: begun, CLOCKS: clocks}, done)
        with progress_bar(console) as bar:
            task = bar.add_task("compiling", total=total, completed=done, rate="")
            for done in range(keeper.step + 1, total + 1):
                index, iteration = divmod(done - 1, options.iterations)
                self._run = index
                start = time.perf_counter()
                try:
                    trained[index], record = self._iterate(trained[index])
                except SimulatorError as error:
                    raise type(error)(f"seed {options.seed + index}, iteration {iteration + 1}: {error}") from error
                refuse_failing(trained[index], f"iterations {iteration + 1}-{iteration + 1}", self.remedy)
                spent = time.perf_counter() - start
                clocks = clocks + np.where(np.arange(options.seeds) == index, spent, 0.0)
                pace.record("iteration", steps, spent)
                place = {"seed": options.seed + index, "iteration": iteration + 1, "env_steps": (iteration + 1) * steps}
                keeper.log({**place, "seconds": float(clocks[index]), **record})
                bar.update(task, completed=done, description=f"learning, seed {options.seed + index}", rate=pace.words)
                keeper.look({STATES: _stacked(trained), CLOCKS: clocks}, done, final=done == total)
        return _stacked(trained).state, pace.steps_per_second, total * steps

    def fresh(self, state: State, num_rollouts: int) -> Trajectory:
        """Roll-outs of a learned policy: at least so many, in whole batches of the simulators."""
        size = self.collector.num
        return self.collector.collect(jax.random.key(12345), state.policy, -(-num_rollouts // size) * size)

    def close(self) -> None:
        """Closes the simulators, or ends the actors."""
        self.collector.close()

    def _first_state(self, algorithm: CostLearning | SoftQImitation | FIrl, key: Any, data: Trajectory, log_weight: Any) -> Any:
        key_policy, key_collect, key_state = jax.random.split(key, 3)
        random = algorithm.make_policy_of(key_policy, identity_scaling(algorithm.env.spec.observation_size))
        drawn = self.collector.collect(key_collect, random, self.plan.options.num_rollouts)
        return first_state(algorithm, key_state, data, log_weight, self.plan.options, Begun(scaling_of(data, drawn), drawn))

    def _iterate(self, guarded: GuardedState) -> tuple[GuardedState, dict[str, Any]]:
        """One iteration, and its record: what the update reports, and where the seconds went."""
        state = guarded.state
        key, key_collect = jax.random.split(state.key)
        before, counts, start = self.collector.timing, counts_of(self.collector), time.perf_counter()
        batch = self._collected(key_collect, state)
        collected = time.perf_counter()
        after, metrics = self._update(self._guarded, guarded._replace(state=state._replace(key=key)), batch)
        jax.block_until_ready(metrics)
        timing = self.collector.timing
        times = {"seconds_physics": timing.physics - before.physics, "seconds_policy": timing.policy - before.policy}
        times |= {"seconds_collect": collected - start, "seconds_update": time.perf_counter() - collected, "skipped": int(after.skipped)}
        if self.plan.options.actors:
            times |= counted(counts, counts_of(self.collector), self.delayed)
        return after, {name: np.asarray(value).tolist() for name, value in flat_metrics(metrics).items()} | times

    def _collected(self, key: Any, state: Any) -> Trajectory:
        """The roll-outs of one iteration, of the policy that acts now or, where actors play on during updates, of earlier ones too."""
        acting, num = self.algorithm.acting(state), self.plan.options.num_rollouts
        if self.delayed is None:
            return self.collector.collect(key, acting, num)
        return self.delayed.collect(key, acting, num, Label(self._run, int(state.iteration)))


def _stacked(states: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
