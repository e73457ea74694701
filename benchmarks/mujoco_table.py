"""MuJoCo's tasks from few demonstrations: every method and its controls, on the host. Resumable: run it again to go on.

python benchmarks/mujoco_table.py HalfCheetah-v5 --list        # the commands it will run
python benchmarks/mujoco_table.py HalfCheetah-v5               # run what is not done yet, print the table
python benchmarks/mujoco_table.py HalfCheetah-v5 --table       # write docs/results/halfcheetah.md from what is there

Unless a section says so, a run begins at a policy cloned from its demonstrations, and its cost is a tilt of that policy. Demonstrations
are those of stochastic experts, clipped to 0.98 of the action box, for a squashed policy: of HalfCheetah and Hopper from other people's
experts, of the other tasks from our own (``mujoco_experts.py`` records them). Evaluated on Gymnasium's own simulators.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from study_of_runs import Cell, Study, run_study
from table_of_runs import Gate, iqm_of

MAIN, CONTROLS, CURVES = "Methods", "Controls", "More demonstrations, and GAIL"
RANDOM, ABLATION = "From a random policy", "What each part does, from a random policy: whole trajectories"
ITERATIONS, RANDOM_ITERATIONS, ABLATION_ITERATIONS = 60, 200, 100
CLONING_ITERATIONS = 50  # of 100 gradient steps each
CLIPPED = {"actions": "clip"}
TILTED = {**CLIPPED, "init_policy": "cloned", "cost": "tilted", "iterations": ITERATIONS}
GATED, PLAIN = 3, 1
"""Seeds of a cell with a gate, and of others."""


class Task(NamedTuple):
    """One environment.

    Fields:
        name: the stem of its files.
        demos: its demonstrations.
        trajectories_gated: whether whole trajectories are compared there, and have a gate.
        has_curve: whether there are cells from 11 and 25 demonstrations, and of GAIL.
        has_ablation: whether parts of the method are taken away, from a random policy.
        iterations: from the clone; more where the clone is far off.
    """

    name: str
    demos: Path
    trajectories_gated: bool = False
    has_curve: bool = False
    has_ablation: bool = False
    iterations: int = ITERATIONS


TASKS = {
    "HalfCheetah-v5": Task("halfcheetah", Path("../shared/data/demos_halfcheetah_v5.npz"), True, True, True),
    "Hopper-v5": Task("hopper", Path("../shared/data/demos_hopper_v5.npz"), has_curve=True),
    "Walker2d-v5": Task("walker2d", Path("runs/experts/walker2d.npz"), iterations=200),
    "Ant-v5": Task("ant", Path("runs/experts/ant.npz"), True),
    "Swimmer-v5": Task("swimmer", Path("runs/experts/swimmer.npz"), True),
    "Reacher-v5": Task("reacher", Path("runs/experts/reacher.npz")),
}


STEP = {**TILTED, "algorithm": "gan-gcl", "level": "step"}
TRAJECTORY = {**TILTED, "algorithm": "gan-gcl", "level": "trajectory"}
CLONING = {**CLIPPED, "algorithm": "bc", "iterations": CLONING_ITERATIONS}
CONSTANT = {**CLIPPED, "algorithm": "gan-gcl", "level": "step", "cost": "constant", "init_policy": "cloned", "iterations": 20}
FROM_RANDOM = {**CLIPPED, "iterations": RANDOM_ITERATIONS}
CHANGES = {
    "gan-gcl": {"algorithm": "gan-gcl"},
    "gan-gcl, plain objective": {"algorithm": "gan-gcl", "objective": "plain"},
    "gan-gcl, no gradient penalty": {"algorithm": "gan-gcl", "gradient_penalty": 0.0},
    "gan-gcl, 4 past samplers": {"algorithm": "gan-gcl", "past_samplers": 4},
    "guided-cost": {"algorithm": "guided-cost"},
    "guided-cost, tempered objective": {"algorithm": "guided-cost", "objective": "tempered"},
    "guided-cost, mixture objective": {"algorithm": "guided-cost", "objective": "mixture"},
    "guided-cost, per decision": {"algorithm": "guided-cost", "objective": "per-decision"},
}
"""What is changed against a random start at trajectory level."""


def cells(task: Task) -> list[Cell]:
    """Twenty demonstrations first, then one, then four."""
    length = {"iterations": task.iterations}
    found = []
    for num in (20, 1, 4):
        found += [
            Cell("gan-gcl step", MAIN, num, {**STEP, **length, "seeds": GATED}),
            *([Cell("gan-gcl trajectory", MAIN, num, {**TRAJECTORY, **length, "seeds": GATED})] if task.trajectories_gated else []),
            Cell("cloning", CONTROLS, num, {**CLONING, "seeds": GATED}),
        ]
    found.append(Cell("constant cost", CONTROLS, 20, {**CONSTANT, "seeds": PLAIN}))
    return [*found, *(_curve() if task.has_curve else []), *_ablation(task.has_ablation)]


def _curve() -> list[Cell]:
    """One seed; from 1 and from 4 demonstrations the other sections have what is missing here. GAIL begins at a random policy."""
    methods = {"gan-gcl step": STEP, "gan-gcl trajectory": TRAJECTORY, "cloning": CLONING}
    found = [Cell(row, CURVES, num, {**options, "seeds": PLAIN}) for row, options in methods.items() for num in (11, 25)]
    gail = {**FROM_RANDOM, "algorithm": "gail", "seeds": PLAIN}
    return found + [Cell("gail", CURVES, num, gail) for num in (1, 4, 11, 25)]


def _ablation(has_one: bool) -> list[Cell]:
    changed = CHANGES if has_one else {}
    shared = {**CLIPPED, "level": "trajectory", "iterations": ABLATION_ITERATIONS, "seeds": PLAIN}
    return [Cell(row, ABLATION, 20, {**shared, **options}) for row, options in changed.items()]


def study(env: str) -> Study:
    """Cells in one environment."""
    task = TASKS[env]
    return Study(
        title=env,
        env=env,
        demos=task.demos,
        out=Path(f"runs/{task.name}_table"),
        fragment=Path(f"docs/results/{task.name}.md"),
        cells=cells(task),
        main=MAIN,
        gate=Gate("return_normalized", iqm_of, 0.95, "interquartile mean of the normalized return of at least 0.95", 3),
    )


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("env", nargs="?", choices=list(TASKS), default="HalfCheetah-v5")
    chosen, rest = parser.parse_known_args()
    return run_study(study(chosen.env), __doc__ or "", rest)


if __name__ == "__main__":
    sys.exit(main())
