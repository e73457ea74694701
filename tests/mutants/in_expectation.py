"""Mutants of the sampled systems in exact expectation."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

HERE, TESTS = "tabular/in_expectation/", "tabular/in_expectation/"
ALTERNATION, MATCHING = TESTS + "test_adversarial.py::", TESTS + "test_matching.py::"

MUTANTS = (
    Mutant(
        "the tabular step discriminator forgets its density",
        HERE + "cost_gradients.py",
        "log_odds = -cost - log_policy",
        "log_odds = -cost",
        (ALTERNATION + "test_step_discriminators_gradient_vanishes_at_the_experts_own_density_and_not_without_it",),
        "a free discriminator where the density-aware one is meant",
    ),
    Mutant(
        "the tabular per-decision gradient has the generator's visits",
        HERE + "cost_gradients.py",
        "return demonstrated.state_action - exact_visits(mdp, log_model, demonstrated.start)",
        "return demonstrated.state_action - exact_visits(mdp, log_policy, demonstrated.start)",
        (ALTERNATION + "test_per_decision_gradient_is_that_of_the_likelihood",),
        "weights left out",
    ),
    Mutant(
        "the tabular soft policy is differentiated without its future",
        HERE + "dense.py",
        "fixed.value + jnp.linalg.solve(matrix, moved)",
        "fixed.value + moved",
        (MATCHING + "test_soft_policys_derivative_is_that_of_the_fixed_point",),
        "one step of the chain instead of all",
    ),
    Mutant(
        "tabular IQ-Learn gives the reward where a cost is asked for",
        HERE + "iq_learn.py",
        "return Learned(-reward_of(mdp, found.table)",
        "return Learned(reward_of(mdp, found.table)",
        (MATCHING + "test_iq_learn_nears_the_true_cost_as_the_regularizer_fades",),
        "the sign of a cost",
    ),
    Mutant(
        "tabular SQIL pays for what the expert did not do",
        HERE + "sqil.py",
        "demonstrated.state_action / (demonstrated.state_action + drawn) - reward",
        "drawn / (demonstrated.state_action + drawn) - reward",
        (MATCHING + "test_sqil_is_at_its_fixed_point_and_matches_nobody",),
        "the two sides of the mixture exchanged",
    ),
)
