"""How many roll-outs decide a gradient of the cost, by time step: weights of whole trajectories beside weights a decision.

python benchmarks/decision_weights.py runs/per_decision

Of a finished run of triality irl at trajectory level in a compiled environment: the last cost and policy of every seed, on fresh batches of
as many roll-outs as an iteration drew. Effective sample sizes are of one start's roll-outs where starts are told apart. The last column is
the standard deviation of the gradient from batch to batch, as a share of its mean. It knows of no bias.
"""

import os

# One thread: see docs/benchmarks.md.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.cli.stored import load_states, open_run
from triality.objectives.guided_cost import GuidedCostLoss
from triality.objectives.linear_twist import LinearTwist
from triality.objectives.per_decision import PerDecisionLoss
from triality.objectives.twist import NoTwist

OBJECTIVES = {
    "whole trajectories": GuidedCostLoss(),
    "prefixes, V = 0": PerDecisionLoss(NoTwist()),
    "decisions, V fitted": PerDecisionLoss(LinearTwist()),
}
STEPS = (1, 2, 5, 10, 20, 50, 100, 200)


@eqx.filter_jit
def measured(algorithm, state, key):
    """Per objective: effective sample sizes by time (one for all of them where the weight is the trajectory's), and the gradient."""
    level = algorithm.level
    batch = level.collect(key, algorithm.env, state.policy, state.data)
    memory = level.remember(level.first_memory(state.policy, batch, state.data), state.policy, batch, state.data)
    data, drawn = level.samples(memory, state.data, state.data_log_weight)
    found = {}
    for name, objective in OBJECTIVES.items():

        def loss(cost, objective=objective):
            return level.loss(key, objective, level.density(cost, data, drawn), data, drawn)

        gradient, metrics = eqx.filter_grad(loss, has_aux=True)(state.cost)
        size = getattr(metrics, "ess_by_time", None)
        size = jnp.broadcast_to(metrics.ess, (batch.mask.shape[1],)) if size is None else size
        found[name] = size, jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(gradient)])
    return found


def noise(gradients):
    """Standard deviation over batches (all coordinates together), as a share of the mean."""
    mean = gradients.mean(axis=0)
    return np.sqrt(np.sum((gradients - mean) ** 2) / (len(gradients) - 1)) / np.linalg.norm(mean)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--batches", type=int, default=16)
    options = parser.parse_args()
    algorithm, states = load_states(open_run(options.run))
    keys = jax.random.split(jax.random.key(2024), options.batches)
    seeds = [jax.tree.map(lambda leaf, i=i: leaf[i], states) for i in range(states.iteration.shape[0])]
    found = [[measured(algorithm, state, key) for key in keys] for state in seeds]
    steps = [step for step in STEPS if step <= seeds[0].data.mask.shape[1]]
    print("| weights of | " + " | ".join(f"t = {step}" for step in steps) + " | noise of the gradient |")
    print("|---" * (len(steps) + 2) + "|")
    for name in OBJECTIVES:
        sizes = np.mean([[np.asarray(each[name][0]) for each in seed] for seed in found], axis=(0, 1))
        share = np.mean([noise(np.array([each[name][1] for each in seed])) for seed in found])
        print(f"| {name} | " + " | ".join(f"{sizes[step - 1]:.1f}" for step in steps) + f" | {share:.3f} |")


if __name__ == "__main__":
    main()
