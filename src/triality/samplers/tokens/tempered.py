"""A generator at another temperature: every conditional sharpened or flattened, each normalized again.

    q_T(x_t | x_{<t}) = softmax( logits / T )

Not the sequence law to the power 1/T, which no generator can sample from exactly. T < 1 trades diversity for likely tokens; the curve of
both likelihoods over T is how generators of text are compared (Caccia et al., Language GANs falling short, arXiv:1811.02549).
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.samplers.autoregressive.heads import Head
from triality.samplers.tokens.token_sampler import TokenSampler


class TemperedHead(eqx.Module):
    """A head's logits over a temperature, which is not learned."""

    head: Head
    temperature: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __call__(self, h: Float[Array, " features"]) -> Float[Array, " levels"]:
        return self.head(h) / jax.lax.stop_gradient(self.temperature)


def tempered(sampler: TokenSampler, temperature: float | Float[Array, ""]) -> TokenSampler:
    """The same generator at ``temperature`` > 0; 1 is itself.

    Example:
        >>> from triality.samplers.tokens.token_sampler import lstm
        >>> q = lstm(jax.random.key(0), length=2, vocabulary=3)
        >>> q = eqx.tree_at(lambda q: q.head.bias, q, jnp.log(jnp.array([1.0, 2.0, 3.0])))
        >>> float(jnp.exp(tempered(q, 0.5).log_prob(jnp.array([2, 2]))).round(4))  # (9/14)^2
        0.4133
    """
    return eqx.tree_at(lambda q: q.head, sampler, TemperedHead(sampler.head, jnp.asarray(temperature)))
