"""The profile of a run of ``triality irl``: compiled, or with simulators on the host."""

from __future__ import annotations

import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.algorithms.behavioral_cloning import BehavioralCloning
from triality.algorithms.cost_learning import CostLearning
from triality.algorithms.guarded import Guarded
from triality.cli.evaluation import evaluate_policies
from triality.cli.experiment import Learning, build_algorithm, first_states
from triality.cli.host_learning import HostRuns
from triality.cli.irl import Plan
from triality.cli.learning import CLONING_STEPS
from triality.cli.training import CHUNK
from triality.profiling.cost_learning_stages import cost_learning_stages, update_stages
from triality.profiling.program_profile import ProgramProfile, run_chunks
from triality.profiling.repeats import Repeats
from triality.profiling.rolls_out_stages import rolls_out_stages, single_stage
from triality.profiling.stage import StageRecord, profile_host
from triality.run import over_seeds, run

EVALUATIONS = 1
"""Timed, after one that compiles: an evaluation takes seconds, and comes once a run."""
PARTS, WHOLE = ("physics", "policy", "rest of collecting", "update"), "whole"
"""Of an iteration on the host; the last one is compiled."""
MOST_ITERATIONS = 5
"""Timed on the host, where one takes a second or more."""
SETTING = ("env", "algorithm", "level", "objective", "seeds", "num_demos", "num_rollouts", "past_samplers", "policy_update")


def profile_irl(plan: Plan, num_chunks: int, num_repeats: int) -> tuple[ProgramProfile, ...]:
    """The one program of a run."""
    algorithm = build_algorithm(plan.options, plan.task)
    if plan.task.on_host and not isinstance(algorithm, BehavioralCloning):
        return (_on_host(plan, algorithm, num_repeats),)
    return (_compiled(plan, algorithm, num_chunks, num_repeats),)


def _compiled(plan: Plan, algorithm: Any, num_chunks: int, num_repeats: int) -> ProgramProfile:
    length = CLONING_STEPS if isinstance(algorithm, BehavioralCloning) else 1
    program = over_seeds(lambda algorithm, states: run(algorithm, states, CHUNK, length)[:2])
    guarded, states = Guarded(algorithm), first_states(algorithm, plan)
    going, chunk = run_chunks(program, guarded, jax.vmap(guarded.init)(states), CHUNK * length, num_chunks)
    stages, whole = _stages_of(algorithm)(algorithm, going.state, num_repeats)
    return ProgramProfile("irl", _setting(plan), (*stages, *_around(plan, going.state, num_repeats)), whole, chunk)


def _stages_of(algorithm: Learning) -> Any:
    if isinstance(algorithm, BehavioralCloning):
        return single_stage
    return cost_learning_stages if isinstance(algorithm, CostLearning) else rolls_out_stages


def _around(plan: Plan, states: Any, num_repeats: int) -> tuple[StageRecord, ...]:
    """What lies between the chunks, and at the end: the state as a checkpoint takes it to the host, and the evaluation."""

    def transfer() -> None:
        for leaf in jax.tree.leaves(eqx.filter(states, eqx.is_array)):
            np.array(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)

    def evaluate() -> None:
        evaluate_policies(states.policy, plan.options.seeds, plan.task)

    evaluation = profile_host("evaluation, 100 episodes twice", evaluate, EVALUATIONS, "run")
    return profile_host("host transfer of the state", transfer, num_repeats, "chunk"), evaluation


def _on_host(plan: Plan, algorithm: Any, num_repeats: int) -> ProgramProfile:
    """Physics, policy and update by the collector's own clock, of whole iterations; the update's parts compiled alone beside them."""
    runs = HostRuns(plan, algorithm, "")
    try:
        states = runs.first_states()
        seconds, state, batch = _iterations(runs, algorithm, jax.tree.map(lambda leaf: leaf[0], states), min(num_repeats, MOST_ITERATIONS))
    finally:
        runs.close()
    *before, updating = (StageRecord(name, "step", 1, Repeats(tuple(seconds[name]))) for name in PARTS)
    inner: tuple[StageRecord, ...] = ()
    if isinstance(algorithm, CostLearning):
        inner, update = update_stages(algorithm, _leading(state), _leading(batch), num_repeats)
        inner = tuple(each._replace(per="within") for each in inner)
        updating = updating._replace(count=update.count, working_set=update.working_set)
    whole = StageRecord("whole step", "step", 1, Repeats(tuple(seconds[WHOLE])))
    around = _around(plan, _leading(state), num_repeats)
    return ProgramProfile("irl, host", _setting(plan), (*before, updating, *inner, *around), whole)


def _iterations(runs: HostRuns, algorithm: Any, state: Any, num: int) -> tuple[dict[str, list[float]], Any, Any]:
    """Seconds of each part in ``num`` iterations, after one that compiles; the last state and its batch."""
    update = eqx.filter_jit(lambda algorithm, state, batch: algorithm.update(state, batch))
    seconds: dict[str, list[float]] = {name: [] for name in (*PARTS, WHOLE)}
    batch = None
    for number in range(num + 1):
        before, begin = runs.collector.timing, time.perf_counter()
        batch = runs.collector.collect(jax.random.key(number), algorithm.acting(state), runs.plan.options.num_rollouts)
        collected = time.perf_counter()
        state, _ = jax.block_until_ready(update(algorithm, state, batch))
        end, timing = time.perf_counter(), runs.collector.timing
        physics, policy = timing.physics - before.physics, timing.policy - before.policy
        parts = (physics, policy, collected - begin - physics - policy, end - collected, end - begin)
        if number > 0:
            for name, value in zip(seconds, parts, strict=True):
                seconds[name].append(value)
    return seconds, state, batch


def _leading(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[None], tree)


def _setting(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan.options, name) for name in SETTING} | {"horizon": plan.task.bare.time_limit}
