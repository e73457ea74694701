"""Golden numbers for the tabular oracles, from two independent implementations, each in its own virtual environment.

    python -m venv .venv-peer
    .venv-peer/bin/pip install torch==2.13.0
    .venv-peer/bin/pip install imitation==1.0.1 irl-maxent==0.1.0
    .venv-peer/bin/python benchmarks/golden/make_tabular_golden.py        # writes tests/tabular/golden.json, a few minutes

The MDPs are written out in full, so that nothing about them has to be computed twice. Peers are no dependency of the tests.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from imitation.algorithms.mce_irl import MCEIRL, mce_occupancy_measures, mce_partition_fh
from imitation.rewards import reward_nets
from seals import base_envs

np.float = float  # irl-maxent 0.1.0 names the alias that numpy 2 has dropped

from irl_maxent import maxent, optimizer, trajectory  # noqa: E402
from irl_maxent.gridworld import IcyGridWorld  # noqa: E402

SIZE, SLIP, HORIZON, TERMINAL = 5, 0.2, 10, 24
DIGITS = 10


def icy_grid():
    """irl-maxent's own icy grid: P as (from, to, action)."""
    return IcyGridWorld(size=SIZE, p_slip=SLIP).p_transition


def random_dynamics(rng, num_states=6, num_actions=3):
    return rng.dirichlet(0.5 * np.ones(num_states), size=(num_states, num_actions))


def tidy(array):
    return np.round(np.asarray(array, dtype=np.float64), DIGITS).tolist()


def imitation_case(name, transitions, reward, start):
    """Soft values, policy and occupancy for a given reward, and the policy that MCE-IRL learns from that occupancy."""
    states = transitions.shape[0]
    env = base_envs.TabularModelPOMDP(
        transition_matrix=transitions,
        observation_matrix=np.eye(states, dtype=np.float32),
        reward_matrix=reward,
        horizon=HORIZON,
        initial_state_dist=start,
    )
    value, _, policy = mce_partition_fh(env)
    by_time, total = mce_occupancy_measures(env, pi=policy)
    torch.manual_seed(0)
    net = reward_nets.BasicRewardNet(
        env.observation_space,
        env.action_space,
        hid_sizes=[],
        use_action=False,
        use_done=False,
        use_next_state=False,
    )
    learner = MCEIRL(
        total, env, net, rng=np.random.default_rng(0), optimizer_kwargs={"lr": 3e-2}, linf_eps=1e-3, grad_l2_eps=1e-4, log_interval=None
    )
    reached = learner.train(max_iter=20_000)
    learned = learner.policy.pi
    print(f"imitation {name}: occupancy gap {np.abs(reached - total).max():.2e}, policy error {np.abs(learned - policy).max():.2e}")
    return {
        "transitions": tidy(transitions),
        "reward": tidy(reward),
        "start": tidy(start),
        "horizon": HORIZON,
        "value": tidy(value),
        "policy": tidy(policy),
        "visits": tidy(by_time),
        "learned_policy": tidy(learned),
        "learned_occupancy_gap": float(np.abs(reached - total).max()),
    }


def irl_maxent_case(rng):
    """Non-causal and causal local policies for a given reward, and the policies that both learn from sampled demonstrations."""
    transitions = icy_grid()
    states = transitions.shape[0]
    features = np.eye(states)
    reward = -3.0 + 1.5 * rng.random(states) - 0.5
    start = np.zeros(states)
    start[0] = 1.0
    noncausal = maxent.local_action_probabilities(transitions, [TERMINAL], reward)
    causal = maxent.local_causal_action_probabilities(transitions, [TERMINAL], reward, discount=1.0, eps=1e-12)
    causal_discounted = maxent.local_causal_action_probabilities(transitions, [TERMINAL], reward, discount=0.9, eps=1e-12)
    np.random.seed(0)  # irl-maxent draws from numpy's global generator
    world = IcyGridWorld(size=SIZE, p_slip=SLIP)
    act = trajectory.stochastic_policy_adapter(causal)
    demonstrations = list(trajectory.generate_trajectories(200, world, act, start, [TERMINAL]))
    counts = maxent.feature_expectation_from_trajectories(features, demonstrations)
    step = optimizer.Sga(lr=0.1)
    init = optimizer.Constant(-3.0)
    learned_noncausal = maxent.irl(transitions, features, [TERMINAL], demonstrations, step, init, eps=1e-4, eps_esvf=1e-8)
    step = optimizer.Sga(lr=0.1)
    learned_causal = maxent.irl_causal(
        transitions, features, [TERMINAL], demonstrations, step, init, discount=1.0, eps=1e-4, eps_svf=1e-8, eps_lap=1e-9
    )
    learned_policy = maxent.local_causal_action_probabilities(transitions, [TERMINAL], learned_causal, discount=1.0, eps=1e-12)
    reached = maxent.expected_svf_from_policy(transitions, start, [TERMINAL], learned_policy, eps=1e-12)
    print(
        f"irl-maxent: feature gap {np.abs(reached - counts).max():.2e}, policy error {np.abs(learned_policy - causal)[:TERMINAL].max():.2e}"
    )
    return {
        "terminal": TERMINAL,
        "reward": tidy(reward),
        "noncausal_policy": tidy(noncausal),
        "causal_policy": tidy(causal),
        "causal_policy_discounted": tidy(causal_discounted),
        "discount": 0.9,
        "causal_visits": tidy(maxent.expected_svf_from_policy(transitions, start, [TERMINAL], causal, eps=1e-14)),
        "demonstrated_visits": tidy(counts),
        "noncausal_learned_reward": tidy(learned_noncausal),
        "noncausal_learned_policy": tidy(maxent.local_action_probabilities(transitions, [TERMINAL], learned_noncausal)),
        "causal_learned_policy": tidy(learned_policy),
        "causal_learned_feature_gap": float(np.abs(reached - counts).max()),
    }


def main():
    rng = np.random.default_rng(7)
    grid = np.transpose(icy_grid(), (0, 2, 1))
    uniform = np.full(SIZE * SIZE, 1.0 / SIZE**2)
    golden = {
        "versions": {name: version(name) for name in ("imitation", "seals", "irl-maxent", "numpy", "torch")},
        "imitation": {
            "icy_grid": imitation_case("icy grid", grid, rng.normal(size=SIZE * SIZE), uniform),
            "random": imitation_case("random", random_dynamics(rng), rng.normal(size=6), rng.dirichlet(np.ones(6))),
        },
        "irl_maxent": irl_maxent_case(rng),
    }
    path = Path(__file__).parents[2] / "tests" / "tabular" / "golden.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{path.stat().st_size / 1000:.0f} kB written")


if __name__ == "__main__":
    main()
