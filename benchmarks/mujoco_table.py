"""MuJoCo's tasks from few demonstrations: every method and its controls, on the host. Resumable: run it again to go on.

python benchmarks/mujoco_table.py HalfCheetah-v5 --list        # the commands it will run
python benchmarks/mujoco_table.py HalfCheetah-v5               # run what is not done yet, print the table
python benchmarks/mujoco_table.py HalfCheetah-v5 --table       # write docs/results/halfcheetah.md from what is there

Demonstrations of stochastic Gaussian experts, clipped to 0.98 of the action box, for a squashed policy. Evaluated in Gymnasium itself.
"""

import argparse
import sys
from pathlib import Path

from study_of_runs import Cell, Study, run_study
from table_of_runs import Gate, interquartile_mean

MAIN = "Methods and controls"
HOST = {"actions": "clip", "gradient_penalty": 0.1, "iterations": 200}
CLONING_ITERATIONS = 50  # of 100 gradient steps each

ROWS = {
    "gan-gcl trajectory": {**HOST, "algorithm": "gan-gcl", "level": "trajectory", "seeds": 3},
    "gan-gcl step": {**HOST, "algorithm": "gan-gcl", "level": "step", "seeds": 3},
    "guided-cost trajectory": {**HOST, "algorithm": "guided-cost", "level": "trajectory", "seeds": 1},
    "cloning": {"actions": "clip", "algorithm": "bc", "iterations": CLONING_ITERATIONS, "seeds": 3},
    "constant cost": {**HOST, "algorithm": "gan-gcl", "level": "step", "cost": "constant", "iterations": 50, "seeds": 1},
}
ONCE = {"constant cost": 20}  # what the number of demonstrations hardly changes
TASKS = {"HalfCheetah-v5": "halfcheetah", "Hopper-v5": "hopper"}


def study(env: str) -> Study:
    """Cells in one environment, twenty demonstrations first."""
    name = TASKS[env]
    return Study(
        title=env,
        env=env,
        demos=Path(f"../shared/data/demos_{name}_v5.npz"),
        out=Path(f"runs/{name}_table"),
        fragment=Path(f"docs/results/{name}.md"),
        cells=[Cell(row, MAIN, n, options) for n in (20, 4, 1) for row, options in ROWS.items() if ONCE.get(row, n) == n],
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
