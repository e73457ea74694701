"""Exact oracles: enumeration, dynamic programs in log space, soft value iteration, and exact inverse RL on finite MDPs."""

from triality.tabular.causal_gap import CausalGap, causal_gap, expected_generator_loss, expected_sampler_loss
from triality.tabular.costs import CostModel, LinearCost, StateActionCost, StateCost
from triality.tabular.demonstrations import TabularDemonstrations, Visitation, empirical_visitation, sample_demonstrations
from triality.tabular.enumeration import EnumerableSpace
from triality.tabular.finite_horizon import (
    FiniteSolution,
    causal_solution,
    log_partition,
    noncausal_solution,
    tilted_dynamics,
    tilted_start,
    trajectory_cost_of_causal,
)
from triality.tabular.irl import IrlConfig, IrlResult, maxent_irl, mce_irl, mce_parameters
from triality.tabular.mdp import TabularMDP
from triality.tabular.per_decision import per_decision_log_weights, single_step_log_weights, trajectory_log_weights
from triality.tabular.soft_value_iteration import SoftSolution, expected_soft_value, soft_backup, soft_value_iteration
from triality.tabular.trajectories import TabularEnergy, TabularTrajectory, enumerate_trajectories, policy_log_prob, step_log_probs
from triality.tabular.visits import DiscountedVisits, Visits, causal_visits, discounted_visits, noncausal_visits, policy_visits

__all__ = [
    "CausalGap",
    "CostModel",
    "DiscountedVisits",
    "EnumerableSpace",
    "FiniteSolution",
    "IrlConfig",
    "IrlResult",
    "LinearCost",
    "SoftSolution",
    "StateActionCost",
    "StateCost",
    "TabularDemonstrations",
    "TabularEnergy",
    "TabularMDP",
    "TabularTrajectory",
    "Visitation",
    "Visits",
    "causal_gap",
    "causal_solution",
    "causal_visits",
    "discounted_visits",
    "empirical_visitation",
    "enumerate_trajectories",
    "expected_generator_loss",
    "expected_sampler_loss",
    "expected_soft_value",
    "log_partition",
    "maxent_irl",
    "mce_irl",
    "mce_parameters",
    "noncausal_solution",
    "noncausal_visits",
    "per_decision_log_weights",
    "policy_log_prob",
    "policy_visits",
    "sample_demonstrations",
    "single_step_log_weights",
    "soft_backup",
    "soft_value_iteration",
    "step_log_probs",
    "tilted_dynamics",
    "tilted_start",
    "trajectory_cost_of_causal",
    "trajectory_log_weights",
]
