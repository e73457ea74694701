"""CartPole-v1 from 1 and 10 demonstrations, as a fixed horizon with an absorbing state. Resumable: run it again to go on.

python benchmarks/cartpole_table.py --list                  # the commands it will run
python benchmarks/cartpole_table.py --alone --retrain       # run what is not done yet into runs/cartpole_table, print the table
python benchmarks/cartpole_table.py --table                 # write docs/results/cartpole.md from what is there
"""

import sys
from pathlib import Path
from statistics import fmean

from study_of_runs import Cell, Study, run_study
from table_of_runs import Gate

MAIN = "Methods and controls"
CLONING_ITERATIONS = 50  # of 100 gradient steps each

ROWS = {
    "gan-gcl trajectory": {"algorithm": "gan-gcl", "level": "trajectory"},
    "gan-gcl step": {"algorithm": "gan-gcl", "level": "step"},
    "guided-cost trajectory": {"algorithm": "guided-cost", "level": "trajectory"},
    "cloning": {"algorithm": "bc", "iterations": CLONING_ITERATIONS},
    "constant cost": {"algorithm": "gan-gcl", "level": "trajectory", "cost": "constant"},
}

FEWER = {"seeds": 3, "iterations": 40}  # 500 steps a roll-out: an iteration costs two and a half of Pendulum's
ONCE = ("constant cost", "guided-cost trajectory", "gan-gcl step")

STUDY = Study(
    title="CartPole-v1",
    env="CartPole-v1",
    demos=Path("../shared/data/demos_cartpole.npz"),
    out=Path("runs/cartpole_table"),
    fragment=Path("docs/results/cartpole.md"),
    cells=[Cell(row, MAIN, n, {**FEWER, **options}) for row, options in ROWS.items() for n in (1, 10) if row not in ONCE or n == 1],
    main=MAIN,
    gate=Gate("return_mean", fmean, 475.0, "mean return over all seeds of at least 475 of 500", 1),
)

if __name__ == "__main__":
    sys.exit(run_study(STUDY, __doc__))
