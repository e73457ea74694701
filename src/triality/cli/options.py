"""The options of every command, as plain dataclasses. Imports no jax, so that a wrong command line is refused at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class IrlOptions:
    """Learn a cost and a policy from demonstrations.

    Writes a run folder: config.json, metrics.jsonl, state.ckpt, summary.json, figures.npz and report.html (open that one first).
    Read on with: triality eval OUT, triality retrain OUT.
    """

    env: str
    """Environment, by Gymnasium's id: Pendulum-v1, CartPole-v1, MountainCar-v0, MountainCarContinuous-v0 or Acrobot-v1;
    or one of ours: PointMass-v0, TwoRooms-v0, Gridworld-v0."""
    demos: Path
    """Demonstration file (npz): observations, actions, lengths."""
    out: Path
    """Folder for the run; refused if it holds anything, unless --overwrite."""
    algorithm: Literal["gan-gcl", "guided-cost", "bc"] = "gan-gcl"
    """gan-gcl: the density-aware discriminator. guided-cost: likelihood with importance-sampled log Z.
    bc: behavioral cloning, without the options of the cost and of the roll-outs."""
    level: Literal["trajectory", "step"] = "trajectory"
    """What one sample is: a whole trajectory, or one observation with its action."""
    num_demos: int = 20
    """How many demonstrations to use, drawn anew for each seed."""
    seeds: int = 1
    """Independent runs, in one compiled program."""
    seed: int = 0
    """First seed; seed .. seed + seeds - 1 are run."""
    iterations: int = 100
    """Rounds of collect, cost update, policy update. For bc: hundreds of gradient steps."""
    objective: Literal["auto", "normalized", "plain", "q-only", "tempered", "mixture"] = "auto"
    """Of the cost. auto: the first of each.
    gan-gcl: normalized (the discriminator's gradient in units of the overlap) or plain.
    guided-cost: q-only, tempered (weights to a power that keeps half the sample size) or mixture (the model as p~)."""
    starts: Literal["auto", "matched", "free"] = "auto"
    """Where the roll-outs begin that are compared with the demonstrations. auto: matched at trajectory level, free at step level.
    matched: at the demonstrations' own starts (at trajectory level with one log Z a start).
    free: at the environment's start law (one log Z)."""
    past_samplers: int = 1
    """Policies in the fusion over past samplers, the current one included (trajectory level)."""
    num_rollouts: int = 96
    """Roll-outs an iteration; with matched starts two thirds of them begin where the demonstrations begin.
    They are rounded up to equal shares of two or more a demonstration: 96 are 112 with 20 demonstrations."""
    init_policy: Literal["random", "cloned"] = "random"
    """Where the policy begins."""
    cost: Literal["mlp", "state", "constant"] = "mlp"
    """Class of the cost: of observation and action, of the observation alone, or the constant (a control: what it reaches is no merit)."""
    actions: Literal["error", "clip", "raw"] = "error"
    """Demonstrated actions outside the box: refuse, clip them, or keep them for an unsquashed policy and the simulator's own clipping."""
    cost_learning_rate: float = 1e-3
    """Adam step of the cost."""
    policy_learning_rate: Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: 3e-4, for bc 1e-3)")] = None
    """Adam step of the policy."""
    gradient_penalty: float = 0.003
    """Weight of the cost's squared gradient, nats a step."""
    temperature: float = 1.0
    """Weight of the entropy in the policy update; 1 is the paper's."""
    overwrite: bool = False
    """Replace what an earlier run left in --out."""


@dataclass(frozen=True)
class EvalOptions:
    """Evaluate the learned policy of a run in Gymnasium's own environment, or in the compiled one where it is one of ours.

    Prints the return of the mean action and of sampled actions over episodes with reset seeds 0, 1, 2, ..., beside demonstrations and
    random actions, says which simulator judged, and writes evaluation.json into the run folder.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A folder that triality irl wrote."""
    episodes: int = 100
    """Episodes a policy, reset seeds 0 .. episodes - 1."""


@dataclass(frozen=True)
class RetrainOptions:
    """Train a fresh policy on the learned cost alone: does the cost hold what the demonstrations knew?

    Neither the demonstrations nor the run's policy are used. The new policy is evaluated as by triality eval.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A folder that triality irl wrote."""
    iterations: int = 100
    """Rounds of collect and policy update."""
    seed: int = 1000
    """Of the fresh policies."""
    episodes: int = 100
    """Evaluation episodes a policy."""


@dataclass(frozen=True)
class ExpertOptions:
    """Train a soft-optimal expert on the environment's true reward and record demonstrations with their log-probabilities."""

    env: str
    """Environment, by id; as for triality irl."""
    out: Path
    """Demonstration file to write (npz); its folder is made."""
    num_episodes: int = 20
    """Demonstrations to record, sampled actions."""
    iterations: int = 150
    """Rounds of collect and policy update."""
    temperature: float = 0.1
    """Weight of the entropy against the true reward: higher is more random, near 0 deterministic."""
    policy_learning_rate: float = 3e-4
    """Adam step of the policy."""
    seed: int = 0
    """Of the training and of the recorded episodes."""
    overwrite: bool = False
    """Replace an existing file."""


@dataclass(frozen=True)
class InfoOptions:
    """Print the versions of triality and of what it stands on, and the devices that jax sees."""
