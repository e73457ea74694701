"""Mutants of the distances between costs, and of regret."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

EPIC, STARC, PEARSON = "judging/epic.py", "judging/starc.py", "judging/pearson.py"
SHAPED = "judging/test_epic.py::test_shaping_and_a_positive_scale_make_no_difference"
LEVELED = "judging/test_starc.py::test_shaping_and_a_positive_scale_make_no_difference"

MUTANTS = (
    Mutant(
        "EPIC adds what it has to subtract",
        EPIC,
        "- mean[:, None, None]",
        "+ mean[:, None, None]",
        (SHAPED,),
        "the canonicalization of a cost taken for that of a reward, half of it",
    ),
    Mutant(
        "EPIC forgets the discount",
        EPIC,
        "table + discount * mean[None, None, :]",
        "table + mean[None, None, :]",
        (SHAPED,),
        "shaping of an undiscounted task, in a discounted one",
    ),
    Mutant(
        "leveling with the value's sign turned",
        STARC,
        "leveled = expected_cost(mdp, cost) - value[:, None] + discount_of(mdp) * ahead(mdp, value)",
        "leveled = expected_cost(mdp, cost) + value[:, None] - discount_of(mdp) * ahead(mdp, value)",
        (LEVELED,),
        "a cost to go read as a value",
    ),
    Mutant(
        "the norm is left out",
        STARC,
        "np.zeros_like(values) if size <= ROUNDING * max(float(np.max(np.abs(cost))), 1e-300) else values / size",
        "values",
        (LEVELED,),
        "canonical costs compared without standardizing, so that a scale is a distance",
    ),
    Mutant(
        "Pearson's distance without its root",
        PEARSON,
        "0.5 * np.sqrt(share @ apart**2)",
        "0.25 * (share @ apart**2)",
        ("judging/test_epic.py::test_a_known_correlation_gives_a_known_distance",),
        "(1 - rho) / 2, which is no metric",
    ),
    Mutant(
        "sampled EPIC turns the next state's mean round",
        "judging/sampled.py",
        "self.along + discount * (self.after @ share)",
        "self.along - discount * (self.after @ share)",
        ("judging/test_sampled.py::test_epic_by_samples_is_blind_to_shaping_and_only_to_it",),
        "the sign of gamma h(x') copied from shaping into what takes it away",
    ),
    Mutant(
        "the regret optimizes a reward",
        "judging/regret.py",
        "above = q_value - q_value.min(axis=1, keepdims=True)",
        "above = q_value.max(axis=1, keepdims=True) - q_value",
        ("judging/test_regret.py::test_no_deterministic_policy_is_better",),
        "the greediest action of a cost taken for the best",
    ),
)
