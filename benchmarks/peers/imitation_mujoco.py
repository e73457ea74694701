"""The peer's side of ``irl_vs_imitation_mujoco.py``: AIRL, GAIL or BC of ``imitation`` 1.0.1. Runs in the peer's own environment.

    .venv-peer-mujoco/bin/python benchmarks/peers/imitation_mujoco.py TASK.json CURVE.jsonl

Built as its own training scripts build it from the settings in the task. One torch thread.
"""

import json
import sys
import tempfile
import warnings
from contextlib import suppress
from importlib.metadata import version

import gymnasium
import mujoco
import numpy as np
import torch
from imitation.algorithms.adversarial.airl import AIRL
from imitation.algorithms.adversarial.gail import GAIL
from imitation.algorithms.bc import BC
from imitation.data.types import Trajectory
from imitation.policies.base import FeedForward32Policy, NormalizeFeaturesExtractor
from imitation.rewards.reward_nets import BasicRewardNet, BasicShapedRewardNet, NormalizedRewardNet
from imitation.util import logger
from imitation.util.networks import RunningNorm
from learning_curve import Clock, LearningCurve
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

PACKAGES = ("imitation", "stable-baselines3", "gymnasium", "mujoco", "torch", "numpy")
NORMALIZED = {"features_extractor_class": NormalizeFeaturesExtractor, "features_extractor_kwargs": {"normalize_class": RunningNorm}}
LEARNERS = {"airl": (AIRL, BasicShapedRewardNet), "gail": (GAIL, BasicRewardNet)}


class TimeIsUpError(Exception):
    """Ends a training loop of the peer's, which has no other way to be ended."""


def make(environment):
    return gymnasium.make(environment, disable_env_checker=True)


def read_trajectories(path, space, clipped):
    """A time limit counts as terminal, since the peer's own roll-outs count it so."""
    with np.load(path, allow_pickle=False) as file:
        seen, after, actions, lengths = (file[name] for name in ("observations", "next_observations", "actions", "lengths"))
    if clipped:
        actions = np.clip(actions, space.low, space.high)
    trajectories, start = [], 0
    for length in lengths:
        part = slice(start, start + length)
        start += length
        observations = np.concatenate([seen[part], after[part][-1:]])
        trajectories.append(Trajectory(observations, actions[part], infos=None, terminal=True))
    return trajectories


class Evaluation:
    """Returns of the mean action in episodes with reset seeds 0, 1, 2, ..., in lockstep."""

    def __init__(self, environment, episodes):
        self.simulators = [make(environment) for _ in range(episodes)]

    def __call__(self, policy):
        seen = np.stack([simulator.reset(seed=seed)[0] for seed, simulator in enumerate(self.simulators)])
        was_training, returns, over = policy.training, np.zeros(len(self.simulators)), False
        while not over:
            actions, _ = policy.predict(seen, deterministic=True)
            outcomes = [simulator.step(action) for simulator, action in zip(self.simulators, actions, strict=True)]
            seen = np.stack([outcome[0] for outcome in outcomes])
            returns += [outcome[1] for outcome in outcomes]
            over = outcomes[0][3]  # all end at the same time limit
        policy.set_training_mode(was_training)  # predict has turned it off, and with it the running norms
        return returns


def build_adversarial(task, trajectories, venv, folder):
    settings, (algorithm, net) = task["settings"], LEARNERS[task["algorithm"]]
    ppo = dict(settings["ppo"])
    num_steps = ppo.pop("steps_per_round") // settings["num_envs"]
    learner = PPO(FeedForward32Policy, venv, n_steps=num_steps, policy_kwargs=dict(NORMALIZED), seed=task["seed"], device="cpu", **ppo)
    reward = net(venv.observation_space, venv.action_space, normalize_input_layer=RunningNorm)
    return algorithm(
        demonstrations=trajectories,
        venv=venv,
        gen_algo=learner,
        reward_net=NormalizedRewardNet(reward, RunningNorm),
        log_dir=folder,
        custom_logger=logger.configure(folder, []),  # writes nothing: logging is not what is compared
        **settings["adversarial"],
    )


def learn_adversarially(task, path, clock, folder):
    venv = DummyVecEnv([lambda: make(task["environment"]) for _ in range(task["settings"]["num_envs"])])
    venv.seed(task["seed"])
    trajectories = read_trajectories(task["demos"], venv.action_space, task["settings"]["actions"] == "clipped")
    trainer, evaluation = build_adversarial(task, trajectories, venv, folder), Evaluation(task["environment"], task["episodes"])
    curve = LearningCurve(path, task, clock, lambda: evaluation(trainer.policy))
    curve.start(**about(policy_parameters=sizes(trainer.policy), reward_parameters=sizes(trainer.reward_train)))
    per_round = trainer.gen_train_timesteps
    done = 0

    def after_round(index):
        nonlocal done
        done = (index + 1) * per_round
        if not curve.go_on(done, done):
            raise TimeIsUpError

    clock.enter("learn")
    with suppress(TimeIsUpError):
        trainer.train(per_round * 10**6, callback=after_round)
    curve.end(done)


def clone(task, path, clock, folder):
    settings, space = task["settings"], make(task["environment"])
    trajectories = read_trajectories(task["demos"], space.action_space, settings["actions"] == "clipped")
    torch.manual_seed(task["seed"])
    spaces = {"observation_space": space.observation_space, "action_space": space.action_space}
    policy = FeedForward32Policy(**spaces, lr_schedule=lambda _: 0.0, **NORMALIZED)  # its own optimizer is never used
    trainer = BC(
        **spaces,
        rng=np.random.default_rng(task["seed"]),
        policy=policy,
        demonstrations=trajectories,
        device="cpu",
        custom_logger=logger.configure(folder, []),
        **settings["cloning"],
    )
    evaluation = Evaluation(task["environment"], task["episodes"])
    curve = LearningCurve(path, task, clock, lambda: evaluation(policy))
    curve.start(**about(policy_parameters=sizes(policy)))
    done = 0

    def after_batch():
        nonlocal done
        done += 1
        if not curve.go_on(done, 0):
            raise TimeIsUpError

    clock.enter("learn")
    with suppress(TimeIsUpError):
        trainer.train(n_epochs=settings["num_epochs"], on_batch_end=after_batch, progress_bar=False)
    curve.end(0)


def about(**sizes):
    return {**sizes, "threads": torch.get_num_threads(), "packages": {name: version(name) for name in PACKAGES}}


def sizes(model):
    return sum(weights.numel() for weights in model.parameters())


def main():
    warnings.filterwarnings("ignore")
    mujoco.set_mju_user_warning(lambda text: None)  # of an attribute in Gymnasium's model files
    torch.set_num_threads(1)
    with open(sys.argv[1]) as file:
        task = json.load(file)
    clock = Clock(task["launched"])
    with tempfile.TemporaryDirectory() as folder:
        (clone if task["algorithm"] == "bc" else learn_adversarially)(task, sys.argv[2], clock, folder)


if __name__ == "__main__":
    main()
