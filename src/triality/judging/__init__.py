"""How far a learned cost is from the true one, how certain it is, and what the data leave open. reward = -cost throughout."""

from triality.judging.density_ratio import LogRatio, fit_log_ratio
from triality.judging.ensemble import Ensemble, as_learned, sampled_ensemble, student_quantile, table_ensemble, unit_spread
from triality.judging.epic import Coverage, canonical, epic_distance
from triality.judging.feature_sums import ModelSums, demonstrated_sums, linear_features, model_sums
from triality.judging.identifiability import Identifiability, demonstrated_visits, identifiability
from triality.judging.known_density import KnownDensityGap, known_density_gap, r_squared_up_to_shaping, single_step_optimum
from triality.judging.linear_density import LinearDensity, fit_linear_density, linear_density
from triality.judging.pearson import correlation, pearson_distance, ranks
from triality.judging.regions import Regions
from triality.judging.regret import expected_total, optimal_policy, regret, regret_of
from triality.judging.resampled_irl import bootstrap_costs, each_visitation, solve_each
from triality.judging.sampled import Canonicalized, canonicalized, sampled_epic, sampled_fit
from triality.judging.sandwich import CostInterval, Sandwich, sandwich
from triality.judging.scores import (
    Interval,
    iqm,
    normalized,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
    stratified_interval,
)
from triality.judging.shaping_projection import constant_projection, orderless, shaping_projection
from triality.judging.starc import (
    Canonicalization,
    MinimalNorm,
    MinimalPotential,
    ValueAdjusted,
    ValueAdjustedPotential,
    l1_norm,
    l2_norm,
    largest_norm,
    starc_distance,
)
from triality.judging.steps import BatchCost, PotentialClass, Steps
from triality.judging.tables import next_state_matrix, occupancy, shapings, stationary_law
from triality.judging.up_to_shaping import ShapedFit, fit_up_to_shaping, table_fit

__all__ = [
    "BatchCost",
    "Canonicalization",
    "Canonicalized",
    "CostInterval",
    "Coverage",
    "Ensemble",
    "Identifiability",
    "Interval",
    "KnownDensityGap",
    "LinearDensity",
    "LogRatio",
    "MinimalNorm",
    "MinimalPotential",
    "ModelSums",
    "PotentialClass",
    "Regions",
    "Sandwich",
    "ShapedFit",
    "Steps",
    "ValueAdjusted",
    "ValueAdjustedPotential",
    "as_learned",
    "bootstrap_costs",
    "canonical",
    "canonicalized",
    "constant_projection",
    "correlation",
    "demonstrated_sums",
    "demonstrated_visits",
    "each_visitation",
    "epic_distance",
    "expected_total",
    "fit_linear_density",
    "fit_log_ratio",
    "fit_up_to_shaping",
    "identifiability",
    "iqm",
    "known_density_gap",
    "l1_norm",
    "l2_norm",
    "largest_norm",
    "linear_density",
    "linear_features",
    "model_sums",
    "next_state_matrix",
    "normalized",
    "occupancy",
    "optimal_policy",
    "optimality_gap",
    "orderless",
    "pearson_distance",
    "performance_profile",
    "probability_of_improvement",
    "r_squared_up_to_shaping",
    "ranks",
    "regret",
    "regret_of",
    "sampled_ensemble",
    "sampled_epic",
    "sampled_fit",
    "sandwich",
    "shaping_projection",
    "shapings",
    "single_step_optimum",
    "solve_each",
    "starc_distance",
    "stationary_law",
    "stratified_interval",
    "student_quantile",
    "table_ensemble",
    "table_fit",
    "unit_spread",
]
