"""Our own experts of MuJoCo's tasks, and fifty demonstrations of each: what ``mujoco_table.py`` learns from. Resumable.

python benchmarks/mujoco_experts.py --list         # the commands
python benchmarks/mujoco_experts.py                # train and record what is not there yet, then what they earn
python benchmarks/mujoco_experts.py --only Swimmer

Each is one ``triality expert``: PPO on the simulator's own reward, then sampled actions under their log-probabilities, with the seeds that
the episodes were reset with. They lie in runs/experts. Training is chaotic: another processor gives another expert, as good or not.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from queue_of_runs import Job, Queue

OUT = Path("runs/experts")
EXPERTS = {
    "Walker2d-v5": (3000, {"temperature": 0.0003, "iterations": 480}),
    "Ant-v5": (2500, {"temperature": 0.001, "iterations": 330}),
    "Swimmer-v5": (120, {"temperature": 0.001, "iterations": 90, "discount": 0.999, "gae-lambda": 0.98}),
    "Reacher-v5": (-6, {"temperature": 0.001, "iterations": 150}),
}
"""What its demonstrations are to earn on average, and the options that do it."""


def demonstrations_of(env: str) -> Path:
    """Their file."""
    return OUT / f"{env.split('-')[0].lower()}.npz"


def job(env: str) -> Job:
    path, (_, options) = demonstrations_of(env), EXPERTS[env]
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    policy = str(path.with_suffix(""))
    arguments = ("expert", "--env", env, "--num-episodes", "50", *words, "--out", str(path), "--policy-out", policy, "--overwrite")
    return Job(env, arguments, path.is_file)


def returns_of(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        return np.add.reduceat(file["rewards"], np.cumsum(file["lengths"]) - file["lengths"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="experts whose task contains it")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds an expert may take (default %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the commands, run nothing")
    options = parser.parse_args()
    jobs = [job(env) for env in EXPERTS if options.only in env]
    if options.list:
        for each in jobs:
            print(f"{'done' if each.is_done() else 'to do':5}  {each.command}")
        return 0
    failed = Queue(OUT, options.limit).run(jobs)
    print("\n| task | return of 50 demonstrations | standard deviation | asked |\n|---|---:|---:|---:|")
    for env, (least, _) in EXPERTS.items():
        if demonstrations_of(env).is_file():
            returns = returns_of(demonstrations_of(env))
            print(f"| {env} | {returns.mean():,.1f} | {returns.std():,.1f} | {least:,} |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
