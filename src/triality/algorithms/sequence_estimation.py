"""A generator of tokens that goes on learning from a cost by a critic; what is kept is the last state.

Validation is told, and chooses nothing: a reward moves a generator away from the data's likelihood on purpose.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Array, Key

from triality.algorithms.stages import Progress, Stage, best_of, mean_log_prob, no_progress
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
        return float(mean_log_prob(state.sampler, valid))

    return best_of(learning, learning.init(key, sampler, critic), value, num_steps, chunk, "critic", progress)
