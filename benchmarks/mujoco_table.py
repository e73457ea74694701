"""MuJoCo's tasks from few demonstrations: every method and its controls, on the host. Resumable: run it again to go on.

python benchmarks/mujoco_table.py HalfCheetah-v5 --list        # the commands it will run
python benchmarks/mujoco_table.py HalfCheetah-v5               # run what is not done yet, print the table
python benchmarks/mujoco_table.py HalfCheetah-v5 --table       # write docs/results/halfcheetah.md from what is there

Every run begins at a policy cloned from its demonstrations, and its cost is a tilt of that policy. Demonstrations are those of stochastic
experts, clipped to 0.98 of the action box, for a squashed policy: of HalfCheetah and Hopper from other people's experts, of the other
tasks from our own (``mujoco_experts.py`` trains and records them). Evaluated on Gymnasium's own simulators.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from study_of_runs import Cell, Study, run_study
from table_of_runs import Gate, interquartile_mean

MAIN, CONTROLS, RANDOM = "Methods", "Controls", "From a random policy"
ITERATIONS, CLONING_ITERATIONS, RANDOM_ITERATIONS = 60, 50, 200  # of cloning: of 100 gradient steps each
CLIPPED = {"actions": "clip"}
TILTED = {**CLIPPED, "init_policy": "cloned", "cost": "tilted", "iterations": ITERATIONS}
GATED, PLAIN = 3, 1
"""Seeds of a cell with a gate, and of others."""


class Task(NamedTuple):
    """One environment.

    Fields:
        name: the stem of its files.
        demos: its demonstrations.
        trajectories_gated: whether whole trajectories have a gate there.
        from_random: whether the methods are also begun at a random policy, with a plain cost.
    """

    name: str
    demos: Path
    trajectories_gated: bool = False
    from_random: bool = False


TASKS = {
    "HalfCheetah-v5": Task("halfcheetah", Path("../shared/data/demos_halfcheetah_v5.npz"), True, True),
    "Hopper-v5": Task("hopper", Path("../shared/data/demos_hopper_v5.npz")),
    "Walker2d-v5": Task("walker2d", Path("runs/experts/walker2d.npz")),
    "Ant-v5": Task("ant", Path("runs/experts/ant.npz"), True),
    "Swimmer-v5": Task("swimmer", Path("runs/experts/swimmer.npz"), True, True),
    "Reacher-v5": Task("reacher", Path("runs/experts/reacher.npz")),
}


def cells(task: Task) -> list[Cell]:
    """Twenty demonstrations first, then one, then four."""
    gated = GATED if task.trajectories_gated else PLAIN
    trajectory = {**TILTED, "algorithm": "gan-gcl", "level": "trajectory", "seeds": gated}
    step = {**TILTED, "algorithm": "gan-gcl", "level": "step", "seeds": GATED}
    cloning = {**CLIPPED, "algorithm": "bc", "iterations": CLONING_ITERATIONS, "seeds": GATED}
    constant = {
        **CLIPPED,
        "init_policy": "cloned",
        "algorithm": "gan-gcl",
        "level": "step",
        "cost": "constant",
        "iterations": 20,
        "seeds": PLAIN,
    }
    random = {**CLIPPED, "algorithm": "gan-gcl", "iterations": RANDOM_ITERATIONS, "seeds": GATED}
    found = []
    for num in (20, 1, 4):
        found += [
            Cell("gan-gcl step", MAIN, num, step),
            Cell("gan-gcl trajectory", MAIN, num, trajectory),
            Cell("cloning", CONTROLS, num, cloning),
        ]
    found.append(Cell("constant cost", CONTROLS, 20, constant))
    if task.from_random:
        found += [Cell(f"random start {level}", RANDOM, 20, {**random, "level": level}) for level in ("trajectory", "step")]
    return found


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
        gate=Gate("return_normalized", interquartile_mean, 0.95, "interquartile mean of the normalized return of at least 0.95", 3),
    )


def main() -> int:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("env", nargs="?", choices=list(TASKS), default="HalfCheetah-v5")
    chosen, rest = parser.parse_known_args()
    return run_study(study(chosen.env), __doc__ or "", rest)


if __name__ == "__main__":
    sys.exit(main())
