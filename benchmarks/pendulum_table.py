"""Pendulum-v1 from 1, 5 and 20 demonstrations: every method, its controls and its ablations. Resumable: run it again to go on.

python benchmarks/pendulum_table.py --list                  # the commands it will run
python benchmarks/pendulum_table.py --alone --retrain       # run what is not done yet into runs/pendulum_table, print the table
python benchmarks/pendulum_table.py --table                 # write docs/results/pendulum.md from what is there
"""

import sys
from pathlib import Path

from study_of_runs import Cell, Study, run_study
from table_of_runs import Gate, iqm_of

MAIN, ABLATIONS = "Methods and controls", "Ablations"
CLONING_ITERATIONS = 50  # of 100 gradient steps each

ROWS = {
    "gan-gcl trajectory": {"algorithm": "gan-gcl", "level": "trajectory"},
    "guided-cost trajectory": {"algorithm": "guided-cost", "level": "trajectory"},
    "gan-gcl step": {"algorithm": "gan-gcl", "level": "step"},
    "gan-gcl trajectory, cloned start": {"algorithm": "gan-gcl", "level": "trajectory", "init_policy": "cloned", "seeds": 3},
    "sqil": {"algorithm": "sqil", "iterations": 50},
    "iq-learn": {"algorithm": "iq-learn", "iterations": 35},
    "f-irl": {"algorithm": "f-irl", "iterations": 60, "cost_learning_rate": 0.003},
    "cloning": {"algorithm": "bc", "iterations": CLONING_ITERATIONS},
    "constant cost": {"algorithm": "gan-gcl", "level": "trajectory", "cost": "constant", "seeds": 3},
}

# What is changed against the default of that algorithm, at trajectory level where no level is named.
CHANGES = {
    "gan-gcl, plain objective": {"algorithm": "gan-gcl", "objective": "plain"},
    "gan-gcl, free starts": {"algorithm": "gan-gcl", "starts": "free"},
    "gan-gcl, 4 past samplers": {"algorithm": "gan-gcl", "past_samplers": 4},
    "gan-gcl, no gradient penalty": {"algorithm": "gan-gcl", "gradient_penalty": 0.0},
    "gan-gcl, gradient penalty 0.1": {"algorithm": "gan-gcl", "gradient_penalty": 0.1},
    "guided-cost, free starts": {"algorithm": "guided-cost", "starts": "free"},
    "guided-cost, tempered objective": {"algorithm": "guided-cost", "objective": "tempered"},
    "guided-cost, mixture objective": {"algorithm": "guided-cost", "objective": "mixture"},
}

ONCE = {"gan-gcl trajectory, cloned start": 5, "constant cost": 5}  # what the number of demonstrations hardly changes
AT_TWENTY = ("gan-gcl, free starts", "guided-cost, free starts")  # why many starts are harder than few

CELLS = [Cell(row, MAIN, n, options) for row, options in ROWS.items() for n in (1, 5, 20) if ONCE.get(row, n) == n]
FEWER = {"level": "trajectory", "seeds": 3}
CELLS += [Cell(row, ABLATIONS, 5, {**FEWER, **options}) for row, options in CHANGES.items()]
CELLS += [Cell(row, ABLATIONS, 20, {**FEWER, **CHANGES[row]}) for row in AT_TWENTY]

STUDY = Study(
    title="Pendulum-v1",
    env="Pendulum-v1",
    demos=Path("../shared/data/demos_pendulum.npz"),
    out=Path("runs/pendulum_table"),
    fragment=Path("docs/results/pendulum.md"),
    cells=CELLS,
    main=MAIN,
    gate=Gate("return_normalized", iqm_of, 0.97, "interquartile mean of the normalized return of at least 0.97", 3),
)

if __name__ == "__main__":
    sys.exit(run_study(STUDY, __doc__))
