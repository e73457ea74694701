"""The other side of ``retrain_in_sb3.py``: PPO of stable-baselines3 on one reward. Runs in the peer's own virtual environment.

    PYTHONPATH=src .venv-sb3/bin/python benchmarks/peers/sb3_ppo.py TASK.json RESULT.json

Of triality it imports what needs numpy alone: there is no jax in that environment. One torch thread.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from triality.export import NumpyCost, entropy_in_reward, learned_reward_vec_env

PACKAGES = ("stable-baselines3", "torch", "gymnasium", "safetensors", "numpy")


def build(task):
    settings = dict(task["settings"])
    venv = make_vec_env(task["environment"], n_envs=settings.pop("n_envs"), seed=task["seed"])
    if task["exported"] is not None:
        venv = learned_reward_vec_env(venv, NumpyCost.load(task["exported"]), settings["gamma"])
    return PPO("MlpPolicy", venv, seed=task["seed"], device="cpu", **settings)


def mean_action_returns(policy, environment, episodes):
    """The environment's own return of each of ``episodes`` episodes with reset seeds 0, 1, 2, ..."""
    simulator = gymnasium.make(environment, disable_env_checker=True)
    returns = []
    for seed in range(episodes):
        observation, total, over = simulator.reset(seed=seed)[0], 0.0, False
        while not over:
            action, _ = policy.predict(observation, deterministic=True)
            observation, reward, terminated, truncated, _ = simulator.step(action)
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return returns


def measure(task):
    learner = build(task)
    before = float(np.mean(mean_action_returns(learner, task["environment"], task["episodes"])))
    begin = time.perf_counter()
    learner.learn(task["env_steps"], callback=entropy_in_reward(task["temperature"]) if task["temperature"] else None)
    seconds = time.perf_counter() - begin
    returns = mean_action_returns(learner, task["environment"], task["episodes"])
    return {
        "return": float(np.mean(returns)),
        "return_std": float(np.std(returns)),
        "return_before": before,
        "env_steps": int(learner.num_timesteps),
        "learn_seconds": seconds,
        "packages": {name: version(name) for name in PACKAGES},
    }


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    with open(sys.argv[1]) as file:
        task = json.load(file)
    result = measure(task)
    with open(sys.argv[2], "w") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
