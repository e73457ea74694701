"""Our own experts of MuJoCo's tasks, and fifty demonstrations of each: what ``mujoco_table.py`` learns from. Resumable.

python benchmarks/mujoco_experts.py                          # record what is not there yet, then what the demonstrations earn
python benchmarks/mujoco_experts.py --only Swimmer --list    # the command
python benchmarks/mujoco_experts.py --train runs/my_experts  # train experts of your own, by the same settings

The experts lie in benchmarks/experts, as ``triality expert --policy-out`` wrote them: PPO on the simulator's own reward. Demonstrations are
sampled actions with their log-probabilities and the seeds that the episodes were reset with; they lie in runs/experts. Training is chaotic:
another processor gives another expert, as good or not.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from queue_of_runs import Job, Queue

EXPERTS, OUT, NUM_EPISODES = Path(__file__).parent / "experts", Path("runs/experts"), 50
SETTINGS = {
    "Walker2d-v5": (3000, {"temperature": 0.0003, "iterations": 480, "seed": 1}),
    "Ant-v5": (2500, {"temperature": 0.001, "iterations": 330}),
    "Swimmer-v5": (120, {"temperature": 0.001, "iterations": 90, "discount": 0.999, "gae-lambda": 0.98}),
    "Reacher-v5": (-6, {"temperature": 0.001, "iterations": 150}),
}
"""What an expert's demonstrations are to earn on average, and the options that do it."""


def stem(env: str) -> str:
    """Of the task's files."""
    return env.split("-")[0].lower()


def demonstrations_of(env: str, out: Path = OUT) -> Path:
    """Their file."""
    return out / f"{stem(env)}.npz"


def recording(env: str) -> Job:
    """Demonstrations of the expert that is kept."""
    path = demonstrations_of(env)
    expert = os.path.relpath(EXPERTS / stem(env))
    arguments = ("expert", "--env", env, "--expert", expert, "--num-episodes", str(NUM_EPISODES), "--out", str(path), "--overwrite")
    return Job(env, arguments, path.is_file)


def training(env: str, out: Path) -> Job:
    """A new expert, and its demonstrations."""
    path, (_, options) = demonstrations_of(env, out), SETTINGS[env]
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    policy = str(path.with_suffix(""))
    outputs = ("--num-episodes", str(NUM_EPISODES), "--out", str(path), "--policy-out", policy, "--overwrite")
    return Job(env, ("expert", "--env", env, *words, *outputs), path.is_file)


def returns_of(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        return np.add.reduceat(file["rewards"], np.cumsum(file["lengths"]) - file["lengths"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="experts whose task contains it")
    parser.add_argument("--train", type=Path, metavar="FOLDER", help="train new ones, kept with their demonstrations in this folder")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds an expert may take (default %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the commands, run nothing")
    options = parser.parse_args()
    out = options.train or OUT
    jobs = [training(env, out) if options.train else recording(env) for env in SETTINGS if options.only in env]
    if options.list:
        for each in jobs:
            print(f"{'done' if each.is_done() else 'to do':5}  {each.command}")
        return 0
    failed = Queue(out, options.limit).run(jobs)
    print("\n| task | return of 50 demonstrations | standard deviation | asked |\n|---|---:|---:|---:|")
    for env, (least, _) in SETTINGS.items():
        if demonstrations_of(env, out).is_file():
            returns = returns_of(demonstrations_of(env, out))
            print(f"| {env} | {returns.mean():,.1f} | {returns.std():,.1f} | {least:,} |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
