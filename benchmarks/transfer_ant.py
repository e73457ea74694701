"""Rewards taken to an ant that lost the use of two legs: learned on Ant-v5, used in DisabledAnt-v0. Resumable, one seed after the other.

    python benchmarks/transfer_ant.py --seeds 1 --list     # the commands, and which of them are done
    python benchmarks/transfer_ant.py --seeds 1            # one seed of every row; goes on where it was stopped, within a run too
    python benchmarks/transfer_ant.py --only airl-state    # one row
    python benchmarks/transfer_ant.py --table              # docs/results/transfer_ant.md from the record

After Fu et al. 2018, section 7.1: demonstrations of an expert on the one body; a cost for each method; a fresh policy for that cost alone
in the other, at one temperature and another; 0 = random actions there, 1 = the expert that was trained there on the true reward. What
needs no cost is measured beside it: standing still, and the first body's expert taken along. Of a seed each row takes over an hour.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from machine import ROOT, describe_machine
from queue_of_runs import Job, Queue
from result_page import Record, ResultPage, kept
from study_of_runs import is_finished, read_json

from triality.data.demonstration_file import read_demonstrations
from triality.data.reference_returns import RANDOM_RETURNS, normalized_return
from triality.simulators.mujoco_batch import MujocoBatch
from triality.simulators.returns import returns_in

WORLD, CHANGED, NUM_DEMOS, EPISODES = "Ant-v5", "DisabledAnt-v0", 50, 100
TEMPERATURES = (1.0, 0.1)
EXPERT = ROOT / "benchmarks" / "experts" / "ant"
METHODS = {
    "airl-state": ("AIRL, cost of the state", {"algorithm": "airl", "cost": "state"}),
    "gan-gcl-step-state": ("GAN-GCL, steps, cost of the state", {"algorithm": "gan-gcl", "level": "step", "cost": "state"}),
    "airl-state-action": ("AIRL, cost of state and action", {"algorithm": "airl"}),
    "constant": ("a constant cost", {"algorithm": "gan-gcl", "level": "step", "cost": "constant"}),
}
ITERATIONS_OF_A_CONSTANT = 20  # there is nothing to learn in it
PUBLISHED = {"airl-state": 130.3, "gan-gcl-step-state": -43.4}
PUBLISHED_TRUTH = 315.5


def main() -> int:
    result = ResultPage("transfer_ant", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--only", nargs="*", choices=METHODS, default=list(METHODS), help="rows to measure (default: all)")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "transfer_ant", help="of the runs (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="0, 1, ...: all rows of one, then of the next (default %(default)s)")
    parser.add_argument("--num-demos", type=int, default=NUM_DEMOS, help="recorded, and learned from (default %(default)s)")
    parser.add_argument("--iterations", type=int, default=300, help="of learning a cost (default %(default)s)")
    parser.add_argument("--expert-iterations", type=int, default=330, help="of the expert and of fresh policies (default %(default)s)")
    parser.add_argument(
        "--num-rollouts", type=int, default=16, help="of an iteration of a cost and of a fresh policy (default %(default)s)"
    )
    parser.add_argument("--temperatures", type=float, nargs="+", default=list(TEMPERATURES), help="of fresh policies (default %(default)s)")
    parser.add_argument("--limit", type=float, default=6 * 3600.0, help="seconds a command may take (default %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the commands, run nothing")
    options = parser.parse_args()
    if options.list:
        for job in [*experts(options), *(job for seed in range(options.seeds) for job in runs(options, seed))]:
            print(f"{'done' if job.is_done() else 'to do':5}  {job.command}")
        return 0
    return result.run(options)


def measure(options: argparse.Namespace) -> Iterator[Record]:
    """Yields after the experts and after every seed."""
    queue = Queue(options.folder, options.limit)
    failed = queue.run(experts(options))
    if failed:
        raise SystemExit(f"expected experts of both bodies, got failures: {', '.join(failed)}; read {options.folder / 'logs'}")
    record = {"machine": kept(options.out).get("machine", describe_machine()), **without_cost(options)}
    for seed in range(options.seeds):
        failed += queue.run(runs(options, seed))
        yield record | {"rows": {name: row for name in METHODS if (row := earned(options, name))["fresh"]}}
    if failed:
        raise SystemExit(f"expected every run to end well, got failures: {', '.join(failed)}; the same command tries them again")


def demonstrations(options: argparse.Namespace, name: str) -> Path:
    return options.folder / f"{name}_{options.num_demos}.npz"


def true_expert(options: argparse.Namespace) -> Path:
    """Demonstrations of the expert that was trained in the changed body; another length of training, another file."""
    return demonstrations(options, f"{CHANGED}_{options.expert_iterations}")


def experts(options: argparse.Namespace) -> list[Job]:
    """Of the first body the expert that is kept with the benchmarks, there and taken along; of the changed one a new one."""

    def recording(name: str, env: str, out: Path, *words: str) -> Job:
        outputs = ("--num-episodes", str(options.num_demos), "--out", str(out))
        return Job(name, ("expert", "--env", env, *words, *outputs), out.is_file)

    there = ("--expert", os.path.relpath(EXPERT))
    new = ("--temperature", "0.001", "--iterations", str(options.expert_iterations), "--resume")
    return [
        recording("expert", WORLD, demonstrations(options, WORLD), *there),
        recording("expert_taken_along", CHANGED, demonstrations(options, "taken_along"), *there),
        recording("expert_of_the_changed_body", CHANGED, true_expert(options), *new),
    ]


def runs(options: argparse.Namespace, seed: int) -> list[Job]:
    """A cost for every method, then fresh policies for all of them, at one temperature after the other."""
    found = [learning(options, name, seed) for name in options.only]
    return found + [transferring(options, name, seed, each) for each in options.temperatures for name in options.only]


def iterations_of(options: argparse.Namespace, name: str) -> int:
    return min(options.iterations, ITERATIONS_OF_A_CONSTANT) if name == "constant" else options.iterations


def folder_of(options: argparse.Namespace, name: str, seed: int) -> Path:
    """Another length of learning is another run: what was taken from the shorter one must not pass for it."""
    return options.folder / f"{name}_{iterations_of(options, name)}_{seed}"


def learning(options: argparse.Namespace, name: str, seed: int) -> Job:
    out, demos = folder_of(options, name, seed), demonstrations(options, WORLD)
    chosen = {"env": WORLD, "demos": demos, "actions": "clip", **METHODS[name][1], "seed": seed}
    chosen |= {"num_demos": options.num_demos, "num_rollouts": options.num_rollouts, "iterations": iterations_of(options, name)}
    words = [word for option, value in chosen.items() for word in (f"--{option.replace('_', '-')}", str(value))]
    return Job(out.name, ("irl", *words, "--out", str(out), "--resume"), lambda: is_finished(out / "summary.json", chosen))


def transferring(options: argparse.Namespace, name: str, seed: int, temperature: float) -> Job:
    """``retrain`` writes over what it wrote for another temperature: what it wrote a moment ago is copied before anybody asks for it."""
    out, file = folder_of(options, name, seed), transfer_file(options, name, seed, temperature)
    words = ("--env", CHANGED, "--iterations", str(options.expert_iterations), "--temperature", f"{temperature:g}", "--seed", str(seed))

    def is_kept() -> bool:
        written = out / "transfer.json"
        if returned(options, written, temperature) is not None:
            file.write_bytes(written.read_bytes())
        return returned(options, file, temperature) is not None

    return Job(file.stem, ("retrain", str(out), *words, "--resume"), is_kept, is_ready=lambda: (out / "summary.json").is_file())


def transfer_file(options: argparse.Namespace, name: str, seed: int, temperature: float) -> Path:
    return options.folder / f"{folder_of(options, name, seed).name}_at_{temperature:g}.json"


def returned(options: argparse.Namespace, path: Path, temperature: float) -> float | None:
    """The return of the fresh policy, if there is one of this length and temperature."""
    written = read_json(path) if path.is_file() else {}
    settings = tuple(written.get(each) for each in ("env", "iterations", "temperature"))
    if settings != (CHANGED, options.expert_iterations, temperature):
        return None
    return next(row["return"] for row in written["rows"] if row["who"].startswith("fresh policy"))


def without_cost(options: argparse.Namespace) -> Record:
    """The scale, and what is earned in the changed body by those who know nothing of a cost."""
    files = {"expert": demonstrations(options, WORLD), "taken_along": demonstrations(options, "taken_along"), "truth": true_expert(options)}
    returns = {name: float(read_demonstrations(file).returns().mean()) for name, file in files.items()}
    asked = {name: getattr(options, name) for name in ("num_demos", "iterations", "expert_iterations", "num_rollouts")}
    return {"asked": asked, "random": RANDOM_RETURNS[CHANGED].mean, "still": kept(options.out).get("still") or standing_still(), **returns}


def standing_still() -> float:
    """The mean return of an ant that never moves."""
    simulators = MujocoBatch(CHANGED, EPISODES)
    returns = returns_in(simulators, lambda seen: np.zeros((len(seen), simulators.spec.action_size)), range(EPISODES))
    simulators.close()
    return float(returns.mean())


def earned(options: argparse.Namespace, name: str) -> Record:
    """Of every seed that is done: the method's own policy where it learned (normalized), and the fresh ones where it did not."""
    folders = [folder_of(options, name, seed) / "summary.json" for seed in range(options.seeds)]
    learned = [read_json(path)["seeds"][0]["return_normalized"] for path in folders if path.is_file()]
    fresh: Record = {}
    for temperature in options.temperatures:
        files = [transfer_file(options, name, seed, temperature) for seed in range(options.seeds)]
        returns = [value for path in files if (value := returned(options, path, temperature)) is not None]
        fresh |= {f"{temperature:g}": returns} if returns else {}
    return {"learned": learned, "fresh": fresh}


def page(record: Record) -> list[str]:
    """A row a method, the published ratio beside it, and those that know no cost."""
    random, still, truth, asked = record["random"], record["still"], record["truth"], record["asked"]
    if not truth > random:
        raise SystemExit(f"expected an expert of {CHANGED} above random actions ({random:.1f}), got {truth:.1f}; give it more iterations")

    def line(who: str, learned: str, temperature: str, returns: list[float], published: float | None) -> str:
        shares = _in_turn([normalized_return(value, random, truth) for value in returns])
        walking = _in_turn([normalized_return(value, still, truth) for value in returns]) if truth > still else "-"
        told = "-" if published is None else f"{published:g}, {published / PUBLISHED_TRUTH:.2f}"
        return f"| {who} | {learned} | {temperature} | {np.mean(returns):,.1f} | {shares} | {walking} | {told} |"

    lines = ["# Rewards on an ant with two disabled legs", ""]
    titles = ("cost", "learned there", "temperature", "fresh policies here: return", "normalized", "above standing still")
    lines += [f"| {' | '.join(titles)} | published: return, ratio |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|"]
    for name, row in record["rows"].items():
        for temperature, returns in row["fresh"].items():
            lines.append(line(METHODS[name][0], f"{np.mean(row['learned']):.2f}", temperature, returns, PUBLISHED.get(name)))
    lines.append(line("the true reward", "1", "0.001", [truth], PUBLISHED_TRUTH))
    lines.append(line("none: the expert of the whole ant, taken along", "1", "-", [record["taken_along"]], None))
    lines.append(line("none: standing still", "-", "-", [still], None))
    return [
        *lines,
        "",
        f"Learned on {WORLD} from {asked['num_demos']} demonstrations in {asked['iterations']} iterations of {asked['num_rollouts']}",
        f"roll-outs; fresh policies trained for {asked['expert_iterations']} iterations and judged in {CHANGED}, by their mean action;",
        f"experts by sampled actions. {_seeds(record)} *Normalized*: 0 = random actions, 1 = the expert trained",
        "there on the true reward. *Learned there*: the same of the method's own policy on the whole ant. *Temperature*: weight of the",
        "entropy in the training of the fresh policies; that of the method itself was 1. *Above standing still*: 0 = an",
        "ant that never moves, which is paid 1 a step for staying up, in either body. A policy that knows nothing yet has a mean action",
        "near zero and earns nearly that: what does not earn more has not learned to walk. The expert taken along is a perfect clone.",
        "*Published*: Fu et al. 2018, arXiv:1710.11248, GAN-GCL of whole trajectories, and the ratio to the return of the true reward. On",
        "that body nothing is paid for staying up, so that the ratio compares with what is earned above standing still, in its order.",
    ]


def _seeds(record: Record) -> str:
    most = max((len(returns) for row in record["rows"].values() for returns in row["fresh"].values()), default=0)
    return "One seed, so that nothing is said of the spread." if most == 1 else f"Means over at most {most} seeds, each one in brackets."


def _in_turn(shares: list[float]) -> str:
    """Their mean, and each one where there are several."""
    each = f" ({', '.join(f'{share:.2f}' for share in shares)})" if len(shares) > 1 else ""
    return f"{np.mean(shares):.2f}{each}"


if __name__ == "__main__":
    sys.exit(main())
