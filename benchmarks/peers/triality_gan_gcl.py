"""Our side of ``irl_vs_imitation.py``: GAN-GCL per step on Pendulum-v1, under the same clock as the peer's side.

    python benchmarks/peers/triality_gan_gcl.py TASK.json RESULT.json

The clock runs while it learns; compilation has one of its own, evaluation stops both. Nothing is read from a compilation cache.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
os.environ.setdefault("NPROC", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import equinox as eqx
import jax
import numpy as np

from triality.algorithms.cost_learning import CostLearning
from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.levels import Steps
from triality.algorithms.starts import FreeStarts
from triality.data.demonstration_file import read_demonstrations
from triality.data.trajectories import to_trajectories
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.step_cost import mlp_cost
from triality.envs.gymnasium_eval import evaluate_in_gymnasium
from triality.envs.pendulum import Pendulum
from triality.objectives.discriminator import DiscriminatorLoss
from triality.policies.gaussian import squashed_gaussian_policy
from triality.run import run
from triality.updates.ppo import PPO

PACKAGES = ("triality", "jax", "jaxlib", "equinox", "optax", "gymnasium", "numpy")


def build(settings: dict[str, Any]) -> CostLearning:
    """One scale for all states, as the peer's policy has it."""
    hidden = tuple(settings["hidden"])

    def make_policy(key, spec, scaling):
        return squashed_gaussian_policy(key, spec, scaling, hidden, state_scale=False)

    def make_cost(key, spec, scaling):
        return mlp_cost(key, spec, scaling, tuple(settings["reward_hidden"]))

    rule = PPO(
        learning_rate=settings["learning_rate"],
        value_learning_rate=settings["value_learning_rate"],
        gamma=settings["gamma"],
        gae_lambda=settings["gae_lambda"],
        clip=settings["clip"],
        temperature=settings["temperature"],
        max_grad_norm=settings["max_grad_norm"],
        num_epochs=settings["num_epochs"],
        num_minibatches=settings["num_minibatches"],
        hidden=hidden,
    )
    return GanGcl(
        Pendulum(),
        Steps(FreeStarts(settings["num_rollouts"]), settings["num_pairs"]),
        DiscriminatorLoss(),
        update_rule=rule,
        penalty=GradientPenalty(settings["gradient_penalty"]),
        cost_learning_rate=settings["discriminator_learning_rate"],
        num_cost_steps=settings["num_discriminator_updates"],
        make_cost=make_cost,
        make_policy=make_policy,
    )


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """``task["rounds"]`` rounds, as many chunks as there are evaluations; rounds that fill no chunk are left out."""
    algorithm, every = build(task["settings"]), task["evaluate_every"]
    begin = time.perf_counter()
    data = to_trajectories(read_demonstrations(task["demos"]), algorithm.env.spec.time_limit)
    first = eqx.filter_jit(lambda algorithm, key, data: algorithm.init(key, data))
    state = jax.block_until_ready(first(algorithm, jax.random.key(task["seed"]), data))
    setup = time.perf_counter() - begin
    begin = time.perf_counter()
    chunk = eqx.filter_jit(lambda algorithm, state: run(algorithm, state, 1, every)[0]).lower(algorithm, state).compile()
    compiled = time.perf_counter() - begin
    act = eqx.filter_jit(lambda policy, seen: jax.vmap(lambda x: policy(x).mode)(seen))
    per_chunk = every * task["settings"]["num_rollouts"] * algorithm.env.spec.time_limit
    evaluations, learned = [], 0.0
    for index in range(task["rounds"] // every):
        begin = time.perf_counter()
        state = jax.block_until_ready(chunk(algorithm, state))
        learned += time.perf_counter() - begin
        policy, steps = state.policy, (index + 1) * per_chunk
        returns = evaluate_in_gymnasium(
            algorithm.env.spec.name, lambda seen, policy=policy: np.asarray(act(policy, seen)), task["episodes"], range(task["episodes"])
        )
        evaluations.append({"env_steps": steps, "seconds": learned, "return": float(returns.mean())})
        print(f"{steps:>10,} env steps, {learned:8.1f} s, return {returns.mean():8.1f}", flush=True)
    return {
        "env_steps": len(evaluations) * per_chunk,
        "setup_seconds": setup,
        "compile_seconds": compiled,
        "learn_seconds": learned,
        "evaluations": evaluations,
        "policy_parameters": _size(state.policy.mean) + _size(state.policy.log_scale) + _size(state.update.value.net),
        "reward_parameters": _size(state.cost.net),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _size(model: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))


def main() -> None:
    with open(sys.argv[1]) as file:
        task = json.load(file)
    result = measure(task)
    with open(sys.argv[2], "w") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
