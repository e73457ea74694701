"""The body of ``triality irl``: run in chunks, log, evaluate in Gymnasium, and leave a run folder that explains itself."""

from __future__ import annotations

import time
from typing import Any

import equinox as eqx
import jax
import numpy as np
from rich.console import Console
from rich.markup import escape

from triality.algorithms.behavioral_cloning import BehavioralCloning
from triality.algorithms.cost_learning import CostLearning
from triality.algorithms.dagger import Dagger
from triality.algorithms.guarded import Guarded, GuardedState, refuse_failing
from triality.cli.config import as_config
from triality.cli.crew import Crew
from triality.cli.diagnosis import diagnose, fresh_rollouts
from triality.cli.evaluation import return_scale, seed_records, summarize
from triality.cli.experiment import Learning, RollsOut, build_algorithm, first_states, state_template
from triality.cli.expert_policy import load_expert
from triality.cli.host_learning import HostRuns
from triality.cli.irl import Plan
from triality.cli.machine_limits import refuse_beyond_memory
from triality.cli.options import IrlOptions
from triality.cli.pace import Pace
from triality.cli.pictures import picture_arrays
from triality.cli.tables import print_result
from triality.cli.training import STATES, chunks, flat_metrics, progress_bar
from triality.devices.fleet import Fleet
from triality.run import run
from triality.runs.atomic import replace_file
from triality.runs.checkpoint import write_checkpoint
from triality.runs.report.report import write_report
from triality.runs.resumption import digest_of
from triality.runs.shared_keeper import AnyKeeper
from triality.trajectory import Trajectory

CHUNK = 5
"""Iterations between two looks of the host: progress, metrics, the check for NaN."""
CLONING_STEPS = 100
"""Gradient steps of cloning that count as one iteration of the command."""
REMEDY = "lower --cost-learning-rate or --policy-learning-rate, or raise --gradient-penalty"
CLONING_REMEDY = "lower --policy-learning-rate"

console = Console()


def learn(plan: Plan, crew: Crew) -> int:
    """Run a checked command to its end; with other processes, they learn together and the first one judges."""
    options = plan.options
    for note in plan.notes:
        print_note(note)
    algorithm = build_algorithm(options, plan.task, None if plan.expert is None else load_expert(plan.expert))
    # First: an environment that cannot be judged is found out before anything is learned.
    with console.status("what random actions earn"):
        scale = return_scale(plan)
    if scale.warning is not None:
        print_note(scale.warning)
    rolls_out = not isinstance(algorithm, BehavioralCloning)
    host = HostRuns(plan, algorithm, _remedy(algorithm)) if rolls_out and plan.task.on_host else None
    config = as_config(options)
    shapes = state_template(algorithm, plan.task, options)
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
    refuse_beyond_memory("a run", size, "ask for fewer --num-rollouts, --seeds, --num-demos or --past-samplers")
    # On the host the seeds run one after the other, and what DAgger keeps is as large as its rounds are many.
    is_extendable = not isinstance(algorithm, Dagger) and (host is None or options.seeds == 1)
    keeping = options.kept.keeping(options.overwrite, _inputs(options), is_extendable, options.track)
    with crew.kept_run(options.out, "irl", config, keeping, print_note) as keeper:
        if keeper.resumes:
            first: Any = shapes
        else:
            first = first_states(algorithm, plan) if host is None else host.first_states()
        states, speed, steps = train(algorithm, first, options, keeper, crew.fleet) if host is None else host.train(first, keeper)
        keeper.closing()
        if not crew.leads:
            return 0
        write_checkpoint(keeper.folder.state_path, states, step=options.iterations, config=config)
        with console.status(f"evaluating in {plan.task.simulator}, 100 episodes a seed"):
            records = seed_records(states.policy, plan, scale)
        verdicts = {}
        if isinstance(algorithm, CostLearning):
            verdicts = _diagnosed(algorithm, states, plan, host, keeper)
        summary = summarize("irl", config, records, verdicts, steps, speed, keeper.seconds)
        keeper.folder.write_summary(summary)
        report = write_report(keeper.folder.path)
        keeper.finished(summary)
    print_result(console, summary, report)
    return 0


def _inputs(options: IrlOptions) -> dict[str, str]:
    """What the run reads, told apart by content: demonstrations, and the expert that it asks (of a run the learned state alone)."""
    expert = options.expert
    if expert is None:
        return {"demos": digest_of(options.demos)}
    state = expert / "state.ckpt"
    return {"demos": digest_of(options.demos), "expert": digest_of(state if state.is_file() else expert)}


def _diagnosed(algorithm: CostLearning, states: Any, plan: Plan, host: HostRuns | None, keeper: AnyKeeper) -> Any:
    """The verdicts on log Z; the arrays of the pictures go to the folder."""
    with console.status("estimating log Z"):
        verdicts = diagnose(algorithm, states, fresh_rollouts(algorithm) if host is None else host.fresh)
    first = jax.tree.map(lambda leaf: leaf[0], states)
    drawn = eqx.filter_jit(algorithm.collect)(jax.random.key(7), first) if host is None else host.fresh(first, plan.options.num_rollouts)
    arrays = picture_arrays(first, drawn, plan.task)
    replace_file(keeper.folder.path / "figures.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
    return verdicts


def print_note(note: str) -> None:
    """What the user should know before a long run."""
    console.print(f"[yellow]note[/yellow] {escape(note)}")


def train(algorithm: Learning, first: Any, options: IrlOptions, keeper: AnyKeeper, fleet: Fleet) -> tuple[Any, float | None, int]:
    """Chunks of compiled iterations; returns the last states, environment steps a second over all seeds, and steps taken.

    ``first`` are the first states of all seeds, or their shapes alone where the run resumes.

    Raises:
        NonFiniteError: the cost or the policy became NaN or infinite again and again.
        StoppedError: a signal asked for an end.
    """
    keeper.refuse_shorter(options.iterations)
    guarded, shared = Guarded(algorithm), fleet.placed(Guarded(fleet.shared(algorithm, options.seeds)))
    length = CLONING_STEPS if isinstance(algorithm, BehavioralCloning) else 1
    parts = list(chunks(options.iterations, 1 if isinstance(algorithm, Dagger) else CHUNK, keeper.step))
    programs = {size: fleet.over_seeds(lambda a, s, size=size: run(a, s, size, length)[:2], options.seeds) for _, size in parts}
    begun = first_or_kept(guarded, first, keeper)
    per_iteration = 0 if isinstance(algorithm, BehavioralCloning) else _steps_of(algorithm, begun.state, options)
    pace, going = Pace(), begun
    keeper.look({STATES: going}, keeper.step)
    there = fleet.placed(begun, options.seeds)
    with progress_bar(console) as bar:
        task = bar.add_task("compiling", total=options.iterations, completed=keeper.step, rate="")
        for done, size in parts:
            start = time.perf_counter()
            there, metrics = jax.block_until_ready(programs[size](shared, there))
            pace.record(size, size * per_iteration * options.seeds, time.perf_counter() - start)
            going, metrics = fleet.here((there, metrics))
            refuse_failing(going, f"iterations {done - size + 1}-{done}", _remedy(algorithm))
            _log(keeper, metrics, going.skipped, options, done, done * per_iteration)
            bar.update(task, completed=done, description="learning", rate=pace.words)
            keeper.look({STATES: going}, done, final=done == options.iterations)
    tell_skipped(going)
    return going.state, pace.steps_per_second, options.iterations * per_iteration * options.seeds


def tell_skipped(going: GuardedState) -> None:
    """Says how many steps gave NaN and were not taken, if any."""
    if skipped := int(np.sum(going.skipped)):
        print_note(f"{skipped} step(s) gave NaN or infinity and were not taken; see 'skipped' in metrics.jsonl")


def first_or_kept(guarded: Guarded, first: Any, keeper: AnyKeeper) -> GuardedState:
    """The guarded states of all seeds to go on from."""
    if not keeper.resumes:
        return jax.vmap(guarded.init)(first)
    return keeper.restored(STATES, jax.eval_shape(jax.vmap(guarded.init), first))


def _remedy(algorithm: Learning) -> str:
    return REMEDY if isinstance(algorithm, CostLearning) else CLONING_REMEDY


def _steps_of(algorithm: RollsOut, states: Any, options: IrlOptions) -> int:
    """Environment steps of one iteration of one seed; says so where the roll-outs are not as many as asked for."""

    def collect(states: Any) -> Trajectory:
        one: Any = jax.tree.map(lambda leaf: leaf[0], states)
        return algorithm.collect(one.key, one)

    num_rollouts, horizon = jax.eval_shape(collect, states).mask.shape
    if num_rollouts != options.num_rollouts:
        print_note(
            f"{num_rollouts} roll-outs an iteration instead of {options.num_rollouts}: those from the demonstrations' own starts are "
            f"rounded up to equal shares for {options.num_demos} demonstration(s), at least two each"
        )
    return num_rollouts * horizon


def _log(keeper: AnyKeeper, metrics: Any, skipped: Any, options: IrlOptions, done: int, env_steps: int) -> None:
    """One line a seed: the last iteration of the chunk."""
    flat = flat_metrics(jax.tree.map(lambda leaf: np.asarray(leaf)[:, -1, -1], metrics)) | {"skipped": np.asarray(skipped)}
    for index in range(options.seeds):
        numbers = {name: values[index].tolist() for name, values in flat.items()}
        place = {"seed": options.seed + index, "iteration": done, "env_steps": env_steps, "seconds": keeper.seconds}
        keeper.log({**place, **numbers})
