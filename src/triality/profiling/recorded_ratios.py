"""Ratios out of the records that the project's side-by-side benchmarks keep: one function a benchmark, from its record to what it compared.

Each pairs the sides within one record, run by run. A run without its counterpart is left out; where a side never got to what is compared,
such as a good return, that run gives no ratio and is not counted as a success of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

import numpy as np

from triality.data.reference_returns import normalized_return
from triality.profiling.peer_ratio import Compared

GOOD = 0.9
"""Normalized return that counts as having learned."""
AIRLS = ("imitation AIRL", "imitation AIRL, clipped")
RIVALS = {
    "triality AIRL": AIRLS,
    "triality AIRL, tuned": AIRLS,
    "triality GAN-GCL, step": AIRLS,
    "triality GAN-GCL, step, tuned": AIRLS,
    "triality GAN-GCL, trajectory": AIRLS,
    "triality GAN-GCL, trajectory, tuned": AIRLS,
    "triality GAIL": ("imitation GAIL",),
    "triality BC": ("imitation BC",),
}
"""On HalfCheetah: variants of the peer's algorithm of which the one counts that is quicker at what is compared."""
QUANTITIES = {"sample_seconds": "draws with log q", "log_prob_seconds": "log densities", "step_seconds": "gradient steps"}
CHAINS = ("annealing, MALA", "annealing, HMC", "sequential Monte Carlo, HMC")
TOLERANCES = (0.1, 0.03)

Record = dict[str, Any]


def of_imitation(record: Record) -> list[Compared]:
    """GAN-GCL beside AIRL of imitation, on Pendulum: steps of the environment a second, and time to a good policy.

    Example:
        >>> one = {"steps_per_second": 6.0, "steps_per_second_with_compilation": 4.0, "seconds_to_good": None}
        >>> other = {"steps_per_second": 2.0, "steps_per_second_with_compilation": 2.0, "seconds_to_good": 9.0}
        >>> [each.ratios for each in of_imitation({"figures": {"triality, large": [one], "imitation, large": [other]}})]
        [(3.0,), (2.0,), ()]
    """
    found = []
    for side, ours in record["figures"].items():
        who, pair = side.split(", ", 1)
        peers = record["figures"].get(f"imitation, {pair}")
        if who != "triality" or peers is None:
            continue
        for name, words, is_time in (
            ("steps_per_second", "env steps/s, updates included", False),
            ("steps_per_second_with_compilation", "env steps/s, compiling included", False),
            ("seconds_to_good", f"time to a return of {GOOD}", True),
        ):
            values = [(b[name], a[name]) if is_time else (a[name], b[name]) for a, b in zip(ours, peers, strict=False)]
            found.append(Compared(f"Pendulum-v1, {pair} settings", "imitation 1.0.1, AIRL", words, _ratios(values)))
    return found


def of_imitation_mujoco(record: Record) -> list[Compared]:
    """AIRL, GAN-GCL, GAIL and cloning beside imitation's AIRL, GAIL and cloning, on HalfCheetah."""
    found = []
    for side, rivals in RIVALS.items():
        ours, variants = record["runs"].get(side, {}), [record["runs"].get(name, {}) for name in rivals]
        peers = {seed: [runs[seed] for runs in variants if seed in runs] for seed in ours if any(seed in runs for runs in variants)}
        speeds = [(_speed(ours[seed]), _best(max, map(_speed, runs))) for seed, runs in peers.items()]
        learned = [(_best(min, (_seconds_to_good(record, run) for run in runs)), ours[seed]) for seed, runs in peers.items()]
        whole = [(_best(min, (_seconds_to_good(record, run, True) for run in runs)), ours[seed]) for seed, runs in peers.items()]
        task, peer = f"HalfCheetah-v5, {side.removeprefix('triality ')}", f"imitation 1.0.1, {rivals[0].removeprefix('imitation ')}"
        words = f"time to a return of {GOOD}"
        found.append(Compared(task, peer, "env steps/s, updates included", _ratios(speeds)))
        found.append(Compared(task, peer, words, _ratios((theirs, _seconds_to_good(record, run)) for theirs, run in learned)))
        everything = _ratios((theirs, _seconds_to_good(record, run, True)) for theirs, run in whole)
        found.append(Compared(task, peer, f"{words}, all included", everything))
    return found


def of_densities(record: Record) -> list[Compared]:
    """Flows and contrastive training beside zuko, torch and ebmkit."""
    found = []
    for name, runs in record["runs"].items():
        peer = "zuko and torch" if name.startswith(("flow", "fce")) else "ebmkit and torch"
        for key, words in QUANTITIES.items():
            if key in runs[0]["triality"]:
                found.append(Compared(name, peer, words, _ratios((run["peer"][key], run["triality"][key]) for run in runs)))
    return found


def of_sequences(record: Record) -> list[Compared]:
    """Token sequences beside torch, on one thread and on all."""
    found = []
    for name, runs in record["runs"].items():
        for peer in (side for side in runs[0] if side != "triality"):
            values = ((median(run[peer]["seconds"]), median(run["triality"]["seconds"])) for run in runs)
            found.append(Compared(name, peer, "rate", _ratios(values)))
    return found


def of_log_z(record: Record) -> list[Compared]:
    """log Z from a generator of known density beside the fastest of the annealed chains, at the same error; of each the cheapest size."""
    found = []
    for tolerance in TOLERANCES:
        chains = np.min([_cheapest(record, name, tolerance) for name in CHAINS], axis=0)
        for generator in ("mixture", "flow"):
            ours = _cheapest(record, f"importance sampling, {generator}", tolerance)
            values = [(a, b) for a, b in zip(chains.tolist(), ours, strict=True) if np.isfinite(a) and np.isfinite(b)]
            task = f"log Z to {tolerance:g} nat, many-well in 8 dimensions, {generator}"
            found.append(Compared(task, "annealed chains and SMC", "estimates a second, learning apart", _ratios(values)))
    return found


def of_exact(record: Record) -> list[Compared]:
    """Exact tables beside irl-maxent, the acceptance ratio beside pymbar.

    Example:
        >>> run = {"triality": {"seconds": 0.5}, "peer": {"seconds": 2.0}}
        >>> of_exact({"runs": {"log Z, 100 samples a side": [run]}})[0][1:]
        ('pymbar', 'rate', (4.0,))
    """
    return [
        Compared(
            name,
            "pymbar" if name.startswith("log Z") else "irl-maxent",
            "rate",
            _ratios((run["peer"]["seconds"], run["triality"]["seconds"]) for run in runs),
        )
        for name, runs in record["runs"].items()
    ]


def of_collection(record: Record) -> list[Compared]:
    """Roll-outs collected for learning beside MuJoCo's own threaded roll-out, which asks no policy and keeps nothing for learning."""
    found = []
    for task in (name for name in record if name.endswith("-v5")):
        for number, rates in record[task].items():
            if "collector" in rates and "rollout, closed loop" in rates:
                values = zip(rates["collector"], rates["rollout, closed loop"], strict=False)
                found.append(Compared(f"{task}, {number} simulators", "mujoco.rollout, closed loop", "env steps/s", _ratios(values)))
    return found


def _ratios(pairs: Iterable[tuple[float | None, float | None]]) -> tuple[float, ...]:
    """Of the first over the second, where both are known."""
    return tuple(float(a / b) for a, b in pairs if a is not None and b)


def _speed(run: Record) -> float | None:
    last = run["evaluations"][-1]
    return last["env_steps"] / last["seconds"] if last["env_steps"] else None


def _best(choose: Callable[..., float], values: Iterable[float | None]) -> float | None:
    return choose((each for each in values if each is not None), default=None)


def _seconds_to_good(record: Record, run: Record, is_whole: bool = False) -> float | None:
    """Of learning, up to the first good evaluation; whole: what came before it too."""
    scale = record["scale"]
    good = (each for each in run["evaluations"] if normalized_return(each["return"], scale["random"], scale["demonstrations"]) >= GOOD)
    first = next(good, None)
    return None if first is None else first["seconds"] + (first["seconds_before"] if is_whole else 0.0)


def _cheapest(record: Record, name: str, tolerance: float) -> list[float]:
    """Of each seed the least seconds over the sizes whose root mean square error is within the tolerance; infinite where none is."""
    points = [point for point in record["points"] if point["method"] == name]
    return [
        min(
            (point["seconds"][seed] for point in points if np.sqrt(np.mean(np.square(point["errors"][seed]))) <= tolerance),
            default=float("inf"),
        )
        for seed in range(record["seeds"])
    ]
