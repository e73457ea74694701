"""A loss of Q whose V(x') is that of slow twins and held fixed, as target networks are used in practice.

For inverse soft Q-learning this is no descent of J any more: the gradient through V(x') is left out. With ``StartValue`` and a penalty on
both sides what it settles at has r toward 2 alpha on demonstrations and toward 0 on own transitions, which is the reward of SQIL with
another weight (Al-Hafez et al. 2023, arXiv:2303.00599, on this kinship). It learns where the exact gradient, through a moving V(x'), is
slow.
"""

from __future__ import annotations

import equinox as eqx
import jax
from jaxtyping import Array, Float

from triality.objectives.soft_q import SoftQ, SoftQLoss, SoftQMetrics


class HeldAhead(eqx.Module):
    """``loss`` with ``after`` held fixed, and asked of slow twins.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.objectives.iq_learn import IqLearnLoss
        >>> side = SoftQ(q=jnp.array([3.0]), value=jnp.array([2.0]), after=jnp.array([1.0]), log_weight=jnp.zeros(1))
        >>> of_after = lambda loss, after: loss(side._replace(after=after), side._replace(after=after), jnp.array(4.0))[0]
        >>> [jax.grad(of_after, argnums=1)(loss, side.after).tolist() for loss in (IqLearnLoss(), HeldAhead(IqLearnLoss()))]
        [[-2.0], [0.0]]
    """

    loss: SoftQLoss

    @property
    def looks_ahead_slowly(self) -> bool:
        """A target that stands still."""
        return True

    def __call__(self, data: SoftQ, drawn: SoftQ, start_value: Float[Array, ""]) -> tuple[Float[Array, ""], SoftQMetrics]:
        """The loss's own value."""
        data, drawn = (side._replace(after=jax.lax.stop_gradient(side.after)) for side in (data, drawn))
        return self.loss(data, drawn, start_value)
