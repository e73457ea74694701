"""Mutants of the baselines: SQIL, IQ-Learn, f-IRL."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SQIL, IQ, HELD, SOFT_Q, MARGINAL = (f"objectives/{name}.py" for name in ("sqil", "iq_learn", "held_ahead", "soft_q", "state_marginal"))
IMITATION, F_IRL = "algorithms/soft_q_imitation.py", "algorithms/f_irl.py"
OF_Q, OF_STATES = "objectives/test_iq_learn.py::", "objectives/test_state_marginal.py::"
EVERY_H = OF_STATES + "test_every_h_is_that_of_its_f"
COVARIANCE = OF_STATES + "test_the_covariance_is_the_gradient_of_the_divergence"
ONE_STEP = "algorithms/test_f_irl.py::test_one_step_makes_what_is_demonstrated_cheaper"

MUTANTS = (
    Mutant(
        "SQIL pays nothing for demonstrations",
        SQIL,
        "jnp.square(data.reward - 1.0)",
        "jnp.square(data.reward)",
        (OF_Q + "test_sqil_pays_one_on_demonstrations_and_nothing_else",),
        "a Bellman equation without a reward",
    ),
    Mutant(
        "SQIL moves its own targets",
        SQIL,
        "side._replace(after=jax.lax.stop_gradient(side.after))",
        "side._replace(after=side.after)",
        (OF_Q + "test_sqil_holds_its_targets_fixed",),
        "the residual gradient in place of the semi-gradient",
    ),
    Mutant(
        "IQ-Learn lowers the reward of demonstrations",
        IQ,
        "self.value_term(data, drawn, start_value, self.gamma) - reward_data + penalty",
        "self.value_term(data, drawn, start_value, self.gamma) + reward_data + penalty",
        (OF_Q + "test_the_gradient_is_the_gap_of_occupancies",),
        "an objective that is maximized handed to a minimizer",
    ),
    Mutant(
        "the penalty of IQ-Learn is twice as large",
        IQ,
        "/ (4.0 * self.alpha)",
        "/ (2.0 * self.alpha)",
        (OF_Q + "test_at_the_optimum_occupancies_differ_by_the_slope_of_the_regularizer",),
        "alpha of one convention in the other",
    ),
    Mutant(
        "the value at the start is not scaled by 1 - gamma",
        IQ,
        "return (1.0 - gamma) * start_value",
        "return start_value",
        (OF_Q + "test_the_two_value_terms_have_one_gradient",),
        "sums over time mixed with means over steps",
    ),
    Mutant(
        "the value's flow forgets where it goes",
        IQ,
        "weighted_mean(side.value - side.after, side.log_weight)",
        "weighted_mean(side.value, side.log_weight)",
        (OF_Q + "test_the_two_value_terms_have_one_gradient",),
        "V(x) in place of V(x) - gamma V(x')",
    ),
    Mutant(
        "the held value is not held",
        HELD,
        "side._replace(after=jax.lax.stop_gradient(side.after))",
        "side._replace(after=side.after)",
        (OF_Q + "test_the_held_value_passes_no_gradient_and_the_others_do",),
        "a target network that is differentiated",
    ),
    Mutant(
        "Q goes on behind an end",
        SOFT_Q,
        "return gamma * jnp.where(terminated, 0.0, value)",
        "return gamma * value",
        (OF_Q + "test_an_end_leaves_nothing_to_earn_and_a_time_limit_does",),
        "done ignored in the target",
    ),
    Mutant(
        "the implied cost is the reward",
        IMITATION,
        "return side.after - jnp.min(side.q, axis=-1)",
        "return jnp.min(side.q, axis=-1) - side.after",
        ("algorithms/test_soft_q_imitation.py::test_an_end_is_worth_nothing_after_it_and_a_time_limit_is",),
        "the sign of a cost",
    ),
    Mutant(
        "the covariance has the sign of a reward",
        MARGINAL,
        "return -jnp.sum(share * centered",
        "return jnp.sum(share * centered",
        (COVARIANCE,),
        "the paper's gradient of a reward applied to a cost",
    ),
    Mutant(
        "the covariance is not centered",
        MARGINAL,
        "centered = sums - jnp.sum(share * sums)",
        "centered = sums",
        (COVARIANCE,),
        "a mean of products taken for a covariance",
    ),
    Mutant(
        "the gradient is not one of a step",
        MARGINAL,
        "jnp.sum(jnp.where(mask, costs, 0.0), axis=-1)) / length",
        "jnp.sum(jnp.where(mask, costs, 0.0), axis=-1))",
        (COVARIANCE,),
        "1/T forgotten",
    ),
    Mutant(
        "the forward divergence flees from the demonstrations",
        MARGINAL,
        "return -jnp.exp(jnp.minimum(log_ratio, self.most))",
        "return jnp.exp(jnp.minimum(log_ratio, self.most))",
        (EVERY_H,),
        "f(u) - f'(u) u with the sign of its second part alone",
    ),
    Mutant(
        "the reverse divergence has its ratio turned",
        MARGINAL,
        "return 1.0 - log_ratio",
        "return 1.0 + log_ratio",
        (EVERY_H,),
        "the learner's density over the demonstrations'",
    ),
    Mutant(
        "Jensen-Shannon has its ratio turned",
        MARGINAL,
        "return LOG_2 - jax.nn.softplus(log_ratio)",
        "return LOG_2 - jax.nn.softplus(-log_ratio)",
        (EVERY_H,),
        "D and 1 - D exchanged",
    ),
    Mutant(
        "f-IRL reads its discriminator upside down",
        F_IRL,
        "log_ratio = -_of_states(ratio, batch)",
        "log_ratio = _of_states(ratio, batch)",
        (ONE_STEP,),
        "an energy taken for log-odds",
    ),
    Mutant(
        "f-IRL's discriminator has its sides exchanged",
        F_IRL,
        "return discriminator_loss(on_data, on_drawn, weight, weight)",
        "return discriminator_loss(on_drawn, on_data, weight, weight)",
        (ONE_STEP,),
        "labels swapped",
    ),
)
