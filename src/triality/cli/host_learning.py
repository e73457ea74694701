"""``triality irl`` where the environment lives on the host: a short loop that collects, and the same compiled ``update``.

Seeds run one after the other. A simulator that fails ends the run, as an interrupt does, and what was learned until then is saved first.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from triality.algorithms.cost_learning import CostLearning, State, scaling_of
from triality.algorithms.dagger import Dagger
from triality.cli.experiment import Begun, demonstration_batch, first_state, first_states
from triality.cli.irl import Plan
from triality.cli.names import make_simulators
from triality.cli.pace import Pace
from triality.cli.training import flat_metrics, learned_of, leave_states, progress_bar, refuse_non_finite
from triality.errors import SimulatorError
from triality.policies.scaling import identity_scaling
from triality.runs.folder import RunFolder
from triality.simulators.collector import Collector
from triality.simulators.endings import Absorbed, Padded
from triality.trajectory import Trajectory

console = Console()


class HostRuns:
    """All that a run does with simulators on the host: the first states, the training, and fresh roll-outs at its end.

    Args:
        plan: a checked command whose task is on the host.
        algorithm: what the options name.
        remedy: the end of the message where parameters are no longer finite.
    """

    def __init__(self, plan: Plan, algorithm: CostLearning | Dagger, remedy: str):
        self.plan, self.algorithm, self.remedy = plan, algorithm, remedy
        self.collector = Collector(
            make_simulators(plan.task, plan.options.num_rollouts), ending=Absorbed() if plan.task.is_absorbing else Padded()
        )
        self._update = eqx.filter_jit(lambda algorithm, state, batch: algorithm.update(state, batch))

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

    def train(self, states: Any, folder: RunFolder, config: Mapping[str, Any]) -> tuple[Any, float | None, int]:
        """All iterations of all seeds; returns the last states, environment steps a second, and steps taken.

        Seconds in the log are those of the seed, as if it had run alone.

        Raises:
            SimulatorError: a simulator failed; the states until then are in the folder, and the message says so.
            KeyboardInterrupt: passed on, the states until then are in the folder as well.
            NonFiniteError: the cost or the policy became NaN or infinite.
        """
        options, pace = self.plan.options, Pace()
        trained = [jax.tree.map(lambda leaf, i=index: leaf[i], states) for index in range(options.seeds)]
        steps = options.num_rollouts * self.collector.horizon
        index, iteration = 0, 0
        try:
            with progress_bar(console) as bar:
                task = bar.add_task("compiling", total=options.iterations * options.seeds, rate="")
                for index in range(options.seeds):
                    began = time.perf_counter()
                    for iteration in range(1, options.iterations + 1):
                        start = time.perf_counter()
                        trained[index], record = self._iterate(trained[index])
                        refuse_non_finite(learned_of(trained[index]), iteration, iteration, self.remedy)
                        pace.record("iteration", steps, time.perf_counter() - start)
                        place = {"seed": options.seed + index, "iteration": iteration, "env_steps": iteration * steps}
                        folder.metrics.append({**place, "seconds": time.perf_counter() - began, **record})
                        bar.update(task, advance=1, description=f"learning, seed {options.seed + index}", rate=pace.words)
        except SimulatorError as error:
            left = leave_states(folder, _stacked(trained), max(iteration - 1, 0), config)
            raise SimulatorError(f"seed {options.seed + index}, iteration {iteration}: {error}. {left}") from error
        except KeyboardInterrupt:
            console.print(leave_states(folder, _stacked(trained), max(iteration - 1, 0), config), soft_wrap=True, highlight=False)
            raise
        return _stacked(trained), pace.steps_per_second, options.iterations * options.seeds * steps

    def fresh(self, state: State, num_rollouts: int) -> Trajectory:
        """Roll-outs of a learned policy: at least so many, in whole batches of the simulators."""
        size = self.collector.num
        return self.collector.collect(jax.random.key(12345), state.policy, -(-num_rollouts // size) * size)

    def close(self) -> None:
        """Closes the simulators."""
        self.collector.close()

    def _first_state(self, algorithm: CostLearning, key: Any, data: Trajectory, log_weight: Any) -> Any:
        key_policy, key_collect, key_state = jax.random.split(key, 3)
        random = algorithm.make_policy_of(key_policy, identity_scaling(algorithm.env.spec.observation_size))
        drawn = self.collector.collect(key_collect, random, self.plan.options.num_rollouts)
        return first_state(algorithm, key_state, data, log_weight, self.plan.options, Begun(scaling_of(data, drawn), drawn))

    def _iterate(self, state: Any) -> tuple[Any, dict[str, Any]]:
        """One iteration, and its record: what the update reports, and where the seconds went."""
        key, key_collect = jax.random.split(state.key)
        before, start = self.collector.timing, time.perf_counter()
        batch = self.collector.collect(key_collect, self.algorithm.acting(state), self.plan.options.num_rollouts)
        collected = time.perf_counter()
        state, metrics = self._update(self.algorithm, state._replace(key=key), batch)
        jax.block_until_ready(metrics)
        after = self.collector.timing
        times = {"seconds_physics": after.physics - before.physics, "seconds_policy": after.policy - before.policy}
        times |= {"seconds_collect": collected - start, "seconds_update": time.perf_counter() - collected}
        return state, {name: np.asarray(value).tolist() for name, value in flat_metrics(metrics).items()} | times


def _stacked(states: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
