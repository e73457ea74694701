"""Mutants of the sampled systems in exact expectation."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

HERE, TESTS = "tabular/in_expectation/", "tabular/in_expectation/"
ALTERNATION, MATCHING, SHAPED = (TESTS + f"test_{name}.py::" for name in ("adversarial", "matching", "shaped_airl"))

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
    Mutant(
        "the tabular potential is shaped with its sign turned",
        HERE + "shaped_airl.py",
        "here - mdp.discount * after",
        "here + mdp.discount * after",
        (SHAPED + "test_the_discriminator_alone_is_off_by_the_log_ratio_of_state_visits",),
        "what comes next counted as if it were here",
    ),
    Mutant(
        "the tabular discriminator of transitions forgets its density",
        HERE + "shaped_airl.py",
        "log_odds = -self.rows @ parts.ravel() - self.log_policy",
        "log_odds = -self.rows @ parts.ravel()",
        (SHAPED + "test_the_discriminator_alone_is_off_by_the_log_ratio_of_state_visits",),
        "a free discriminator where the density-aware one is meant",
    ),
    Mutant(
        "states are linked by what has no probability",
        "tabular/linked_states.py",
        "np.isfinite(np.asarray(mdp.log_probabilities))",
        "np.isfinite(np.asarray(mdp.successors))",
        (SHAPED + "test_a_state_that_follows_none_is_a_part_by_itself",),
        "padding taken for dynamics",
    ),
    Mutant(
        "the interquartile mean takes a failed seed for the best",
        "interquartile_mean.py",
        "np.where(np.isnan(ordered).any(axis=-1), np.nan, middle)",
        "np.asarray(middle)",
        ("test_interquartile_mean.py::test_a_seed_that_failed_is_not_left_out_as_if_it_were_the_best",),
        "NaN sorts as the largest number",
    ),
)
