"""Six MuJoCo tasks on one page: return against the number of demonstrations, from the records that ``mujoco_table.py`` keeps.

    python benchmarks/mujoco_summary.py    # docs/results/mujoco.md and its picture

Measures nothing. What has no record is left blank.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

from mujoco_table import GATED, TASKS, study
from result_page import PAGES, PICTURES
from study_of_runs import read_json, recorded
from table_of_runs import iqm_of, iqm_over_seeds, small

GATE = 0.95
METHODS = ("gan-gcl step", "gan-gcl trajectory", "cloning", "gail")
NUM_DEMOS = (1, 4, 11, 20, 25)
PUBLISHED = {
    "HalfCheetah-v5": (0.627, 0.11),
    "Hopper-v5": (0.921, None),
    "Walker2d-v5": (0.461, None),
    "Ant-v5": (0.981, 0.35),
    "Swimmer-v5": (0.970, 0.01),
    "Reacher-v5": (None, None),
}
"""AIRL as ``imitation`` 1.0 reports it (arXiv:2211.11972, seals' tasks of fixed horizon, 10 million steps), and GAN-GCL at trajectory level
as Fu et al. report it (arXiv:1710.11248): both on experts of their own."""


class Reached(NamedTuple):
    """One cell.

    Fields:
        normalized: return of the mean action, a seed.
        record: what the run came to.
    """

    normalized: list[float]
    record: dict[str, Any]

    @property
    def middle(self) -> float:
        return iqm_of(self.normalized)

    @property
    def words(self) -> str:
        low, high = min(self.normalized), max(self.normalized)
        return f"{self.middle:.3f}" + ("" if low == high else f" ({low:.3f} to {high:.3f})")


def reached(env: str) -> dict[tuple[str, int], Reached]:
    """By method and number of demonstrations."""
    out, found = study(env).out, {}
    for cell in study(env).cells:
        path = recorded(out, cell.name)
        if path.is_file():
            record = read_json(path)
            found[cell.row, cell.num_demos] = Reached([seed["return_normalized"] for seed in record["seeds"]], record)
    return found


def page(everything: dict[str, dict[tuple[str, int], Reached]]) -> list[str]:
    lines = ["# Six MuJoCo tasks from 1, 4 and 20 demonstrations", "", f"![Return against demonstrations](../_static/{Path(PICTURE).name})"]
    lines += [
        "",
        f"| task | demonstrations | GAN-GCL, single steps | GAN-GCL, whole trajectories | better of the two at least {GATE:g} | cloning |",
        "|---|---:|---:|---:|---|---:|",
    ]
    for env, found in everything.items():
        for num in (1, 4, 20):
            step, trajectory, cloning = (found.get((method, num)) for method in METHODS[:3])
            there = [each for each in (step, trajectory) if each is not None]
            verdict = "" if not there else "yes" if max(each.middle for each in there) >= GATE else "no"
            lines.append(f"| {env} | {num} | {_words(step)} | {_words(trajectory)} | {verdict} | {_words(cloning)} |")
    lines += [
        "",
        "Interquartile mean over seeds of the normalized return, (return - random)/(demonstrations - random), with the range;",
        f"{GATED} seeds where there is a range, else one. Mean action, 100 episodes in Gymnasium's own simulators, reset seeds 0-99. Every",
        "learned run begins at the cloned policy of its row, with a cost that is a tilt of it (`--init-policy cloned --cost tilted`),",
        "and takes 60 iterations of 16,000 environment steps, 200 on Walker2d. The demonstrations are *sampled* actions of a noisy",
        "expert: its mean action earns more than they do, which is how a policy comes to more than 1.",
        "",
        "## What others report",
        "",
        "| task | AIRL (`imitation`) | GAN-GCL, whole trajectories (Fu et al. 2018) |",
        "|---|---:|---:|",
        *(f"| {env} | {_number(airl)} | {_number(gcl)} |" for env, (airl, gcl) in PUBLISHED.items() if airl is not None),
        "",
        "Normalized as well, each on experts and task versions of its own, so to be read as which tasks are hard and not as a race:",
        "AIRL on the fixed-horizon tasks of `seals` after ten million steps, GAN-GCL from 50 demonstrations. Beside the peer on one task",
        "and one set of demonstrations: [HalfCheetah beside imitation](../benchmarks.md).",
        "",
        "## What it costs",
        "",
        "| task | level | environment steps a seed | seconds a seed | ESS | overlap |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for env, found in everything.items():
        for method in METHODS[:2]:
            cell = found.get((method, 20))
            if cell is not None:
                record, num = cell.record, len(cell.normalized)
                shares = " | ".join(small(iqm_over_seeds(record, name)) for name in ("ess_fraction", "overlap"))
                lines.append(f"| {env} | {method.split()[1]} | {record['env_steps'] // num:,} | {record['seconds'] / num:.0f} | {shares} |")
    return [
        *lines,
        "",
        "From 20 demonstrations; whole runs with cloning, compilation and evaluation, divided by their seeds, two at a time on two cores.",
        "ESS as a share of the fresh roll-outs or pairs, overlap as E_p[1 - D]; [what they are worth](../algorithms/guided_cost.md).",
        "",
        "Task by task, with the commands: "
        + ", ".join(f"[{env}]({task.name}.md)" for env, task in TASKS.items() if (PAGES / f"{task.name}.md").is_file())
        + ".",
        "",
        "`python benchmarks/mujoco_summary.py`, from the records of `mujoco_table.py`.",
    ]


def _words(cell: Reached | None) -> str:
    return "" if cell is None else cell.words


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


PICTURE = PICTURES / "mujoco_demonstrations.svg"


def plot(everything: dict[str, dict[tuple[str, int], Reached]], target: Path) -> None:
    """Small multiples: one a task, one line a method."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["svg.hashsalt"] = "triality"  # the same file every time
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    every = figure.subplots(2, 3, sharex=True, sharey=True).ravel()
    for axes, (env, found) in zip(every, everything.items(), strict=True):
        for i, method in enumerate(METHODS):
            at = [num for num in NUM_DEMOS if (method, num) in found]
            cells = [found[method, num] for num in at]
            if at:
                spread = [[cell.middle - min(cell.normalized) for cell in cells], [max(cell.normalized) - cell.middle for cell in cells]]
                style = {"color": f"C{i}", "marker": "os^D"[i], "ms": 5, "lw": 1.4, "capsize": 2, "ls": "-" if i < 2 else "--"}
                axes.errorbar(at, [cell.middle for cell in cells], spread, label=LABELS[method], **style)
        axes.axhline(1.0, color="0.4", lw=0.8)
        airl, gcl = PUBLISHED[env]
        for value, style, name in ((airl, ":", "AIRL, published"), (gcl, "-.", "GAN-GCL, published")):
            if value is not None:
                axes.axhline(value, color="0.5", lw=1.1, ls=style, label=name)
        axes.set(title=env, xscale="log", ylim=(-0.05, 1.35))
        axes.set_xticks(NUM_DEMOS, [str(num) for num in NUM_DEMOS])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    for axes in every[3:]:
        axes.set_xlabel("demonstrations (episodes)")
    for axes in every[::3]:
        axes.set_ylabel("return, normalized\n(0 random, 1 demonstrations)")
    labels = {label: handle for axes in every for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    figure.savefig(target, metadata={"Date": None})


LABELS = {
    "gan-gcl step": "GAN-GCL, single steps",
    "gan-gcl trajectory": "GAN-GCL, whole trajectories",
    "cloning": "cloning",
    "gail": "GAIL",
}


def main() -> int:
    everything = {env: reached(env) for env in TASKS}
    plot(everything, PICTURE)
    text = "\n".join(page(everything)) + "\n"
    (PAGES / "mujoco.md").write_text("---\norphan: true\n---\n\n" + text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
