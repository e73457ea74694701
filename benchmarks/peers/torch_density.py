"""The peers' side of ``density_speed.py``: zuko's flows, and noise-contrastive and flow contrastive estimation in torch."""

from __future__ import annotations

import itertools
import json
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import zuko

torch.set_num_threads(1)


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    torch.manual_seed(0)
    found = {"flow": flow, "nce": nce, "fce": fce}[task["kind"]](task)
    Path(sys.argv[2]).write_text(json.dumps({**found, "packages": packages()}))


def packages() -> dict[str, str]:
    found = {}
    for name in ("torch", "zuko", "ebmkit"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def make_flow(name: str, task: dict[str, Any]) -> Any:
    """Two passes make an autoregressive transform a coupling."""
    sizes = {"features": task["dim"], "transforms": task["layers"], "hidden_features": tuple(task["hidden"])}
    if name == "maf":
        return zuko.flows.MAF(**sizes)
    return zuko.flows.MAF(passes=2, **sizes) if name == "realnvp" else zuko.flows.NSF(passes=2, bins=8, **sizes)


def flow(task: dict[str, Any]) -> dict[str, float]:
    """Seconds of one batch."""
    q = make_flow(task["flow"], task)
    x = torch.randn(task["batch"], task["dim"])
    with torch.no_grad():
        return {
            "sample_seconds": seconds(lambda: q().rsample_and_log_prob((task["batch"],)), task["repeats"]),
            "log_prob_seconds": seconds(lambda: q().log_prob(x), task["repeats"]),
        }


def seconds(call: Any, repeats: int) -> float:
    """The median call, after two that warm up."""
    times = []
    for _ in range(repeats + 2):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return sorted(times[2:])[repeats // 2]


def perceptron(dim: int, hidden: list[int]) -> torch.nn.Module:
    sizes = [dim, *hidden]
    layers = [part for i, o in itertools.pairwise(sizes) for part in (torch.nn.Linear(i, o), torch.nn.Tanh())]
    return torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], 1, bias=False))


def nce(task: dict[str, Any]) -> dict[str, float]:
    """ebmkit's own loss, with a Gaussian fitted to the data as noise and its log Z learned."""
    from ebm.losses.nce import NoiseContrastiveEstimation

    x = torch.randn(20_000, task["dim"]) * 1.5
    net = perceptron(task["dim"], task["energy"])
    loss_of = NoiseContrastiveEstimation(torch.distributions.MultivariateNormal(x.mean(0), torch.cov(x.T)))
    adam = torch.optim.Adam([*net.parameters(), *loss_of.parameters()], lr=1e-3)

    def energy(points: torch.Tensor) -> torch.Tensor:
        return net(points)[:, 0]

    def step() -> None:
        loss = loss_of(energy, x[torch.randint(len(x), (task["batch"],))]).loss
        adam.zero_grad()
        loss.backward()
        adam.step()

    return {"step_seconds": timed(step, task), "compile_seconds": 0.0}


def fce(task: dict[str, Any]) -> dict[str, float]:
    """Flow contrastive estimation (Gao et al. 2020): one energy step, one step of a RealNVP up the same loss."""
    x = torch.randn(20_000, task["dim"]) * 1.5
    energy, q = perceptron(task["dim"], task["energy"]), make_flow("realnvp", task)
    log_z = torch.nn.Parameter(torch.zeros(()))
    adam = torch.optim.Adam([*energy.parameters(), log_z], lr=1e-3)
    adam_q = torch.optim.Adam(q.parameters(), lr=1e-3)
    softplus = torch.nn.functional.softplus

    def log_ratio(points: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
        return -energy(points)[:, 0] - log_z - log_q

    def step() -> None:
        data = x[torch.randint(len(x), (task["batch"],))]
        with torch.no_grad():
            drawn, log_q = q().rsample_and_log_prob((task["batch"],))
            log_q_data = q().log_prob(data)
        loss = softplus(-log_ratio(data, log_q_data)).mean() + softplus(log_ratio(drawn, log_q)).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        drawn = q().rsample((task["batch"],))
        for parameter in q.parameters():  # the density inside D is frozen, the draw is not
            parameter.requires_grad_(False)
        log_q = q().log_prob(drawn)
        for parameter in q.parameters():
            parameter.requires_grad_(True)
        loss = -softplus(log_ratio(drawn, log_q)).mean()
        adam_q.zero_grad()
        loss.backward()
        adam_q.step()

    return {"step_seconds": timed(step, task), "compile_seconds": 0.0}


def timed(step: Any, task: dict[str, Any]) -> float:
    """Seconds a step: the median of blocks."""
    for _ in range(20):
        step()
    times = []
    for _ in range(task["repeats"]):
        begin = time.perf_counter()
        for _ in range(task["peer_steps"]):
            step()
        times.append((time.perf_counter() - begin) / task["peer_steps"])
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    main()
