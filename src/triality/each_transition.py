"""The view of adversarial inverse RL: one sample is one transition (observation, action, next observation) (D10).

Its law is that of the pair times the dynamics, which stand on both sides and cancel, so that log q is log pi(u|x) and nothing more.

A step that terminates has no next state, and what is recorded after it stands for none. With an absorbing state (``envs.absorbing``,
``data.absorbing``) there are no such steps, and its h is learned like any other. Without one, h(x') = 0 would be a guess that the policy's
own return does not make, so such steps are refused where they can be seen: outside of compiled programs.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from triality.energies.shaped_cost import ShapedCost
from triality.errors import DataError
from triality.sampler import Samples
from triality.trajectory import EachStep, Trajectory


class TransitionEnergy(eqx.Module):
    """c_f(x, u, x') of one transition; no Z, as for pairs."""

    cost: ShapedCost

    def __call__(self, transition: tuple[Float[Array, " obs"], Array, Float[Array, " obs"]]) -> Float[Array, ""]:
        return self.cost.of_transition(*transition)


class EachTransition(eqx.Module):
    """View: one sample is one (observation, action, next observation); log q is log pi(u|x). Takes costs that are shaped.

    Example:
        >>> import jax.numpy as jnp
        >>> no, real = jnp.zeros((1, 2), bool), jnp.ones((1, 2), bool)
        >>> observation = jnp.arange(3.0).reshape(1, 3, 1)
        >>> batch = Trajectory(observation, jnp.zeros((1, 2)), jnp.zeros((1, 2)), real, no, no, jnp.zeros((1, 2)), jnp.zeros(1, int))
        >>> before, _, after = EachTransition().samples(batch, batch.log_prob).x
        >>> before[:, 0].tolist(), after[:, 0].tolist()
        ([0.0, 1.0], [1.0, 2.0])
    """

    def energy(self, cost: Any) -> TransitionEnergy:
        """The energy of one sample of this view; ``cost`` is a ``ShapedCost``."""
        return TransitionEnergy(cost)

    def samples(self, batch: Trajectory, log_probs: Float[Array, "n time"], log_weight: Float[Array, " n"] | None = None) -> Samples:
        """n x T transitions; weights as of ``EachStep``.

        Raises:
            DataError: a step terminates, where that is known.
        """
        check_no_terminations(batch.terminated & batch.mask)
        pairs = EachStep().samples(batch, log_probs, log_weight)
        after = batch.observation[:, 1:].reshape(-1, batch.observation.shape[-1])
        return pairs._replace(x=(*pairs.x, after))


def check_no_terminations(terminated: Bool[Array, "n time"]) -> None:
    """Nothing, where no step terminates. Inside a compiled program the values are unknown: there whoever compiles it has to ask before.

    Raises:
        DataError: some step terminates; names the first.

    Example:
        >>> import jax.numpy as jnp
        >>> check_no_terminations(jnp.zeros((1, 2), bool))
    """
    try:
        ends = np.argwhere(np.asarray(terminated))
    except jax.errors.TracerArrayConversionError:
        return
    if len(ends):
        raise DataError(
            f"expected transitions that go on, got {len(ends)} that terminate, the first at step {ends[0][1]} of trajectory {ends[0][0]}; "
            "pad the demonstrations (triality.data.absorbing) and wrap the environment (triality.envs.absorbing)"
        )
