"""Our side of ``irl_vs_imitation_mujoco.py``: AIRL, GAN-GCL, GAIL or cloning, as ``triality irl`` runs them on the host.

    python benchmarks/peers/triality_mujoco.py TASK.json CURVE.jsonl

The parts are the command's own, with its defaults and its threads: what is computed runs on one, the simulators on all cores. Nothing is
read from a compilation cache. The roll-outs of a random policy that the scaling is fitted to count as environment steps.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"

from triality.cli.main import prepare_jax

prepare_jax()

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402
from learning_curve import Clock, LearningCurve  # noqa: E402

from triality.algorithms.behavioral_cloning import BehavioralCloning  # noqa: E402
from triality.algorithms.cost_learning import CostLearning  # noqa: E402
from triality.cli.evaluation import MeanPolicy  # noqa: E402
from triality.cli.experiment import build_algorithm, first_states  # noqa: E402
from triality.cli.host_learning import HostRuns  # noqa: E402
from triality.cli.irl import Plan, check  # noqa: E402
from triality.cli.options import LEFT, IrlOptions  # noqa: E402
from triality.envs.gymnasium_eval import evaluate_in_gymnasium  # noqa: E402
from triality.policies.scaling import Scaling  # noqa: E402
from triality.run import run  # noqa: E402

PACKAGES = ("triality", "jax", "jaxlib", "equinox", "optax", "gymnasium", "mujoco", "numpy")
CLONING_STEPS = 100
"""Gradient steps in one compiled call."""


def plan_of(task: dict[str, Any]) -> Plan:
    """What the command would run; it makes no folder."""
    with TemporaryDirectory() as folder:
        place = {"env": task["environment"], "demos": Path(task["demos"]), "out": Path(folder) / "run"}
        return check(IrlOptions(**place, num_demos=task["num_demos"], seed=task["seed"], **task["settings"]))


def learn_cost(plan: Plan, curve: LearningCurve, clock: Clock, holder: dict[str, Any]) -> None:
    """The command's loop on the host: collect, update."""
    algorithm = build_algorithm(plan.options, plan.task)
    assert isinstance(algorithm, CostLearning)
    runs = HostRuns(plan, algorithm, "")
    state = jax.tree.map(lambda leaf: leaf[0], runs.first_states())
    per_round = plan.options.num_rollouts * runs.collector.horizon
    curve.start(**about(plan, policy_parameters=size((state.policy, state.update.value)), reward_parameters=size(state.cost)))
    update, done, more = None, per_round, True  # the first roll-outs were for the scaling
    while more:
        clock.enter("learn")
        key, key_collect = jax.random.split(state.key)
        batch = runs.collector.collect(key_collect, algorithm.acting(state), plan.options.num_rollouts)
        state = state._replace(key=key)
        if update is None:
            clock.enter("compile")
            update = eqx.filter_jit(lambda algorithm, state, batch: algorithm.update(state, batch)[0])
            update = update.lower(algorithm, state, batch).compile()
            clock.enter("learn")
        state = jax.block_until_ready(update(algorithm, state, batch))
        done += per_round
        holder["policy"] = state.policy
        more = curve.go_on(done, done)
    runs.close()
    curve.end(done)


def clone(plan: Plan, curve: LearningCurve, clock: Clock, holder: dict[str, Any]) -> None:
    """The command's compiled calls of gradient steps."""
    algorithm = build_algorithm(plan.options, plan.task)
    assert isinstance(algorithm, BehavioralCloning)
    state = jax.tree.map(lambda leaf: leaf[0], first_states(algorithm, plan))
    curve.start(**about(plan, policy_parameters=size(state.policy)))
    clock.enter("compile")
    steps = eqx.filter_jit(lambda algorithm, state: run(algorithm, state, 1, CLONING_STEPS)[0]).lower(algorithm, state).compile()
    clock.enter("learn")
    for iteration in range(plan.options.iterations):
        state = jax.block_until_ready(steps(algorithm, state))
        holder["policy"] = state.policy
        if not curve.go_on((iteration + 1) * CLONING_STEPS, 0):
            break
    curve.end(0)


def about(plan: Plan, **sizes: int) -> dict[str, Any]:
    """What goes into the record; no options that were left alone, nor the number of iterations where the clock decides it."""
    given = {**dataclasses.asdict(plan.options), "demos": None, "out": None}
    if plan.options.algorithm != "bc":
        given["iterations"] = None
    options = {name: value for name, value in given.items() if value not in (None, "auto", LEFT)}
    threads = {"computing": 1, "simulators": os.cpu_count()}
    return {**sizes, "options": options, "threads": threads, "packages": {name: version(name) for name in PACKAGES}}


def size(model: Any) -> int:
    """Numbers that are learned; the scaling of observations is fitted."""
    leaves = jax.tree.leaves(model, is_leaf=lambda part: isinstance(part, Scaling))
    return sum(leaf.size for leaf in leaves if eqx.is_inexact_array(leaf))


def main() -> None:
    with open(sys.argv[1]) as file:
        task = json.load(file)
    clock, holder = Clock(task["launched"]), {}
    plan = plan_of(task)
    act = eqx.filter_jit(lambda policy, seen: jax.vmap(lambda x: MeanPolicy(policy)(x).sample(jax.random.key(0)))(seen))

    def evaluate() -> np.ndarray:
        where = {"num_episodes": task["episodes"], "seeds": range(task["episodes"]), "absorbing": plan.task.is_absorbing}
        return evaluate_in_gymnasium(task["environment"], lambda seen: np.asarray(act(holder["policy"], seen)), **where)

    curve = LearningCurve(sys.argv[2], task, clock, evaluate)
    (clone if plan.options.algorithm == "bc" else learn_cost)(plan, curve, clock, holder)


if __name__ == "__main__":
    main()
