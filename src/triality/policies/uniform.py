"""The policy that looks at nothing: every action is as likely as every other."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.policies.over import UniformBox
from triality.samplers.categorical import Categorical
from triality.specs import EnvironmentSpec


class UniformPolicy(eqx.Module):
    """pi(u|x) = uniform on the set of actions.

    Example:
        >>> from triality.specs import SPECS
        >>> float(UniformPolicy(SPECS["Pendulum-v1"])(jnp.zeros(3)).log_prob(jnp.zeros(1)).__round__(4))  # on [-2, 2]
        -1.3863
    """

    spec: EnvironmentSpec = eqx.field(static=True)

    def __call__(self, observation: Float[Array, " obs"]) -> Categorical | UniformBox:
        if self.spec.is_discrete:
            return Categorical(jnp.zeros(self.spec.num_actions, observation.dtype))
        return UniformBox(jnp.asarray(self.spec.action_low, observation.dtype), jnp.asarray(self.spec.action_high, observation.dtype))
