"""How far a learned cost is from the true one: distances, correlations, regret, and statistics over runs. reward = -cost throughout."""

from triality.judging.epic import Coverage, canonical, epic_distance
from triality.judging.pearson import correlation, pearson_distance, ranks
from triality.judging.regret import expected_total, optimal_policy, regret, regret_of
from triality.judging.sampled import Canonicalized, canonicalized, sampled_epic, sampled_fit
from triality.judging.scores import (
    Interval,
    iqm,
    normalized,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
    stratified_interval,
)
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
from triality.judging.tables import next_state_matrix, occupancy, stationary_law
from triality.judging.up_to_shaping import ShapedFit, fit_up_to_shaping, table_fit

__all__ = [
    "BatchCost",
    "Canonicalization",
    "Canonicalized",
    "Coverage",
    "Interval",
    "MinimalNorm",
    "MinimalPotential",
    "PotentialClass",
    "ShapedFit",
    "Steps",
    "ValueAdjusted",
    "ValueAdjustedPotential",
    "canonical",
    "canonicalized",
    "correlation",
    "epic_distance",
    "expected_total",
    "fit_up_to_shaping",
    "iqm",
    "l1_norm",
    "l2_norm",
    "largest_norm",
    "next_state_matrix",
    "normalized",
    "occupancy",
    "optimal_policy",
    "optimality_gap",
    "pearson_distance",
    "performance_profile",
    "probability_of_improvement",
    "ranks",
    "regret",
    "regret_of",
    "sampled_epic",
    "sampled_fit",
    "starc_distance",
    "stationary_law",
    "stratified_interval",
    "table_fit",
]
