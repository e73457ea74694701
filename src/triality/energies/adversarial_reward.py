"""The rewards of GAIL as costs that a policy minimizes, made of the log-odds s = -c(x, u) of a free discriminator D = sigmoid(s) (7.2).

| reward | as a cost | sign of the reward | knowing nothing (s = 0), a step |
|---|---|---|---|
| -log(1 - D) = softplus(s) | ``LogDrawn`` | always positive | pays log 2 for staying alive |
| log D = -softplus(-s) | ``MinusLogData`` | always negative | charges log 2 for staying alive |
| log D - log(1 - D) = s | ``triality.trajectory.OfPair`` | either | nothing |

All three rise with s: what looks like data is rewarded. Where episodes can end, the first keeps a policy alive and the second ends it
whatever the demonstrations did (pitfall 1); with a fixed horizon and an absorbing state neither does (``tabular.worlds.stay_alive``). No
noise ratio is in them (D7): s is that of equally many samples on both sides.

Reference: Ho, Ermon 2016, arXiv:1606.03476 (the first); Kostrikov et al. 2019, arXiv:1809.02925, section 4.1 (the bias).
"""

from __future__ import annotations

import equinox as eqx
import jax
from jaxtyping import Array, Float

from triality.trajectory import StepCost


class LogDrawn(eqx.Module):
    """log(1 - D) = -softplus(s) to be minimized: the log probability of being taken for drawn. The reward -log(1 - D) is always positive.

    Example:
        >>> import jax.numpy as jnp
        >>> x, u = jnp.zeros(1), jnp.zeros(1)
        >>> round(float(LogDrawn(lambda x, u: jnp.array(0.0))(x, u, x)), 4)  # a reward of log 2 for being alive
        -0.6931
    """

    cost: StepCost

    def __call__(self, observation: Float[Array, " obs"], action: Array, after: Float[Array, " obs"]) -> Float[Array, ""]:
        del after
        return -jax.nn.softplus(-self.cost(observation, action))


class MinusLogData(eqx.Module):
    """-log D = softplus(-s) to be minimized: minus the log probability of being taken for data. The reward log D is always negative.

    Example:
        >>> import jax.numpy as jnp
        >>> x, u = jnp.zeros(1), jnp.zeros(1)
        >>> round(float(MinusLogData(lambda x, u: jnp.array(0.0))(x, u, x)), 4)  # a charge of log 2 for being alive
        0.6931
    """

    cost: StepCost

    def __call__(self, observation: Float[Array, " obs"], action: Array, after: Float[Array, " obs"]) -> Float[Array, ""]:
        del after
        return jax.nn.softplus(self.cost(observation, action))
