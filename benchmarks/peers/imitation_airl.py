"""The other side of ``irl_vs_imitation.py``: AIRL of ``imitation`` 1.0.1 on Pendulum-v1. Runs in the peer's own virtual environment.

    .venv-peer/bin/python benchmarks/peers/imitation_airl.py TASK.json RESULT.json

The clock runs while it learns: collecting, policy updates, discriminator updates. Evaluation stops it. One torch thread, the fastest here.
"""

import json
import sys
import tempfile
import time
import warnings
from importlib.metadata import version

import gymnasium
import numpy as np
import torch
from imitation.algorithms.adversarial.airl import AIRL
from imitation.data.types import Trajectory
from imitation.rewards.reward_nets import BasicRewardNet, BasicShapedRewardNet
from imitation.util import logger
from imitation.util.networks import RunningNorm
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

ENVIRONMENT = "Pendulum-v1"
PACKAGES = ("imitation", "stable-baselines3", "gymnasium", "torch", "numpy")


def read_trajectories(path):
    """imitation wants T + 1 observations; the one after the last action was not recorded, so the last is repeated."""
    with np.load(path, allow_pickle=False) as file:
        observations, actions, lengths = (file[name] for name in ("observations", "actions", "lengths"))
    trajectories, start = [], 0
    for length in lengths:
        seen = observations[start : start + length]
        trajectories.append(Trajectory(np.concatenate([seen, seen[-1:]]), actions[start : start + length], infos=None, terminal=False))
        start += length
    return trajectories


def build(task, trajectories, folder):
    settings, seed = task["settings"], task["seed"]
    venv = DummyVecEnv([lambda: gymnasium.make(ENVIRONMENT, disable_env_checker=True) for _ in range(settings["num_envs"])])
    venv.seed(seed)
    hidden = list(settings["hidden"])
    learner = PPO(
        "MlpPolicy",
        venv,
        n_steps=settings["steps_per_env"],
        batch_size=settings["minibatch_size"],
        n_epochs=settings["num_epochs"],
        learning_rate=settings["learning_rate"],
        gamma=settings["gamma"],
        gae_lambda=settings["gae_lambda"],
        clip_range=settings["clip"],
        vf_coef=settings["value_weight"],
        ent_coef=settings["entropy_weight"],
        max_grad_norm=settings["max_grad_norm"],
        policy_kwargs={"net_arch": {"pi": hidden, "vf": hidden}, "activation_fn": torch.nn.Tanh},
        seed=seed,
        device="cpu",
    )
    spaces = {"observation_space": venv.observation_space, "action_space": venv.action_space, "normalize_input_layer": RunningNorm}
    reward = BasicRewardNet(**spaces, hid_sizes=tuple(settings["reward_hidden"])) if settings["reward_hidden"] else None
    return AIRL(
        demonstrations=trajectories,
        demo_batch_size=settings["demo_batch_size"],
        gen_replay_buffer_capacity=settings["replay_capacity"],
        n_disc_updates_per_round=settings["num_discriminator_updates"],
        disc_opt_kwargs={"lr": settings["discriminator_learning_rate"]},
        venv=venv,
        gen_algo=learner,
        reward_net=BasicShapedRewardNet(**spaces) if reward is None else reward,
        log_dir=folder,
        custom_logger=logger.configure(folder, []),  # writes nothing: logging is not what is compared
    )


def mean_action_return(policy, episodes):
    """Mean return over ``episodes`` episodes with reset seeds 0, 1, 2, ..., in lockstep."""
    simulators = [gymnasium.make(ENVIRONMENT, disable_env_checker=True) for _ in range(episodes)]
    observations = np.stack([simulator.reset(seed=seed)[0] for seed, simulator in enumerate(simulators)])
    total, over = 0.0, False
    while not over:
        actions, _ = policy.predict(observations, deterministic=True)
        outcomes = [simulator.step(action) for simulator, action in zip(simulators, actions, strict=True)]
        observations = np.stack([outcome[0] for outcome in outcomes])
        total += sum(float(outcome[1]) for outcome in outcomes)
        over = outcomes[0][3]  # all end at the same time limit
    return total / episodes


def measure(task, folder):
    begin = time.perf_counter()
    trainer = build(task, read_trajectories(task["demos"]), folder)
    setup = time.perf_counter() - begin
    evaluations, every = [], task["evaluate_every"]
    clock = {"learning": 0.0, "since": time.perf_counter()}

    def after_round(index):
        now = time.perf_counter()
        clock["learning"] += now - clock["since"]
        if (index + 1) % every == 0:
            steps = (index + 1) * trainer.gen_train_timesteps
            found = mean_action_return(trainer.policy, task["episodes"])
            evaluations.append({"env_steps": steps, "seconds": clock["learning"], "return": found})
            print(f"{steps:>10,} env steps, {clock['learning']:8.1f} s, return {found:8.1f}", flush=True)
        clock["since"] = time.perf_counter()

    steps = task["rounds"] * trainer.gen_train_timesteps
    trainer.train(steps, callback=after_round)
    return {
        "env_steps": steps,
        "setup_seconds": setup,
        "compile_seconds": 0.0,
        "learn_seconds": clock["learning"],
        "evaluations": evaluations,
        "policy_parameters": sum(weights.numel() for weights in trainer.policy.parameters()),
        "reward_parameters": sum(weights.numel() for weights in trainer.reward_train.parameters()),
        "packages": {name: version(name) for name in PACKAGES},
    }


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    with open(sys.argv[1]) as file:
        task = json.load(file)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(task, folder)
    with open(sys.argv[2], "w") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
