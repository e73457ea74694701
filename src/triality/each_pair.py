"""The view of a discriminator that knows no densities: one sample is one (observation, action), its log q set to nothing at all (7.2).

s = -c(x, u) then stands for the whole log ratio of the two visitation laws, log rho_E(x, u) - log rho_pi(x, u), the policy's density
included: a c that says who is who at present, and no cost that outlives the policy it was learned against (7.3).
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.sampler import Samples
from triality.trajectory import EachStep, StepCost, StepEnergy, Trajectory


class EachPair(eqx.Module):
    """View: ``EachStep`` without a density, log q = 0 for every sample. Not a claim about q: what is compared here is no density.

    Example:
        >>> no, real = jnp.zeros((1, 2), bool), jnp.ones((1, 2), bool)
        >>> observation, log_prob = jnp.arange(3.0).reshape(1, 3, 1), jnp.array([[-1.0, -2.0]])
        >>> batch = Trajectory(observation, jnp.zeros((1, 2)), log_prob, real, no, no, jnp.zeros((1, 2)), jnp.zeros(1, int))
        >>> EachPair().samples(batch, batch.log_prob).log_q.tolist(), EachStep().samples(batch, batch.log_prob).log_q.tolist()
        ([0.0, 0.0], [-1.0, -2.0])
    """

    def energy(self, cost: StepCost) -> StepEnergy:
        """The energy of one sample of this view, minus the logit of its discriminator."""
        return StepEnergy(cost)

    def samples(self, batch: Trajectory, log_probs: Float[Array, "n time"], log_weight: Float[Array, " n"] | None = None) -> Samples:
        """n x T pairs; ``log_probs`` are not used, weights as of ``EachStep``."""
        return EachStep().samples(batch, jnp.zeros_like(log_probs), log_weight)
