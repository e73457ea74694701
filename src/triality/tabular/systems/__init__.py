"""Other systems of inverse RL, exact on tables: each takes an MDP and what was demonstrated, and returns ``cost`` and ``log_policy``.

Relative-entropy and path-integral IRL need no model: they take features of trajectories (``trajectory_features``) and return weights.
"""

from triality.tabular.systems.apprenticeship import ApprenticeshipConfig, ApprenticeshipResult, apprenticeship, feature_expectation
from triality.tabular.systems.cost_balls import CostBall, EuclideanBall, Simplex
from triality.tabular.systems.deep_maxent import NetworkCost, convolutional_cost, deep_maxent_irl, perceptron_cost
from triality.tabular.systems.hard_optimum import hard_optimum, policy_of_visits, total_visits
from triality.tabular.systems.linear_program import LinearProgramConfig, LinearProgramResult, linear_program_irl
from triality.tabular.systems.multiplicative_weights import MwalResult, mwal
from triality.tabular.systems.path_integral import PathIntegralResult, path_integral_irl, perturbations
from triality.tabular.systems.projection import ProjectionResult, projection
from triality.tabular.systems.proximal import ProximalConfig
from triality.tabular.systems.relative_entropy import RelativeEntropyResult, hoeffding_epsilon, relative_entropy_irl
from triality.tabular.systems.trajectory_features import trajectory_features

__all__ = [
    "ApprenticeshipConfig",
    "ApprenticeshipResult",
    "CostBall",
    "EuclideanBall",
    "LinearProgramConfig",
    "LinearProgramResult",
    "MwalResult",
    "NetworkCost",
    "PathIntegralResult",
    "ProjectionResult",
    "ProximalConfig",
    "RelativeEntropyResult",
    "Simplex",
    "apprenticeship",
    "convolutional_cost",
    "deep_maxent_irl",
    "feature_expectation",
    "hard_optimum",
    "hoeffding_epsilon",
    "linear_program_irl",
    "mwal",
    "path_integral_irl",
    "perceptron_cost",
    "perturbations",
    "policy_of_visits",
    "projection",
    "relative_entropy_irl",
    "total_visits",
    "trajectory_features",
]
