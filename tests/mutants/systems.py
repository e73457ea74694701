"""Mutants of the other systems of inverse RL."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SYSTEMS, TESTS = "tabular/systems/", "tabular/systems/"
LQR, LQR_TEST = "algorithms/inverse_lqr.py", "algorithms/test_inverse_lqr.py::"
RATE, PROGRESS, ALONG = "regularizers/local_rate.py", "regularizers/monotonic.py", "regularizers/test_along_trajectories.py::"

MUTANTS = (
    Mutant(
        "the linear program prefers the other actions",
        SYSTEMS + "linear_program.py",
        "return (expert[:, None, :] - transitions) @ values",
        "return (transitions - expert[:, None, :]) @ values",
        (TESTS + "test_linear_program.py::test_the_expert_is_optimal_under_the_reward",),
        "the difference of the transition matrices taken the other way",
    ),
    Mutant(
        "the linear program forgets the discount",
        SYSTEMS + "linear_program.py",
        "np.eye(size) - float(mdp.discount) * expert",
        "np.eye(size) - 0.5 * float(mdp.discount) * expert",
        (TESTS + "test_linear_program.py::test_the_objective_is_that_of_an_independent_program",),
        "values of another discount than the expert's",
    ),
    Mutant(
        "the cost-to-go leaves out the actions' cost",
        LQR,
        "return r @ k - kind.pull(b, closed, kind.cost_to_go(closed, q + k.T @ r @ k))",
        "return r @ k - kind.pull(b, closed, kind.cost_to_go(closed, q))",
        (LQR_TEST + "test_the_recovered_cost_has_the_gain",),
        "a Lyapunov equation of the states alone",
    ),
    Mutant(
        "the baseline is divided twice",
        SYSTEMS + "relative_entropy.py",
        "return jax.nn.logsumexp(self.log_ratio - self.drawn @ theta)",
        "return jax.nn.logsumexp(-self.log_ratio - self.drawn @ theta)",
        (TESTS + "test_relative_entropy.py::test_the_gradient_is_the_published_formula",),
        "pi / U in place of U / pi",
    ),
    Mutant(
        "a demonstration is not among its own perturbations",
        SYSTEMS + "path_integral.py",
        "sets = jnp.concatenate([self.demonstrated[:, None], self.perturbed], axis=1)",
        "sets = jnp.concatenate([self.demonstrated[:, None], self.perturbed[:, 1:]], axis=1)",
        (TESTS + "test_path_integral.py::test_the_loss_is_the_conditional_softmax",),
        "a set that is one short",
    ),
    Mutant(
        "the multiplicative weights help the policy",
        SYSTEMS + "multiplicative_weights.py",
        "return log_weights + rate * gap / span",
        "return log_weights - rate * gap / span",
        (TESTS + "test_apprenticeship.py::test_on_the_simplex_both_methods_reach_the_value_of_the_game",),
        "an adversary with the sign of a reward",
    ),
    Mutant(
        "the projection steps the whole way",
        SYSTEMS + "projection.py",
        "return visits + share * (response - visits)",
        "return response",
        (TESTS + "test_apprenticeship.py::test_projection_closes_the_gap_and_never_widens_it",),
        "the last best response taken for the mixture",
    ),
    Mutant(
        "the simplex ball takes the least gap",
        SYSTEMS + "cost_balls.py",
        "return jnp.max(gap)",
        "return jnp.min(gap)",
        (TESTS + "test_apprenticeship.py::test_the_maximum_over_a_ball_is_its_closed_form",),
        "a reward's worst case in place of a cost's",
    ),
    Mutant(
        "the constant rate penalizes the slope",
        RATE,
        "second = costs[2:] - 2.0 * costs[1:-1] + costs[:-2]",
        "second = costs[2:] - costs[:-2]",
        (ALONG + "test_values_by_hand",),
        "first differences in place of second ones",
    ),
    Mutant(
        "progress means rising costs",
        PROGRESS,
        "costs[1:] - costs[:-1] - margin",
        "costs[:-1] - costs[1:] - margin",
        (ALONG + "test_values_by_hand",),
        "a cost read as a reward",
    ),
)
