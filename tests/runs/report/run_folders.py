"""Run folders as a run leaves them, made without running one: realistic shapes and numbers, and the ways in which they can be broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triality.runs.folder import RunFolder

RANDOM_RETURN, EXPERT_RETURN = -1199.9, -148.3
NUM_CHUNKS = 40
CONFIG = {
    "env": "Pendulum-v1",
    "demos": "examples/pendulum_demos.npz",
    "algorithm": "gan-gcl",
    "level": "trajectory",
    "num_demos": 5,
    "seeds": 5,
    "seed": 0,
    "iterations": 200,
    "objective": "auto",
    "policy_learning_rate": 3e-4,
    "overwrite": False,
}
ALARM = (
    "too few effective samples: 1.8, of at least 20 needed, so neither agreement nor disagreement means anything. log Z -412.4 "
    "± 6.1 forward, -408 ± 5.2 symmetric, -391.3 ± 9.8 reciprocal; gaps -0.6, -1.5, -1.8 joint standard errors (threshold 5). Draw "
    "more, or bring q closer to p_theta."
)


def finished_run(path: Path, num_seeds: int = 5, with_comparisons: bool = True) -> Path:
    """A whole run: config, metrics, summary and figures."""
    run = running_run(path, num_seeds)
    run_folder = RunFolder(run)
    run_folder.write_summary(summary(num_seeds, with_comparisons))
    np.savez(run / "figures.npz", **pictures())
    return run


def running_run(path: Path, num_seeds: int = 5, num_chunks: int = NUM_CHUNKS) -> Path:
    """A run that has written its config and a part of its metrics."""
    run = RunFolder.create(path)
    run.write_config("irl", {**CONFIG, "seeds": num_seeds})
    for chunk in range(num_chunks):
        for seed in range(num_seeds):
            run.metrics.append(metrics_record(seed, chunk))
    return path


def cloning_run(path: Path, num_seeds: int = 3) -> Path:
    """A run of cloning, as the command leaves it: no environment steps, no log Z, no pictures."""
    run, config = RunFolder.create(path), {**CONFIG, "algorithm": "bc", "seeds": num_seeds}
    run.write_config("irl", config)
    for iteration in (5, 10):
        for seed in range(num_seeds):
            loss = {"negative_log_likelihood": 1.0 / iteration, "entropy": 0.1}
            run.metrics.append({"seed": seed, "iteration": iteration, "env_steps": 0, "seconds": 1.0, **loss})
    content = summary(num_seeds, False)
    for block in (*content["seeds"], content["iqm"]):
        block |= {"ess_fraction": None, "overlap": None}
    nothing = {"log_z": None, "log_z_estimates": {}, "alarm": None, "env_steps": 0, "env_steps_per_second": 0.0}
    run.write_summary({**content, **nothing, "config": config})
    return path


def metrics_record(seed: int, chunk: int) -> dict[str, object]:
    """One line of the log, as a run on the pendulum writes it."""
    noise = np.random.default_rng([seed, chunk]).normal(size=16)
    iteration = 5 * (chunk + 1)
    progress = 1 / (1 + np.exp(-(iteration - 55 - 6 * seed) / 14))
    log_overlap = -0.9 - 2.5 * (1 - progress) + 0.1 * noise[1] - 0.004 * iteration
    ess = 1.2 + 3 * abs(noise[2])
    return {
        "seed": seed,
        "iteration": iteration,
        "env_steps": iteration * 96 * 200,
        "seconds": 6.5 + 0.1 * iteration,
        "return_mean": RANDOM_RETURN + (EXPERT_RETURN - RANDOM_RETURN) * progress * 0.99 + 25 * noise[0],
        "cost_data": -1.2 * progress + 0.05 * noise[3],
        "cost_drawn": 0.9 - 2.0 * progress + 0.05 * noise[4],
        "log_z": -300 - 120 * progress + 6 * noise[5],
        "ess": ess,
        "ess_fraction": ess / 96,
        "log_weight_std": 45 - 30 * progress + 2 * noise[6],
        "overlap": np.exp(log_overlap),
        "log_overlap": log_overlap,
        "accuracy": min(1.0, 0.98 - 0.25 * progress + 0.02 * noise[7]),
        "entropy": 1.4 - 1.7 * progress + 0.05 * noise[8],
        "kl": 0.012 + 0.004 * abs(noise[9]),
        "clip_fraction": 0.11 + 0.03 * abs(noise[10]),
        "explained_variance": 0.2 + 0.7 * progress + 0.05 * noise[11],
        "power": None,
        "is_finite": True,
    }


def summary(num_seeds: int = 5, with_comparisons: bool = True) -> dict[str, Any]:
    """A summary with every frozen field."""
    seeds = [_seed_block(0.984 + 0.006 * np.sin(3 * seed)) for seed in range(num_seeds)]
    middle = _seed_block(float(np.mean([seed["return_normalized"] for seed in seeds])))
    if with_comparisons:
        middle["baselines"] = {
            "cloning": {"return_mean": -1310.2, "return_normalized": -0.105},
            "constant cost": {"return_mean": -1162.0, "return_normalized": 0.036},
        }
        middle["published"] = [{"name": "GAN-GCL 2018", "value_normalized": 0.83}, {"name": "AIRL 2018", "value_normalized": 0.95}]
    return {
        "command": "irl",
        "config": CONFIG,
        "seeds": seeds,
        "iqm": middle,
        "log_z": -408.0,
        "log_z_estimates": {
            "importance": {"value": -412.4, "stderr": 6.1},
            "acceptance_ratio": {"value": -408.0, "stderr": 5.2},
            "reciprocal": {"value": -391.3, "stderr": 9.8},
        },
        "alarm": ALARM,
        "env_steps": 200 * 96 * 200 * num_seeds,
        "env_steps_per_second": 412_345.0,
        "seconds": 63.2,
    }


def pictures() -> dict[str, np.ndarray]:
    """The plane of the pendulum's angle and velocity: a cost with its low in the upright rest, and swings that end there."""
    x, y = np.linspace(-np.pi, np.pi, 61), np.linspace(-8, 8, 61)
    angle, velocity = np.meshgrid(x, y, indexing="ij")
    true = angle**2 + 0.1 * velocity**2
    rng = np.random.default_rng(1)
    return {
        "cost_grid": 0.4 * np.log1p(true) - 0.8 + 0.3 * np.sin(angle + 0.4 * velocity) ** 2,
        "true_cost_grid": true,
        "grid_x": x,
        "grid_y": y,
        "grid_x_label": np.array("angle from upright (rad)"),
        "grid_y_label": np.array("angular velocity (rad/s)"),
        "cost_grid_note": np.array("averaged over the actions"),
        "demonstrations": _swings(rng, 5),
        "learned": _swings(rng, 8),
        "rewards_demonstrations": rng.normal(EXPERT_RETURN, 70, 20),
        "rewards_learned": rng.normal(EXPERT_RETURN - 15, 85, 96),
    }


def _seed_block(normalized: float) -> dict[str, Any]:
    value = RANDOM_RETURN + normalized * (EXPERT_RETURN - RANDOM_RETURN)
    return {
        "return_mean": value,
        "return_normalized": normalized,
        "return_sampled": value - 21.0,
        "expert_return": EXPERT_RETURN,
        "random_return": RANDOM_RETURN,
        "ess_fraction": 0.019,
        "overlap": 0.21,
    }


def _swings(rng: np.random.Generator, number: int) -> np.ndarray:
    """Damped swings of 200 steps from anywhere to the upright rest; the angle wraps."""
    time = np.linspace(0, 10, 200)
    start, phase = rng.uniform(1.5, 6.0, number)[:, None], rng.uniform(0, 6, number)[:, None]
    angle = start * np.exp(-0.7 * time) * np.cos(2.2 * time + phase)
    velocity = np.gradient(angle, time, axis=1)
    return np.stack([(angle + np.pi) % (2 * np.pi) - np.pi, np.clip(velocity, -8, 8)], axis=-1)
