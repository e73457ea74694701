"""MIXER (Ranzato et al. 2016): the first tokens by likelihood, the rest by reward, fewer by likelihood as the run goes on.

    -sum_{t < s} log q(x_t | x_{<t})  -  sum_{t >= s} (r(y) - b) log q(y_t | y_{<t}),      y = x_{<s} and the generator's own from there on

At s = T it is maximum likelihood, at s = 0 REINFORCE, each exactly. r is of the whole sequence, b the mean reward of the other rows of the
minibatch. Reference: arXiv:1511.06732. The value means nothing but at s = T.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.objectives.sequence.schedules import LinearDecay, Schedule
from triality.sampler import Samples
from triality.samplers.tokens.completions import completed


class Mixer(eqx.Module):
    """See the module. All data count alike.

    Args:
        reward: of a whole sequence, such as minus a learned energy; larger is better.
        share: of the tokens that likelihood has; s is the share of T, rounded up.

    Example:
        >>> from triality.objectives.sequence.schedules import ConstantShare
        >>> from triality.samplers.tokens.token_sampler import gru
        >>> q, data = gru(jax.random.key(0), length=3, vocabulary=4), Samples.unweighted(jnp.zeros((2, 3), int), jnp.zeros(2))
        >>> float(Mixer(jnp.sum, ConstantShare(1.0))(jax.random.key(1), q, data, jnp.array(0)).round(4))  # uniform yet: 3 log 4
        4.1589
    """

    reward: Callable[[Int[Array, " length"]], Float[Array, ""]]
    share: Schedule = LinearDecay(1000.0)

    def __call__(self, key: Key[Array, ""], sampler: Any, data: Samples, iteration: Int[Array, ""]) -> Float[Array, ""]:
        num, length = data.x.shape
        num_given = jnp.ceil(length * self.share(iteration)).astype(int)
        y = jax.vmap(lambda key, x: completed(key, sampler, x, num_given))(jax.random.split(key, num), data.x)
        y = jax.lax.stop_gradient(y)
        reward = jax.lax.stop_gradient(jax.vmap(self.reward)(y)).astype(float)
        others = (jnp.sum(reward) - reward) / max(num - 1, 1)
        weight = jnp.where(jnp.arange(length) < num_given, 1.0, (reward - others)[:, None])
        return -jnp.sum(weight * jax.vmap(sampler.token_log_probs)(y)) / num
