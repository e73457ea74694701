"""The numbers of docs/tabular.md: dynamic programs against enumeration, the causal gap (X10, X11), per-decision weights (D9).

python benchmarks/tabular_oracles.py
"""

import jax
import jax.numpy as jnp

from triality.tabular import (
    TabularEnergy,
    TabularMDP,
    causal_gap,
    causal_solution,
    causal_visits,
    enumerate_trajectories,
    log_partition,
    noncausal_solution,
    per_decision_log_weights,
    policy_log_prob,
    single_step_log_weights,
    trajectory_log_weights,
)
from triality.tabular.worlds import random_mdp


def costs(seed, mdp, scale):
    return scale * jax.random.normal(jax.random.key(seed), (mdp.num_states, mdp.num_actions))


def report_enumeration():
    mdp = random_mdp(jax.random.key(10), 4, 3, 2, horizon=6)
    cost = costs(12, mdp, 1.5)
    space = enumerate_trajectories(mdp)
    exact, summed = log_partition(mdp, noncausal_solution(mdp, cost)), space.log_z(TabularEnergy(cost))
    print(
        f"log Z, 4 states, 3 actions, T = 6: {exact:.12f} by dynamic programming; over {space.log_base.shape[0]} trajectories {summed:.12f}"
    )


def report_gap():
    mdp = random_mdp(jax.random.key(20), 3, 2, 3, horizon=4)
    cost = costs(21, mdp, 1.5)
    certain = jnp.broadcast_to(jnp.array([0.0, -jnp.inf, -jnp.inf]), mdp.log_probabilities.shape)
    deterministic = TabularMDP(mdp.successors, certain, mdp.log_start, mdp.discount, mdp.horizon)
    for name, instance in (("stochastic", mdp), ("deterministic", deterministic)):
        gap = causal_gap(instance, cost)
        print(f"gap, {name} dynamics: one Z for all starts (X11) {gap.start:.6f}, dynamics (X10) {gap.dynamics:.6f} nats")


def report_weights():
    mdp = random_mdp(jax.random.key(11), 4, 3, 1, horizon=4)
    cost, feature = costs(12, mdp, 3.0), costs(31, mdp, 1.5)
    log_model = causal_solution(mdp, cost).log_policy
    log_policy = jax.nn.log_softmax(jax.random.normal(jax.random.key(13), (4, 4, 3)), axis=-1)
    space = enumerate_trajectories(mdp)
    log_q = policy_log_prob(log_policy, space.points)
    values = feature[space.points.states[:, :-1], space.points.actions]
    print(f"E[sum of f], exact: {jnp.sum(causal_visits(mdp, causal_solution(mdp, cost)).total * feature):.4f}")
    for weights in (trajectory_log_weights, per_decision_log_weights, single_step_log_weights):
        draws = jnp.sum(jnp.exp(weights(log_model, log_policy, space.points)) * values, axis=-1)
        mean = space.expectation(log_q, draws)
        print(f"    {weights.__name__}: mean {mean:.4f}, variance {space.expectation(log_q, (draws - mean) ** 2):.1f}")


def main():
    jax.config.update("jax_enable_x64", True)
    report_enumeration()
    report_gap()
    report_weights()


if __name__ == "__main__":
    main()
