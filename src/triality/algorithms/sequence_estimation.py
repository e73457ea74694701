"""A generator of tokens that goes on learning from a cost: MIXER's loss, or a critic; what is kept is the last state.

Validation is told, and chooses nothing: a reward moves a generator away from the data's likelihood on purpose.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Key

from triality.algorithms.density_estimation import Progress, Stage, best_of, in_pieces, no_progress
from triality.algorithms.token_critic import TokenActorCritic
from triality.samplers.tokens.token_sampler import TokenSampler


def fit_by_critic(
    learning: TokenActorCritic,
    key: Key[Array, ""],
    sampler: TokenSampler,
    critic: TokenSampler,
    valid: Any,
    num_steps: int,
    chunk: int = 250,
    progress: Progress = no_progress,
) -> Stage:
    """Actor and critic together; the last state is the result.

    Raises:
        NonFiniteError: parameters became NaN or infinite.
    """

    def value(state: Any) -> float:
        return float(_mean_log_prob(state.sampler, valid))

    return best_of(learning, learning.init(key, sampler, critic), value, num_steps, chunk, "critic", progress)


@eqx.filter_jit
def _mean_log_prob(sampler: TokenSampler, x: Any) -> Array:
    return jnp.mean(in_pieces(sampler.log_prob, x))
