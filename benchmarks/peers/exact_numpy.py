"""The peers' side of ``exact_speed.py``, irl-maxent and pymbar: runs one task on given arrays, writes seconds and what was found."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

np.float = float  # irl-maxent 0.1.0 names the alias that numpy 2 has dropped

from irl_maxent import maxent, optimizer, trajectory  # noqa: E402
from pymbar.other_estimators import bar  # noqa: E402


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    arrays = dict(np.load(task["arrays"]))
    found = {"bar": acceptance_ratio, "root": root, "visits": visits, "irl": learning}[task["kind"]](task, arrays)
    packages = {name: version(name) for name in ("irl-maxent", "pymbar", "numpy")}
    Path(sys.argv[2]).write_text(json.dumps({**found, "packages": packages}))


def acceptance_ratio(task: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Bennett's equation and its error bar; the work from the sampler to the model is minus the log ratio."""
    found, seconds = median_of(task, lambda: bar(-arrays["drawn"], arrays["data"], relative_tolerance=1e-10))
    return {"seconds": seconds, "value": -float(found["Delta_f"]), "stderr": float(found["dDelta_f"])}


def root(task: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """The same without the error bar."""
    found, seconds = median_of(task, lambda: bar(-arrays["drawn"], arrays["data"], compute_uncertainty=False, relative_tolerance=1e-10))
    return {"seconds": seconds, "value": -float(found["Delta_f"])}


def visits(task: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Causal policy of a reward, and expected visits: the work of one gradient."""
    given = arrays["transitions"], arrays["start"], [int(arrays["terminal"])], arrays["reward"]
    found, seconds = median_of(task, lambda: maxent.compute_expected_causal_svf(*given, 1.0, eps_lap=1e-9, eps_svf=1e-9))
    return {"seconds": seconds, "visits": found.tolist()}


def learning(task: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Causal entropy from demonstrations, at the step size and the stopping rule of its own examples."""
    transitions, terminal = arrays["transitions"], [int(arrays["terminal"])]
    demonstrations, states = [], arrays["states"]
    for row in states:
        walk = row[row >= 0].tolist()
        demonstrations.append(trajectory.Trajectory([(a, 0, b) for a, b in pairwise(walk)]))
    step, init = optimizer.Sga(lr=0.1), optimizer.Constant(-3.0)
    features = np.eye(transitions.shape[0])
    begin = time.perf_counter()
    reward = maxent.irl_causal(transitions, features, terminal, demonstrations, step, init, discount=1.0, eps_svf=1e-8, eps_lap=1e-9)
    seconds = time.perf_counter() - begin
    policy = maxent.local_causal_action_probabilities(transitions, terminal, reward, 1.0, eps=1e-12)
    reached = maxent.expected_svf_from_policy(transitions, arrays["start"], terminal, policy, eps=1e-12)
    return {"seconds": seconds, "gap": float(np.abs(reached - arrays["demonstrated"]).max())}


def median_of(task: dict[str, Any], call: Any) -> tuple[Any, float]:
    """What the call gives, and the median of its seconds after one that warms up."""
    call()
    times = []
    for _ in range(task["repeats"]):
        begin = time.perf_counter()
        found = call()
        times.append(time.perf_counter() - begin)
    return found, sorted(times)[len(times) // 2]


if __name__ == "__main__":
    main()
