"""Generation as decisions (Bachman, Precup 2015): a generator of tokens is a policy, a prefix its observation, a token its action.

    log q(x) = sum_t log pi(x_t | x_{<t}),      E(x) = sum_t c(x_{<t}, x_t)

``as_trajectory`` writes a sequence as the ``Trajectory`` that inverse RL knows. An observation is the T places of the array, those not yet
written marked -1; the dynamics are known and deterministic, so that footnote 2 holds with nothing to cancel. From there on guided cost
learning, per-decision weights and all else that takes trajectories hold as they are, and give the losses of the sequences to rounding.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from triality.sampler import AbstractDensity
from triality.samplers.categorical import Categorical
from triality.samplers.tokens.ending import real_places
from triality.samplers.tokens.token_sampler import TokenSampler
from triality.trajectory import Trajectory

UNWRITTEN = -1


def as_trajectory(x: Int[Array, " length"], log_probs: Float[Array, " length"], end: int | None) -> Trajectory:
    """One sequence as an episode of T steps; after its end token the steps are padding.

    Args:
        x: tokens.
        log_probs: of each decision, ``sampler.token_log_probs(x)``; zero where nobody knows them.
        end: the token that terminates; a sequence of T tokens is cut by the time limit.

    Example:
        >>> episode = as_trajectory(jnp.array([2, 1, 0, 0]), jnp.zeros(4), end=0)
        >>> episode.observation[2].tolist(), episode.mask.tolist(), episode.terminated.tolist()
        ([2.0, 1.0, -1.0, -1.0], [True, True, True, False], [False, False, True, False])
    """
    length = x.shape[0]
    mask = real_places(x, end)
    written = jnp.arange(length) < jnp.arange(length + 1)[:, None]
    observation = jnp.where(written, x, UNWRITTEN).astype(float)
    terminated = mask & (x == end) if end is not None else jnp.zeros_like(mask)
    truncated = jnp.zeros_like(mask).at[-1].set(mask[-1] & ~terminated[-1])
    return Trajectory(
        observation, x, jnp.where(mask, log_probs, 0.0), mask, terminated, truncated, jnp.zeros(length), jnp.zeros((), jnp.int32)
    )


class TokenPolicy(AbstractDensity):
    """The generator as a policy of prefixes: ``policy(observation)`` is the law of the next token.

    Example:
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> q = gru(jax.random.key(0), length=3, vocabulary=4)
        >>> float(TokenPolicy(q)(jnp.array([2.0, -1.0, -1.0])).log_prob(jnp.array(1)).round(4))  # -log 4
        -1.3863
    """

    sampler: TokenSampler

    def __call__(self, observation: Float[Array, " length"]) -> Categorical:
        """The law of the first place that is not written yet; of the last one where all are."""
        place = jnp.minimum(jnp.sum(observation != UNWRITTEN), self.sampler.length - 1)
        written = jnp.maximum(observation, 0).astype(jnp.int32)
        return Categorical(self.sampler.logits(written)[place])

    def log_prob(self, x: Trajectory) -> Float[Array, ""]:
        """Sum over real steps, nats: the generator's own log q."""
        steps = jax.vmap(lambda seen, token: self(seen).log_prob(token))(x.observation[:-1], x.action)
        return jnp.sum(jnp.where(x.mask, steps, 0.0))
