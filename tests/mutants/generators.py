"""Mutants of generators, of their gradients and of Markov kernels."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

GAUSSIAN = "samplers/gaussian.py"

MUTANTS = (
    Mutant(
        "a Gaussian forgets its scale",
        GAUSSIAN,
        "z = (x - self.mean) * jnp.exp(-self.log_scale)\n        return -jnp.sum(0.5 * z**2 + self.log_scale + 0.5 * LOG_TWO_PI)",
        "z = (x - self.mean) * jnp.exp(-self.log_scale)\n        return -jnp.sum(0.5 * z**2 + 0.5 * LOG_TWO_PI)",
        ("samplers/test_gaussian.py::test_gaussian_against_scipy",),
        "a squared error taken for a log density",
    ),
    Mutant(
        "the tanh term is dropped",
        GAUSSIAN,
        "return self.base.log_prob(u) - jnp.sum(log_det_tanh(u) + jnp.log(self.half_width))",
        "return self.base.log_prob(u) - jnp.sum(jnp.log(self.half_width))",
        ("samplers/test_gaussian.py::test_squashed_gaussian_against_scipy",),
        "a squashed action with the density of its pre-image (D11)",
    ),
    Mutant(
        "a draw forgets the width of the box",
        GAUSSIAN,
        "log_base - jnp.sum(log_det_tanh(u) + jnp.log(self.half_width))",
        "log_base - jnp.sum(log_det_tanh(u))",
        (
            "samplers/test_gaussian.py::test_squashed_gaussian_against_scipy",
            "samplers/test_laws.py::test_log_density_of_a_draw_is_the_one_that_came_with_it",
        ),
        "densities in units of the box on one side of a ratio only",
    ),
    Mutant(
        "a mixture's weights are not normalized",
        "samplers/mixture.py",
        "return jax.nn.logsumexp(jax.nn.log_softmax(self.log_weight) + self.component_log_probs(x))",
        "return jax.nn.logsumexp(self.log_weight + self.component_log_probs(x))",
        ("samplers/test_mixture.py::test_weights_need_not_be_normalized",),
        "K samplers fused to a density of mass K",
    ),
    Mutant(
        "a flow's log-determinant has its sign turned",
        "samplers/masked_affine.py",
        "jnp.exp(-log_scale), log_det - jnp.sum(log_scale)",
        "jnp.exp(-log_scale), log_det + jnp.sum(log_scale)",
        ("samplers/test_batch_last.py::test_inverse_and_log_determinant_against_differentiation",),
        "the determinant of the inverse",
    ),
    Mutant(
        "standardized data keep their units",
        "samplers/standardized.py",
        "return self.base.log_prob((x - shift) / scale) - jnp.sum(jnp.log(scale))",
        "return self.base.log_prob((x - shift) / scale)",
        ("samplers/test_vector_laws.py::test_standardize_takes_the_scale_of_the_data_and_keeps_it",),
        "likelihoods of scaled columns reported as those of the data",
    ),
    Mutant(
        "weights of draws are inverted",
        "updates/sampler/alpha.py",
        "weight = jax.nn.softmax(self.power * log_ratio(density, x, log_q))",
        "weight = jax.nn.softmax(-self.power * log_ratio(density, x, log_q))",
        ("updates/sampler/test_gradients.py::test_the_mean_is_the_exact_gradient",),
        "a generator trained toward where it is too dense already",
    ),
    Mutant(
        "the baseline holds the draw itself",
        "updates/sampler/score_function.py",
        "others = (jnp.sum(signal) - signal) / (self.num_samples - 1)",
        "others = jnp.mean(signal)",
        ("updates/sampler/test_gradients.py::test_the_score_function_on_a_table",),
        "a batch mean as baseline: the gradient is short by one n-th",
    ),
    Mutant(
        "the path gradient carries its score",
        "updates/sampler/reparameterized.py",
        "jax.vmap(frozen(sampler).log_prob)(x)",
        "jax.vmap(sampler.log_prob)(x)",
        ("updates/sampler/test_gradients.py::test_the_landing_sticks",),
        "a stop_gradient forgotten: unbiased, and noisy where q = p",
    ),
    Mutant(
        "Langevin noise lacks its factor two",
        "kernels/langevin.py",
        "spread = jnp.sqrt(2.0 * self.step_size * self.temperature)",
        "spread = jnp.sqrt(self.step_size * self.temperature)",
        ("kernels/test_laws.py::test_langevin_without_correction_ends_in_its_own_law",),
        "slope and noise of two conventions: a law at half the temperature",
    ),
    Mutant(
        "Metropolis accepts the inverse ratio",
        "kernels/independence.py",
        "jnp.minimum(there.log_ratio - state.log_ratio, 0.0)",
        "jnp.minimum(state.log_ratio - there.log_ratio, 0.0)",
        ("kernels/test_independence.py::test_a_step_has_its_transition_probabilities_which_are_reversible",),
        "old over new",
    ),
    Mutant(
        "Metropolis forgets the proposal",
        "kernels/independence.py",
        "there = IndependenceState(position, -energy(position) - log_q)",
        "there = IndependenceState(position, -energy(position))",
        ("kernels/test_independence.py::test_a_step_has_its_transition_probabilities_which_are_reversible",),
        "the symmetric rule for a proposal that is not symmetric",
    ),
)
