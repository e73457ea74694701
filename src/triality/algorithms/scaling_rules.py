"""What becomes of the shared scaling of observations from one batch to the next: fitted once, or following what is seen.

| rule | the scaling | for |
|---|---|---|
| ``FrozenScaling`` | that of the beginning, for ever | tasks in which a random policy already goes nearly everywhere |
| ``RunningScaling`` | moments of demonstrations and of all roll-outs so far | policies that begin far from where they will act |

The algorithm puts what ``after`` returns into the cost, the policy and the state of the policy's update at once (pitfall 7: two scalings
that differ), and into nothing that it remembers: the densities of a batch are those of the policy that drew it, and a past policy keeps
the scaling it had. Between two batches nothing moves.

A scaling that moves changes what cost, policy and value compute, though no optimizer took a step. ``RunningScaling`` keeps that small by
counting: update number k moves its moments by the share 1/(prior + k) of what the batch says, which falls like 1/k.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from triality.policies.running_scaling import Moments
from triality.policies.scaling import Scaling
from triality.trajectory import Trajectory


@runtime_checkable
class ScalingRule(Protocol):
    """``init`` makes what it remembers, ``after`` the scaling that follows a batch of roll-outs. All that it remembers is arrays."""

    def init(self, scaling: Scaling, batch: Trajectory) -> PyTree: ...

    def after(
        self, memory: Any, scaling: Scaling, data: Trajectory, data_log_weight: Float[Array, " n"], batch: Trajectory
    ) -> tuple[Any, Scaling]: ...


class FrozenScaling(eqx.Module):
    """The scaling of the beginning. Remembers nothing."""

    def init(self, scaling: Scaling, batch: Trajectory) -> None:
        """Nothing."""
        del scaling, batch

    def after(
        self, memory: None, scaling: Scaling, data: Trajectory, data_log_weight: Float[Array, " n"], batch: Trajectory
    ) -> tuple[None, Scaling]:
        """The same scaling."""
        del data, data_log_weight, batch
        return memory, scaling


class RunningScaling(eqx.Module):
    """Mean and standard deviation of the demonstrations and of every roll-out so far.

        moments' = moments + count * ( data_share demonstrations + (1 - data_share) roll-outs of the batch )

    A batch counts as many observations as it has real steps, and of these the demonstrations stand for ``data_share``, each by its
    weight, however many there are: so demonstrations do not drown in roll-outs, and the roll-outs of all policies so far count alike.

    Args:
        prior: batches that the first scaling counts as; it stays for the share prior/(prior + k) after k updates. Higher is stiller.
        data_share: of the demonstrations, in [0, 1]; at 1/2 both sides of the discriminator are seen alike, as in the fitted scaling.

    A coordinate that has never moved has scale one and counts as if it had varied by one: should it move later, its scale shrinks slowly,
    never at one stroke.

    Example:
        >>> x, flags = jnp.array([[[2.0], [6.0], [9.0]]]), jnp.ones((1, 2), bool)
        >>> batch = Trajectory(x, jnp.zeros((1, 2), int), jnp.zeros((1, 2)), flags, flags, flags, jnp.zeros((1, 2)), jnp.zeros(1, int))
        >>> shown, rule = batch._replace(observation=-x), RunningScaling(prior=1.0)
        >>> memory = rule.init(Scaling(jnp.array([1.0]), jnp.array([2.0])), batch)
        >>> memory, scaling = rule.after(memory, Scaling(jnp.array([1.0]), jnp.array([2.0])), shown, jnp.zeros(1), batch)
        >>> float(memory.count), scaling.mean.tolist()  # two of the first scaling with mean 1; two of both sides, -4 and 4, with mean 0
        (4.0, [0.5])
        >>> round(float(scaling.scale[0] ** 2), 6)  # half of 2^2, half of 4^2 + 2^2, and 1/4 since the two means are 1 apart
        12.25
    """

    prior: Float[Array, ""] = eqx.field(default=10.0, converter=jnp.asarray)
    data_share: Float[Array, ""] = eqx.field(default=0.5, converter=jnp.asarray)

    def init(self, scaling: Scaling, batch: Trajectory) -> Moments:
        """The first scaling, counted ``prior`` times the steps of a batch."""
        return Moments.like(scaling, self.prior * batch.mask.size)

    def after(
        self, memory: Moments, scaling: Scaling, data: Trajectory, data_log_weight: Float[Array, " n"], batch: Trajectory
    ) -> tuple[Moments, Scaling]:
        """The moments with one more batch, and their scaling."""
        del scaling
        drawn = Moments.of(batch)
        shown = Moments.of(data, data_log_weight).counting(self.data_share * drawn.count)
        memory = memory.merged(shown.merged(drawn.counting((1.0 - self.data_share) * drawn.count)))
        return memory, memory.scaling()
