"""GAN-GCL per step beside AIRL of ``imitation`` 1.0.1, its nearest relative: Pendulum-v1, same demonstrations, sizes, steps and updates.

    python benchmarks/irl_vs_imitation.py --demos examples/pendulum_demos.npz --env-steps 1920000 --repeats 3

The peer lives in a virtual environment of its own, made on first use (``.venv-peer``, a few minutes). Each side runs in a process of its
own, alternating, one thread each. Writes benchmarks/results/irl_vs_imitation.json and prints a table.

Two pairs, since the ratio hangs on the size of the minibatches: *large*, 8 minibatches a pass (ours by default), and *tutorial*, the
settings of imitation's own AIRL tutorial with its minibatches of 64, so that the peer's time to a good policy does not hang on settings
chosen here. Within a pair, network sizes, steps a round, minibatches, passes and discriminator updates are equal; the table lists both
sides and what cannot be matched.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from machine import ROOT, describe_machine, one_thread
from peer_environment import peer_python

from triality.data.checks import check_against
from triality.data.demonstration_file import read_demonstrations, write_demonstrations
from triality.data.reference_returns import RANDOM_RETURNS, normalized_return
from triality.specs import SPECS

ENVIRONMENT, HORIZON = "Pendulum-v1", 200
PEER_PACKAGES = (("torch==2.13.0",), ("imitation==1.0.1",))  # torch first and by itself: else the peer chooses one
GOOD = 0.9

SHARED = {
    "hidden": [64, 64],
    "reward_hidden": [64, 64],
    "num_epochs": 4,
    "num_discriminator_updates": 3,
    "learning_rate": 3e-4,
    "discriminator_learning_rate": 1e-3,
    "gamma": 0.99,
    "gae_lambda": 0.95,
    "clip": 0.2,
    "max_grad_norm": 0.5,
}
OUR_OWN = {"value_learning_rate": 1e-3, "temperature": 1.0, "gradient_penalty": 0.1}
# demo_batch_size None: all demonstrated steps; replay_capacity None: the peer's default, one round.
PEERS_OWN = {"value_weight": 0.5, "entropy_weight": 0.0, "demo_batch_size": None, "replay_capacity": None}
# docs/tutorials/4_train_airl.ipynb of imitation; the rest: defaults of stable-baselines3. 82 roll-outs are its 16,384 steps.
TUTORIAL = {**SHARED, "num_epochs": 5, "num_discriminator_updates": 16, "learning_rate": 5e-4, "gamma": 0.95, "clip": 0.1}
PAIRS = {
    "large": (
        {**SHARED, **OUR_OWN, "num_rollouts": 96, "num_minibatches": 8, "num_pairs": None},
        {**SHARED, **PEERS_OWN, "num_envs": 96, "steps_per_env": HORIZON, "minibatch_size": 96 * HORIZON // 8},
    ),
    "tutorial": (
        {**TUTORIAL, **OUR_OWN, "value_learning_rate": 5e-4, "num_rollouts": 82, "num_minibatches": 256, "num_pairs": 2048},
        {
            **TUTORIAL,
            "reward_hidden": None,  # its shaped network
            "num_envs": 8,
            "steps_per_env": 2048,
            "minibatch_size": 64,
            "value_weight": 0.1,
            "entropy_weight": 0.0,
            "demo_batch_size": 2048,
            "replay_capacity": 512,
        },
    ),
}

NOT_MATCHED = """What cannot be matched: the policies' densities (ours is squashed by tanh, the peer's is clipped by the simulator);
optimizers of policy and value (ours are two with a step each, the peer has one for both); scaling of the policy's
observations (ours are scaled, the peer's PPO takes them raw; both scale the reward's inputs); activation of the reward
network (tanh, ReLU); the discriminator's batch in the large pair (ours takes all demonstrated and all drawn steps of a
round, the peer as many drawn as demonstrated ones; in the tutorial's both take 2,048 of each); the tutorial's shaped
reward network (ours stays [64, 64]); entropy (ours enters the reward with weight 1, the peer's reward is f and its
entropy weight 0, its default); a gradient penalty (ours only, its cost is in our time)."""


def main() -> int:
    options = _options()
    one_thread()
    peer = peer_python(options.peer_python, ".venv-peer", PEER_PACKAGES)
    sides = {f"{who}, {pair}": each for pair in options.pairs for who, each in zip(("triality", "imitation"), PAIRS[pair], strict=True)}
    checked = check_against(read_demonstrations(options.demos), SPECS[ENVIRONMENT], "error", options.num_demos).demonstrations
    machine, results = describe_machine(), {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(options.repeats):
            chosen = checked.select(options.num_demos or checked.num_trajectories, repeat)
            write_demonstrations(Path(folder) / f"demos-{repeat}.npz", chosen)
            for side, found in results.items():
                print(f"--- {side}, repeat {repeat + 1} of {options.repeats}", flush=True)
                task = _task(options, sides[side], Path(folder) / f"demos-{repeat}.npz", chosen.num_steps, repeat)
                found.append(_run_side(side, peer, task, Path(folder)))
    scale = {"random": RANDOM_RETURNS[ENVIRONMENT].mean, "demonstrations": float(checked.returns().mean())}
    record = {
        "machine": machine,
        "demos": options.demos.name,
        "num_demos": options.num_demos or checked.num_trajectories,
        "scale": scale,
        "runs": results,
        "figures": {side: [_figures(each, scale) for each in runs] for side, runs in results.items()},
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print("\n" + table(record))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demos", type=Path, default=ROOT / "examples" / "pendulum_demos.npz")
    parser.add_argument("--num-demos", type=int, help="drawn anew for each repeat; all by default")
    parser.add_argument("--env-steps", type=int, default=1_920_000, help="environment steps of a run (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="runs a side, seeds 0, 1, ... (default %(default)s)")
    parser.add_argument("--evaluate-every", type=int, default=96_000, help="environment steps between evaluations (default %(default)s)")
    parser.add_argument("--episodes", type=int, default=20, help="of an evaluation (default %(default)s)")
    parser.add_argument("--pairs", nargs="+", default=list(PAIRS), choices=list(PAIRS), help="which sizes (default: all)")
    parser.add_argument("--peer-python", type=Path, help="an interpreter that has imitation 1.0.1; .venv-peer is made where none is given")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "irl_vs_imitation.json")
    return parser.parse_args()


def _task(options: argparse.Namespace, settings: dict[str, Any], demos: Path, num_pairs: int, seed: int) -> dict[str, Any]:
    """Sizes that depend on the data or on the number of steps are settled here, so that the result file holds them."""
    settings, per_round = dict(settings), settings.get("num_rollouts", settings.get("num_envs")) * settings.get("steps_per_env", HORIZON)
    if "demo_batch_size" in settings:
        settings["demo_batch_size"] = min(settings["demo_batch_size"] or num_pairs, num_pairs)
    every = max(1, options.evaluate_every // per_round)
    rounds = max(1, options.env_steps // (per_round * every)) * every
    shared = {"demos": str(demos), "episodes": options.episodes, "seed": seed}
    return {**shared, "rounds": rounds, "evaluate_every": every, "settings": settings}


def _run_side(side: str, peer: Path, task: dict[str, Any], folder: Path) -> dict[str, Any]:
    ours = side.startswith("triality")
    script = ROOT / "benchmarks" / "peers" / ("triality_gan_gcl.py" if ours else "imitation_airl.py")
    (folder / "task.json").write_text(json.dumps(task))
    command = [sys.executable if ours else peer, script, folder / "task.json", folder / "result.json"]
    subprocess.run(command, check=True, env={**os.environ, "TQDM_DISABLE": "1"})
    result = json.loads((folder / "result.json").read_text())
    return {**result, "seed": task["seed"], "rounds": task["rounds"], "settings": task["settings"]}


def _figures(run: dict[str, Any], scale: dict[str, float]) -> dict[str, float | None]:
    """Of one run: speeds, time to a good policy without and with setting up and compiling, and the last return."""
    before = run["setup_seconds"] + run["compile_seconds"]
    returns = [normalized_return(each["return"], scale["random"], scale["demonstrations"]) for each in run["evaluations"]]
    reached = [each["seconds"] for each, value in zip(run["evaluations"], returns, strict=True) if value >= GOOD]
    return {
        "steps_per_second": run["env_steps"] / run["learn_seconds"],
        "steps_per_second_with_compilation": run["env_steps"] / (run["learn_seconds"] + before),
        "seconds_to_good": reached[0] if reached else None,
        "seconds_to_good_with_compilation": reached[0] + before if reached else None,
        "last_return": returns[-1],
    }


ROWS = (
    ("env steps/s, updates included", "steps_per_second", 0),
    ("env steps/s, compilation and setting up included", "steps_per_second_with_compilation", 0),
    (f"seconds of learning to a normalized return of {GOOD}", "seconds_to_good", 1),
    ("the same, compilation and setting up included", "seconds_to_good_with_compilation", 1),
    ("normalized return at the end", "last_return", 3),
)


def table(record: dict[str, Any]) -> str:
    """Medians over repeats, ranges in brackets, ratios run by run; then both sides' settings, what was not matched, and where."""
    figures = record["figures"]
    sides = list(figures)
    lines = [f"| | {' | '.join(sides)} |", f"|---|{'---:|' * len(sides)}"]
    for words, name, digits in ROWS:
        lines.append(f"| {words} | {' | '.join(_spread([each[name] for each in figures[side]], digits) for side in sides)} |")
    for words, name in (("times the peer's env steps/s", ROWS[0][1]), ("the same, compilation and setting up included", ROWS[1][1])):
        lines.append(f"| {words} | {' | '.join(_ratio(figures, side, name) for side in sides)} |")
    return "\n".join([*lines, "", *_settings_table(record["runs"]), "", NOT_MATCHED, "", _where(record)])


def _ratio(figures: dict[str, list[dict[str, Any]]], side: str, name: str) -> str:
    """Ours over the peer's of the same pair, run by run; empty in the peer's column."""
    who, pair = side.split(", ")
    if who != "triality":
        return ""
    return _spread([a[name] / b[name] for a, b in zip(figures[side], figures[f"imitation, {pair}"], strict=True)], 1)


def _settings_table(runs: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What each side ran with; in the first run, where the number of demonstrated steps matters."""
    ran = {}
    for side, found in runs.items():
        sizes = {"policy and value parameters": found[0]["policy_parameters"], "reward parameters": found[0]["reward_parameters"]}
        ran[side] = {**found[0]["settings"], "rounds": found[0]["rounds"], "env steps": found[0]["env_steps"], **sizes}
    names = dict.fromkeys(name for settings in ran.values() for name in settings)
    rows = [f"| {name.replace('_', ' ')} | {' | '.join(str(settings.get(name, '')) for settings in ran.values())} |" for name in names]
    return [f"| setting | {' | '.join(ran)} |", f"|---|{'---:|' * len(ran)}", *rows]


def _where(record: dict[str, Any]) -> str:
    machine, runs = record["machine"], record["runs"]
    versions = dict.fromkeys(", ".join(f"{name} {found}" for name, found in each[0]["packages"].items()) for each in runs.values())
    load = f"load average at the start {machine['load_average'][0]:.1f}"
    return (
        f"Medians of {len(next(iter(runs.values())))} runs a side in turn, range in brackets; {record['num_demos']} demonstrations of "
        f"{record['demos']}; mean action, evaluation outside the clock. {machine['processor']}, {machine['cores']} cores, "
        f"one thread a side, {load}, commit {machine['commit']}, Python {machine['python']}. {'; '.join(versions)}."
    )


def _spread(values: list[float | None], digits: int) -> str:
    """``median (min to max)``; a run that never got there counts as later than all others."""
    if not values:
        return ""
    known = [value for value in values if value is not None]
    ordered = sorted(known) + [None] * (len(values) - len(known))
    middle = median(known) if len(known) == len(values) else ordered[len(ordered) // 2]
    words = "not reached" if middle is None else f"{middle:,.{digits}f}"
    if not known:
        return words
    share = "" if len(known) == len(values) else f", {len(known)} of {len(values)} runs"
    return f"{words} ({min(known):,.{digits}f} to {max(known):,.{digits}f}{share})"


if __name__ == "__main__":
    sys.exit(main())
