"""AIRL, GAIL and cloning beside those of ``imitation`` 1.0.1: HalfCheetah-v5, same demonstrations, return at equal environment steps, time.

    python benchmarks/irl_vs_imitation_mujoco.py            # one seed; goes on where it was stopped
    python benchmarks/irl_vs_imitation_mujoco.py --table    # docs/results/imitation_halfcheetah.md and its figure, from the record

Each run is a process of its own, one after the other. It ends at --limit seconds of learning, or when it has made --env-steps and one of
its evaluations reached 0.9. The peer lives in a virtual environment of its own, made on first use (``.venv-peer-mujoco``, a few minutes):
Gymnasium and MuJoCo there are those of this project, which ``imitation`` does not ask for but runs with.

The peer's settings are those that its authors tuned for seals/HalfCheetah and ship with 1.0.1 (imitation/scripts/config/tuned_hps:
airl, gail and bc_seals_half_cheetah_best_hp_eval.json; 8 simulators and the reward's normalization from imitation/scripts/ingredients).
There they belong to 10 million steps, and observations with one coordinate more. Ours are the command's defaults on the host, and, in the
rows named *tuned*, three of them chosen on this task.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import ROOT, commit, describe_machine
from peer_curves import GOOD, page, plot
from peer_environment import peer_python
from result_page import PAGES, PICTURES, Record, ResultPage, kept

from triality.data.demonstration_file import read_demonstrations, write_demonstrations
from triality.data.reference_returns import RANDOM_RETURNS

ENVIRONMENT = "HalfCheetah-v5"
# torch first and by itself: else the peer chooses one. imitation last and by itself: it asks for Gymnasium 0.29.
PEER_PACKAGES = (
    ("torch==2.13.0",),
    ("gymnasium==1.4.0", "mujoco==4.0.0", "imageio==2.38.1"),
    ("stable-baselines3==2.9.2", "seals==0.2.1", "tqdm", "rich", "tensorboard==2.21.0", "datasets==5.2.0", "jsonpickle", "huggingface-sb3"),
    ("--no-deps", "imitation==1.0.1"),
)

PPO = {"batch_size": 64, "clip_range": 0.1, "gae_lambda": 0.95, "gamma": 0.95, "max_grad_norm": 0.8, "n_epochs": 5}
PPO |= {"vf_coef": 0.11483689492120866}
AIRL = {
    "num_envs": 8,
    "ppo": {**PPO, "steps_per_round": 8192, "ent_coef": 0.0005544771755195421, "learning_rate": 0.00047248619386801587},
    "adversarial": {"demo_batch_size": 2048, "gen_replay_buffer_capacity": 512, "n_disc_updates_per_round": 16},
}
GAIL = {
    "num_envs": 8,
    "ppo": {**PPO, "steps_per_round": 4096, "ent_coef": 3.992371122209408e-6, "learning_rate": 0.00026250519057717037},
    "adversarial": {"demo_batch_size": 8192, "gen_replay_buffer_capacity": 512, "n_disc_updates_per_round": 8},
}
BC = {"num_epochs": 20, "cloning": {"batch_size": 64, "l2_weight": 0.005728455628518169, "optimizer_kwargs": {"lr": 0.008056922426724927}}}

TUNED = {"num_rollouts": 8, "cost_learning_rate": 1e-2, "policy_learning_rate": 1e-3}
"""Chosen on this very task by the environment steps to 0.9, seed 0, as the peer's settings were chosen on its own."""
OURS = {
    "triality AIRL": {"algorithm": "airl"},
    "triality GAN-GCL, step": {"algorithm": "gan-gcl", "level": "step"},
    "triality GAN-GCL, trajectory": {"algorithm": "gan-gcl", "level": "trajectory"},
    "triality AIRL, tuned": {"algorithm": "airl", "objective": "normalized", **TUNED},
    "triality GAN-GCL, step, tuned": {"algorithm": "gan-gcl", "level": "step", **TUNED},
    "triality GAN-GCL, trajectory, tuned": {"algorithm": "gan-gcl", "level": "trajectory", **TUNED},
    "triality GAIL": {"algorithm": "gail"},
    "triality BC": {"algorithm": "bc", "iterations": 50},
}
PEERS = {
    "imitation AIRL": ("airl", {**AIRL, "actions": "recorded"}),
    "imitation GAIL": ("gail", {**GAIL, "actions": "recorded"}),
    "imitation BC": ("bc", {**BC, "actions": "recorded"}),
    "imitation AIRL, clipped": ("airl", {**AIRL, "actions": "clipped"}),
    "imitation GAIL, clipped": ("gail", {**GAIL, "actions": "clipped"}),
    "imitation BC, clipped": ("bc", {**BC, "actions": "clipped"}),
}
USUAL = [*OURS, *list(PEERS)[:3]]
CLONING_EVERY = 500
"""Gradient steps between two evaluations of cloning, on either side."""
GRACE = 300
"""Seconds that a process may take beyond three times the limit: importing, compiling, evaluating."""


def main() -> int:
    result = ResultPage("irl_vs_imitation_mujoco", measure, page)
    parser = result.parser(__doc__)
    parser.set_defaults(fragment=PAGES / "imitation_halfcheetah.md")
    parser.add_argument("--figure", type=Path, default=PICTURES / "imitation_halfcheetah.svg")
    parser.add_argument("--demos", type=Path, default=ROOT.parent / "shared" / "data" / "demos_halfcheetah_v5.npz", help="(%(default)s)")
    parser.add_argument("--num-demos", type=int, default=20, help="drawn anew for each seed (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="runs a side, seeds 0, 1, ... (default %(default)s)")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds of learning in a run (default %(default)s)")
    parser.add_argument("--env-steps", type=int, default=1_000_000, help="that a run makes before it may end early (default %(default)s)")
    parser.add_argument("--evaluate-every", type=int, default=64_000, help="environment steps between evaluations (default %(default)s)")
    parser.add_argument("--episodes", type=int, default=20, help="of an evaluation, reset seeds 0, 1, ... (default %(default)s)")
    parser.add_argument("--sides", nargs="+", default=USUAL, choices=[*OURS, *PEERS], help="default: all but the clipped ones")
    parser.add_argument("--peer-python", type=Path, help="an interpreter with the peer; .venv-peer-mujoco is made where none is given")
    options = parser.parse_args()
    result.run(options)
    if options.table:
        plot(kept(options.out), options.figure)
    return 0


def measure(options: argparse.Namespace) -> Iterator[Record]:
    """One run after the other; those in the record already are not run again, unless something that matters is different."""
    demonstrations = read_demonstrations(options.demos)
    scale = {"random": RANDOM_RETURNS[ENVIRONMENT].mean, "demonstrations": float(demonstrations.returns().mean())}
    asked = {"environment": ENVIRONMENT, "demos": options.demos.name, "scale": scale}
    asked |= {"outside": float(np.mean(np.abs(demonstrations.actions) > 1.0))}
    asked |= {name: getattr(options, name) for name in ("num_demos", "limit", "env_steps", "evaluate_every", "episodes")}
    record = kept(options.out)
    if record and any(record.get(name) != value for name, value in asked.items()):
        raise SystemExit(f"expected the record {options.out} to be of the same options, got others; give another --out, or remove it")
    record = asked | {"machine": record.get("machine", describe_machine()), "runs": record.get("runs", {})}
    missing = [(seed, side) for seed in range(options.seeds) for side in options.sides if str(seed) not in record["runs"].get(side, {})]
    peer = peer_python(options.peer_python, ".venv-peer-mujoco", PEER_PACKAGES) if any(side in PEERS for _, side in missing) else None
    yield record
    failed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, (seed, side) in enumerate(missing, 1):
            begun = {"load_average": os.getloadavg()[0], "commit": commit()}
            print(f"--- {number} of {len(missing)}: {side}, seed {seed}, load average {begun['load_average']:.1f}", flush=True)
            write_demonstrations(folder / "demos.npz", demonstrations.select(options.num_demos, seed))
            task = _task(options, scale, side, seed) | {"demos": str(options.demos if side in OURS else folder / "demos.npz")}
            found = _run(Path(sys.executable) if side in OURS else peer, side, task, folder, options.limit)
            if found is None:
                failed.append(f"{side}, seed {seed}")
                continue
            record["runs"].setdefault(side, {})[str(seed)] = found | begun
            yield record
    if failed:
        raise SystemExit(f"expected every run to end well, got failures: {'; '.join(failed)}; the others are in {options.out}")


def _task(options: argparse.Namespace, scale: dict[str, float], side: str, seed: int) -> dict[str, Any]:
    """Either side's; cloning counts its progress in gradient steps, and ends at its own end."""
    algorithm, settings = (OURS[side]["algorithm"], OURS[side] | {"actions": "clip"}) if side in OURS else PEERS[side]
    is_cloning = algorithm == "bc"
    good = scale["random"] + GOOD * (scale["demonstrations"] - scale["random"])
    return {
        "environment": ENVIRONMENT,
        "algorithm": algorithm,
        "settings": settings,
        "num_demos": options.num_demos,
        "seed": seed,
        "episodes": options.episodes,
        "limit": options.limit,
        "good": good,
        "evaluate_every": CLONING_EVERY if is_cloning else options.evaluate_every,
        "enough": sys.maxsize if is_cloning else options.env_steps,
    }


def _run(python: Path | None, side: str, task: dict[str, Any], folder: Path, limit: float) -> Record | None:
    """What one process wrote; None where it failed. One that hangs is ended, and its curve kept if there is any."""
    script = ROOT / "benchmarks" / "peers" / ("triality_mujoco.py" if side in OURS else "imitation_mujoco.py")
    (folder / "task.json").write_text(json.dumps(task | {"launched": time.time()}))
    curve = folder / "curve.jsonl"
    curve.unlink(missing_ok=True)
    threads = {} if side in OURS else {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}  # ours: as the command sets them
    try:
        subprocess.run([str(python), script, folder / "task.json", curve], check=True, timeout=3 * limit + GRACE, env=os.environ | threads)
    except subprocess.CalledProcessError as error:
        print(f"FAILED: {side}, exit code {error.returncode}", flush=True)
        return None
    except subprocess.TimeoutExpired:
        print(f"ended: {side}, over {3 * limit + GRACE:.0f} s", flush=True)
    run = read_run(curve.read_text() if curve.is_file() else "")
    return run | {"settings": task["settings"]} if run["evaluations"] else None


def read_run(text: str) -> Record:
    """A run from the lines that its process wrote; without an end where it was ended from outside."""
    lines = [json.loads(line) for line in text.splitlines()]
    run: Record = {"evaluations": [], "env_steps": 0, "seconds": None}
    for line in lines:
        kind = line.pop("kind")
        if kind == "evaluation":
            run["evaluations"].append(line)
        else:
            run |= line
    return run


if __name__ == "__main__":
    sys.exit(main())
