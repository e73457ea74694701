"""Rewards taken to an ant that lost the use of two legs: learned on Ant-v5, used in DisabledAnt-v0. Resumable, one seed after the other.

    python benchmarks/transfer_ant.py --list               # the commands, and which of them are done
    python benchmarks/transfer_ant.py --seeds 0            # one seed of every row; goes on where it was stopped, within a run too
    python benchmarks/transfer_ant.py --only airl-state    # one row
    python benchmarks/transfer_ant.py --table              # docs/results/transfer_ant.md from the record

After Fu et al. 2018, section 7.1: demonstrations of an expert on the one body; a cost for each method; a fresh policy for that cost alone
in the other; 0 = random actions there, 1 = the expert that was trained there on the true reward. Another was trained on it for as long as
the fresh policies were. What needs no cost is measured beside it: standing still, and the first body's expert taken along. Of a seed each
row takes about an hour of a core, the first one half of it.

What the record holds of experts and of rows whose runs are not in the folder is kept: to measure it anew, name another ``--out``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import ant_costs
import numpy as np
from ant_costs import in_turn
from machine import ROOT, describe_machine
from queue_of_runs import Job, Queue
from result_page import Record, ResultPage, kept
from study_of_runs import is_finished, read_json

from triality.data.demonstration_file import read_demonstrations
from triality.data.reference_returns import RANDOM_RETURNS, normalized_return
from triality.simulators.mujoco_batch import MujocoBatch
from triality.simulators.returns import returns_in

WORLD, CHANGED, NUM_DEMOS, EPISODES = "Ant-v5", "DisabledAnt-v0", 50, 100
NUM_RECORDED, WHOLE = 60, 1000
"""Demonstrations of which those that ran to the time limit are taken, where a row asks for whole ones."""
EXPERT = ROOT / "benchmarks" / "experts" / "ant"
EXPERTS = ("expert", "taken_along", "truth", "truth_as_long")
"""Of the whole ant at home and in the other body; of the other body, trained there at length and for as long as fresh policies."""


@dataclass(frozen=True)
class Row:
    """A class of costs, how it is learned, and how fresh policies are trained for it.

    Args:
        label: in the table.
        chosen: options of ``triality irl``.
        iterations: of learning.
        num_rollouts: of one of them, and of an iteration of a fresh policy.
        fresh: iterations of a fresh policy.
        temperatures: of fresh policies.
        are_whole: whether demonstrations that ended early are left out.
    """

    label: str
    chosen: Mapping[str, str | float]
    iterations: int = 600
    num_rollouts: int = 4
    fresh: int = 300
    temperatures: tuple[float, ...] = (1.0, 0.1)
    are_whole: bool = False


LINEAR = {"algorithm": "gan-gcl", "level": "trajectory", "cost": "linear", "cost_sees": "13:27", "init_policy": "cloned"}
LINEAR |= {"temperature": 0.03, "max_kl": 0.05, "cost_learning_rate": 0.1, "gradient_penalty": 0.01}
ROWS = {
    "gan-gcl-trajectory-linear": Row(
        "GAN-GCL, whole trajectories, linear in speeds and efforts", LINEAR, 150, temperatures=(0.03,), are_whole=True
    ),
    "gan-gcl-trajectory-linear-posture": Row(
        "GAN-GCL, whole trajectories, linear in heights and angles too",
        LINEAR | {"cost_sees": "0:27"},
        150,
        temperatures=(0.03,),
        are_whole=True,
    ),
    "airl-state": Row("AIRL, cost of the state", {"algorithm": "airl", "cost": "state"}),
    "gan-gcl-step-state": Row("GAN-GCL, steps, cost of the state", {"algorithm": "gan-gcl", "level": "step", "cost": "state"}),
    "airl-state-action": Row("AIRL, cost of state and action", {"algorithm": "airl"}),
    "constant": Row(
        "a constant cost", {"algorithm": "gan-gcl", "level": "step", "cost": "constant"}, 20
    ),  # there is nothing to learn in it
}
PUBLISHED = {"airl-state": 130.3, "gan-gcl-trajectory-linear": -43.4}
PUBLISHED_TRUTH = 315.5
THROUGH_THE_END = ", when fresh policies were trained through the absorbing state and under the scaling of the whole ant"


def main() -> int:
    result = ResultPage("transfer_ant", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--only", nargs="*", choices=ROWS, default=list(ROWS), help="rows to measure (default: all)")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "transfer_ant", help="of the runs (default %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="all rows of one, then of the next (default %(default)s)")
    parser.add_argument("--num-demos", type=int, default=NUM_DEMOS, help="learned from (default %(default)s)")
    parser.add_argument("--expert-iterations", type=int, default=330, help="of the changed body's expert (default %(default)s)")
    parser.add_argument("--limit", type=float, default=6 * 3600.0, help="seconds a command may take (default %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the commands, run nothing")
    options = parser.parse_args()
    if options.list:
        for job in [*experts(options), *(job for seed in options.seeds for job in runs(options, seed))]:
            print(f"{'done' if job.is_done() else 'to do':5}  {job.command}")
        return 0
    return result.run(options)


def measure(options: argparse.Namespace) -> Iterator[Record]:
    """Yields after every seed."""
    queue, before = Queue(options.folder, options.limit), kept(options.out)
    failed = queue.run(experts(options))
    if failed:
        raise SystemExit(f"expected experts of both bodies, got failures: {', '.join(failed)}; read {options.folder / 'logs'}")
    record = {"machine": describe_machine(), **without_cost(options, before)}
    for seed in options.seeds:
        failed += queue.run(runs(options, seed))
        rows = carried_over(before) | {name: row for name in ROWS if (row := earned(options, name))["fresh"]}
        yield record | {"rows": {name: rows[name] for name in ROWS if name in rows}}
    if failed:
        raise SystemExit(f"expected every run to end well, got failures: {', '.join(failed)}; the same command tries them again")


def carried_over(before: Record) -> Record:
    """Rows that an earlier measuring left, each with the commit that it was done at."""
    return {name: {"commit": before["machine"]["commit"]} | row for name, row in before.get("rows", {}).items()}


def demonstrations(options: argparse.Namespace, name: str) -> Path:
    return options.folder / f"{name}.npz"


def measured(options: argparse.Namespace) -> Record:
    """What the record has of experts: their mean returns, the changed body's of as long a training as is asked for."""
    before = kept(options.out)
    is_as_long = before.get("expert_iterations") == options.expert_iterations
    return {name: before[name] for name in EXPERTS if name in before and (name != "truth" or is_as_long)}


def experts(options: argparse.Namespace) -> list[Job]:
    """Of the first body the expert that is kept with the benchmarks, there and taken along; of the changed one new ones."""

    def recording(name: str, env: str, out: Path, *words: str) -> Job:
        return Job(name, ("expert", "--env", env, *words, "--num-episodes", str(NUM_RECORDED), "--out", str(out)), out.is_file)

    there = ("--expert", os.path.relpath(EXPERT))
    new = ("--temperature", "0.001", "--resume", "--iterations")
    as_long = (str(Row.fresh), "--num-rollouts", str(Row.num_rollouts))
    files, whole = recorded(options), demonstrations(options, f"{WORLD}_whole")
    of_changed = {
        "taken_along": recording("expert_taken_along", CHANGED, files["taken_along"], *there),
        "truth": recording("expert_of_the_changed_body", CHANGED, files["truth"], *new, str(options.expert_iterations)),
        "truth_as_long": recording("expert_trained_as_long", CHANGED, files["truth_as_long"], *new, *as_long),
    }
    return [
        recording("expert", WORLD, files["expert"], *there),
        Job("whole_demonstrations", ("demos", "convert", str(files["expert"]), str(whole), "--min-length", str(WHOLE)), whole.is_file),
        *(job for name, job in of_changed.items() if name not in measured(options)),
    ]


def recorded(options: argparse.Namespace) -> dict[str, Path]:
    """Where the episodes of each expert are."""
    names = (WORLD, "taken_along", f"{CHANGED}_{options.expert_iterations}", "trained_as_long")
    return {expert: demonstrations(options, name) for expert, name in zip(EXPERTS, names, strict=True)}


def runs(options: argparse.Namespace, seed: int) -> list[Job]:
    """A cost for every row, then fresh policies for all of them."""
    found = [learning(options, name, seed) for name in options.only]
    return found + [transferring(options, name, seed, each) for name in options.only for each in ROWS[name].temperatures]


def folder_of(options: argparse.Namespace, name: str, seed: int) -> Path:
    """Another length of learning is another run: what was taken from the shorter one must not pass for it."""
    return options.folder / f"{name}_{ROWS[name].iterations}_{seed}"


def learning(options: argparse.Namespace, name: str, seed: int) -> Job:
    row, out = ROWS[name], folder_of(options, name, seed)
    demos = demonstrations(options, f"{WORLD}_whole" if row.are_whole else WORLD)
    chosen = {"env": WORLD, "demos": demos, "actions": "clip", **row.chosen, "seed": seed}
    chosen |= {"num_demos": options.num_demos, "num_rollouts": row.num_rollouts, "iterations": row.iterations}
    words = [word for option, value in chosen.items() for word in (f"--{option.replace('_', '-')}", str(value))]
    return Job(out.name, ("irl", *words, "--out", str(out), "--resume"), lambda: is_finished(out / "summary.json", chosen))


def transferring(options: argparse.Namespace, name: str, seed: int, temperature: float) -> Job:
    """``retrain`` writes over what it wrote for another temperature: what it wrote a moment ago is copied before anybody asks for it."""
    row, out, file = ROWS[name], folder_of(options, name, seed), transfer_file(options, name, seed, temperature)
    words = ("--env", CHANGED, "--iterations", str(row.fresh), "--temperature", f"{temperature:g}", "--seed", str(seed))

    def is_kept() -> bool:
        written = out / "transfer.json"
        if returned(row, written, temperature) is not None:
            file.write_bytes(written.read_bytes())
        return returned(row, file, temperature) is not None

    return Job(file.stem, ("retrain", str(out), *words, "--resume"), is_kept, is_ready=lambda: (out / "summary.json").is_file())


def transfer_file(options: argparse.Namespace, name: str, seed: int, temperature: float) -> Path:
    return options.folder / f"{folder_of(options, name, seed).name}_at_{temperature:g}.json"


def returned(row: Row, path: Path, temperature: float) -> dict[str, float] | None:
    """The returns of the fresh policy, if there is one of this length and temperature."""
    written = read_json(path) if path.is_file() else {}
    settings = tuple(written.get(each) for each in ("env", "iterations", "temperature"))
    if settings != (CHANGED, row.fresh, temperature):
        return None
    fresh = next(each for each in written["rows"] if each["who"].startswith("fresh policy"))
    return {"fresh": fresh["return"], "sampled": fresh["sampled"]} if "sampled" in fresh else None  # by an earlier training


def without_cost(options: argparse.Namespace, before: Record) -> Record:
    """The scale, and what is earned in the changed body by those who know nothing of a cost."""
    told = {"random": RANDOM_RETURNS[CHANGED].mean, "num_demos": options.num_demos, "expert_iterations": options.expert_iterations}
    returns = measured(options)
    new = {name: path for name, path in recorded(options).items() if name not in returns}
    returns |= {name: float(read_demonstrations(path).returns().mean()) for name, path in new.items()}
    return told | {"still": before["still"] if "still" in before else standing_still()} | {name: returns[name] for name in EXPERTS}


def standing_still() -> float:
    """The mean return of an ant that never moves."""
    simulators = MujocoBatch(CHANGED, EPISODES)
    returns = returns_in(simulators, lambda seen: np.zeros((len(seen), simulators.spec.action_size)), range(EPISODES))
    simulators.close()
    return float(returns.mean())


def earned(options: argparse.Namespace, name: str) -> Record:
    """Of every seed that is done: the method's own policy where it learned (normalized), the fresh ones where it did not, and what a
    linear cost asks for."""
    row, seeds = ROWS[name], []
    returns: dict[str, dict[str, list[float]]] = {"fresh": {}, "sampled": {}}
    for temperature in row.temperatures:
        files = {seed: transfer_file(options, name, seed, temperature) for seed in options.seeds}
        found = {seed: value for seed, path in files.items() if (value := returned(row, path, temperature)) is not None}
        for how, of_temperature in returns.items():
            of_temperature |= {f"{temperature:g}": [each[how] for each in found.values()]} if found else {}
        seeds = sorted({*seeds, *found})
    summaries = [read_json(path) for seed in seeds if (path := folder_of(options, name, seed) / "summary.json").is_file()]
    sizes = {"iterations": row.iterations, "num_rollouts": row.num_rollouts, "fresh_iterations": row.fresh}
    asked = [ant_costs.asks_of_run(folder_of(options, name, seed)) for seed in seeds if row.chosen.get("cost") == "linear"]
    return {**sizes, "learned": [each["seeds"][0]["return_normalized"] for each in summaries], **returns, "asks": asked}


def page(record: Record) -> list[str]:
    """A row a method, the published ratio beside it, and those that know no cost."""
    random, still, truth = record["random"], record["still"], record["truth"]
    if not truth > random:
        raise SystemExit(f"expected an expert of {CHANGED} above random actions ({random:.1f}), got {truth:.1f}; give it more iterations")

    def line(
        who: str, steps: str, learned: str, temperature: str, of_mean: list[float], sampled: list[float], published: float | None
    ) -> str:
        shares, of_sampled = (in_turn([normalized_return(value, random, truth) for value in returns]) for returns in (of_mean, sampled))
        walking = in_turn([normalized_return(value, still, truth) for value in of_mean or sampled]) if truth > still else "-"
        told = "-" if published is None else f"{published:g}, {published / PUBLISHED_TRUTH:.2f}"
        mean = f"{np.mean(of_mean or sampled):,.1f}"
        return f"| {who} | {steps} | {learned} | {temperature} | {mean} | {shares} | {of_sampled} | {walking} | {told} |"

    lines = ["# Rewards on an ant with two disabled legs", ""]
    titles = ("cost", "million steps", "learned there", "temperature", "fresh policies here: return", "normalized", "sampled actions")
    lines += [f"| {' | '.join(titles)} | above standing still | published: return, ratio |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for name, row in record["rows"].items():
        steps = " + ".join(f"{row[each] * row['num_rollouts'] * WHOLE / 1e6:.1f}" for each in ("iterations", "fresh_iterations"))
        for temperature, returns in row["fresh"].items():
            sampled, label = row.get("sampled", {}).get(temperature, []), ROWS[name].label + (" \\*" if "commit" in row else "")
            lines.append(line(label, steps, in_turn(row["learned"]), temperature, returns, sampled, PUBLISHED.get(name)))
    long, as_long = (f"{size * WHOLE / 1e6:.1f}" for size in (record["expert_iterations"] * 16, Row.fresh * Row.num_rollouts))
    lines.append(line("the true reward", long, "-", "0.001", [], [truth], PUBLISHED_TRUTH))
    lines.append(line("the true reward, as long as the fresh policies", as_long, "-", "0.001", [], [record["truth_as_long"]], None))
    lines.append(line("none: the expert of the whole ant, taken along", "-", "1", "-", [], [record["taken_along"]], None))
    lines.append(line("none: standing still", "-", "-", "-", [still], [], None))
    return [
        *lines,
        "",
        f"Learned on {WORLD} from {record['num_demos']} demonstrations; fresh policies trained and judged in {CHANGED}. {_seeds(record)}",
        "*Million steps*: of the whole ant while the cost was learned + of the other one while a fresh policy was trained. *Normalized*:",
        "of the mean action, 0 = random actions, 1 = the expert trained there on the true reward, by sampled actions; *sampled actions*:",
        "the same of sampled actions, by which experts are judged, at a lower temperature, so that noise costs them less. *Learned there*:",
        "normalized, the method's own policy on the whole ant. *Temperature*: weight of the entropy in the training of the fresh policies.",
        "*Above standing still*: 0 = an ant that never moves, which is paid 1 a step for staying up, in either body. A policy that knows",
        "nothing yet has a mean action near zero and earns nearly that: what does not earn more has not learned to walk. The expert taken",
        "along is a perfect clone.",
        "*Published*: Fu et al. 2018, arXiv:1710.11248, GAN-GCL of whole trajectories, and the ratio to the return of the true reward. On",
        "that body nothing is paid for staying up, so that the ratio compares with what is earned above standing still, in its order.",
        *[
            line
            for name, row in record["rows"].items()
            if "commit" in row
            for line in ("", f"\\* {ROWS[name].label}: measured at commit {row['commit']}{'' if 'sampled' in row else THROUGH_THE_END}.")
        ],
        "",
        "## What the linear costs ask for",
        "",
        "In the worth of a meter a second of forward speed, beside the reward of the benchmark; each seed's in brackets.",
        "",
        *ant_costs.table({ROWS[name].label: row["asks"] for name, row in record["rows"].items() if row.get("asks")}),
    ]


def _seeds(record: Record) -> str:
    most = max((len(returns) for row in record["rows"].values() for returns in row["fresh"].values()), default=0)
    return "One seed, so that nothing is said of the spread." if most == 1 else f"Means over at most {most} seeds, each one in brackets."


if __name__ == "__main__":
    sys.exit(main())
