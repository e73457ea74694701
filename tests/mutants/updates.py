"""Mutants of how a policy improves under a cost."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

PPO, SAC, TWINS = "updates/ppo.py", "updates/soft_actor_critic.py", "updates/twin_q.py"
SOFT_REWARD = "soft_reward = reward - self.temperature * batch.log_prob"

MUTANTS = (
    Mutant(
        "the entropy enters twice",
        PPO,
        SOFT_REWARD,
        "soft_reward = reward - 2.0 * self.temperature * batch.log_prob",
        ("updates/test_ppo.py::test_gradient_is_that_of_equation_2",),
        "an entropy bonus on top of a return that holds the entropy (pitfall 8)",
    ),
    Mutant(
        "the entropy is absent",
        PPO,
        SOFT_REWARD,
        "soft_reward = reward",
        ("updates/test_ppo.py::test_gradient_is_that_of_equation_2",),
        "a policy that no longer follows exp(-c)/Z",
    ),
    Mutant(
        "a termination is bootstrapped",
        PPO,
        "going_on = jnp.where(terminated | ~mask, 0.0, 1.0)",
        "going_on = jnp.where(~mask, 0.0, 1.0)",
        ("updates/test_ppo.py::test_a_time_limit_is_bootstrapped_and_a_termination_is_not",),
        "a value read after the end of an episode",
    ),
    Mutant(
        "a time limit is not bootstrapped",
        PPO,
        "delta = jnp.where(mask, reward + gamma * going_on * value[1:] - value[:-1], 0.0)",
        "delta = jnp.where(mask, reward + gamma * going_on * value[1:].at[-1].set(0.0) - value[:-1], 0.0)",
        ("updates/test_ppo.py::test_a_time_limit_is_bootstrapped_and_a_termination_is_not",),
        "nothing to be earned after the horizon: a reward for hurrying",
    ),
    Mutant(
        "lambda is left out of the advantage",
        PPO,
        "now = delta + gamma * gae_lambda * going_on * after",
        "now = delta + gamma * going_on * after",
        ("updates/test_ppo.py::test_lambda_shrinks_what_later_steps_say",),
        "lambda = 1 whatever is asked",
    ),
    Mutant(
        "the clip takes the larger of the two",
        PPO,
        "gain = jnp.minimum(ratio * part.advantage",
        "gain = jnp.maximum(ratio * part.advantage",
        ("updates/test_ppo.py::test_the_clip_holds_what_is_gained_and_never_what_is_lost",),
        "a clip that frees what it should hold",
    ),
    Mutant(
        "the estimate of the divergence has its sign turned",
        PPO,
        "jnp.sum(part.mask * (ratio - 1.0 - log_ratio))",
        "jnp.sum(part.mask * (ratio - 1.0 + log_ratio))",
        ("updates/test_ppo.py::test_the_estimate_of_the_divergence_by_hand",),
        "log(old/new) and log(new/old) mixed up",
    ),
    Mutant(
        "minibatches are cut from an order with two random bits",
        "shuffling.py",
        "upper = jax.random.bits(key, (size,), jnp.uint32) << lower",
        "upper = (jax.random.bits(key, (size,), jnp.uint32) >> 30) << lower",
        ("test_shuffling.py::test_an_index_is_in_any_block_alike_and_two_are_together_as_often_as_by_chance",),
        "steps of one roll-out side by side in one minibatch",
    ),
    Mutant(
        "Q is bootstrapped through an end",
        SAC,
        "still_to_earn = jnp.where(part.terminated, 0.0, self.gamma * after)",
        "still_to_earn = self.gamma * after",
        ("updates/test_soft_actor_critic.py::test_targets_by_hand",),
        "done ignored in the target",
    ),
    Mutant(
        "Q learns the cost as a reward",
        SAC,
        "return jax.lax.stop_gradient(still_to_earn - jax.vmap(cost)",
        "return jax.lax.stop_gradient(still_to_earn + jax.vmap(cost)",
        ("updates/test_soft_actor_critic.py::test_targets_by_hand",),
        "a sign between two programs",
    ),
    Mutant(
        "the larger twin is believed",
        TWINS,
        "smaller = jnp.min(self.values(observation), axis=0)",
        "smaller = jnp.max(self.values(observation), axis=0)",
        ("updates/test_twin_q.py::test_over_discrete_actions_it_is_the_exact_sum",),
        "twins that make overestimation worse",
    ),
    Mutant(
        "the soft value charges for entropy",
        TWINS,
        "jnp.exp(log_prob) * (smaller - temperature * log_prob)",
        "jnp.exp(log_prob) * (smaller + temperature * log_prob)",
        ("updates/test_twin_q.py::test_over_discrete_actions_it_is_the_exact_sum",),
        "minus log pi and log pi mixed up",
    ),
)
