"""Policies that err: with probability eps the action is another one than the policy chose, any other as likely.

    pi'(u|x) = (1 - eps) pi(u|x) + eps (1 - pi(u|x)) / (A - 1)

A class of policies with one error rate for whatever is learned in it: the eps by which the theory of imitation counts regret
(Ross and Bagnell 2010).
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.samplers.categorical import Categorical

CategoricalOf = Callable[[Float[Array, " obs"]], Categorical]


def erring(log_probs: Float[Array, "*batch actions"], error: Float[Array, ""] | float) -> Float[Array, "*batch actions"]:
    """log pi' for log pi along the last axis, in nats; -inf entries are fine.

    Args:
        log_probs: normalized.
        error: eps in [0, (A - 1) / A].

    Example:
        >>> jnp.exp(erring(jnp.log(jnp.array([1.0, 0.0, 0.0])), 0.1)).round(3).tolist()
        [0.9, 0.05, 0.05]
    """
    num_others = log_probs.shape[-1] - 1
    # The same mixture, written as one with the uniform law: eps / (A - 1) to every action, the rest to the policy.
    uniform = jnp.log(jnp.asarray(error / num_others, log_probs.dtype))
    return jnp.logaddexp(uniform, jnp.log1p(-error * (num_others + 1) / num_others) + log_probs)


class ErringPolicy(eqx.Module):
    """``policy`` with errors; its density is that of what is done, errors included.

    Example:
        >>> from triality.policies.categorical import OneHotTabularPolicy
        >>> policy = ErringPolicy(OneHotTabularPolicy(jnp.zeros((2, 3)).at[0, 1].set(50.0)), 0.1)
        >>> jnp.exp(policy(jnp.array([1.0, 0.0])).logits).round(3).tolist()
        [0.05, 0.9, 0.05]
    """

    policy: CategoricalOf
    error: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __call__(self, observation: Float[Array, " obs"]) -> Categorical:
        return Categorical(erring(jax.nn.log_softmax(self.policy(observation).logits), jax.lax.stop_gradient(self.error)))
