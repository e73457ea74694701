"""A cost relative to a policy: what learning adds to it is a tilt of that policy's own roll-outs.

    c(x, u) = t(x, u) - log pi_0(u|x),        p_theta(tau) = exp(-sum_t c) / Z = q_0(tau) exp(-sum_t t(x_t, u_t)) / Z

with pi_0 frozen, as a rule cloned from the demonstrations, and t nearly zero at first: the model begins as pi_0's own roll-outs, log Z = 0,
and a policy that begins as pi_0 *is* its soft optimum. A plain cost begins at zero instead, whose soft optimum is the uniform policy: under
it a cloned policy is first driven apart by its own entropy, and its trajectories' weights exp(-c)/q are spread over thousands of nats.
Here they are all one at the start, and spread only as far as t and q have moved.

The same cost in another gauge, not another model: -log pi_0 is a cost like any other, and for deterministic dynamics every trajectory law
has one of this form (X10). What it holds of the demonstrated *task* is no more than t and pi_0 hold together; t alone is not a cost.
"""

from __future__ import annotations

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key

from triality.energies.gradient_penalty import GradientPenalty
from triality.policies.scaling import Scaling
from triality.trajectory import Policy, StepCost, Trajectory


class TiltedCost(eqx.Module):
    """t(x, u) - log pi_0(u|x), in nats; low = likely.

    Args:
        tilt: t(x, u), learned.
        reference: pi_0, never trained.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.samplers.gaussian import Gaussian
        >>> cost = TiltedCost(lambda x, u: 2.0 * u[0], lambda x: Gaussian(x, jnp.zeros(1)))
        >>> round(float(cost(jnp.zeros(1), jnp.ones(1))), 4)  # 2 + 1/2 + log(2 pi)/2
        3.4189
    """

    tilt: StepCost
    reference: Policy

    def __call__(self, observation: Float[Array, " obs"], action: Array) -> Float[Array, ""]:
        arrays, rest = eqx.partition(self.reference, eqx.is_array)
        reference = eqx.combine(jax.lax.stop_gradient(arrays), rest)
        return self.tilt(observation, action) - reference(observation).log_prob(action)


class PenaltyOfTilt(eqx.Module):
    """The gradient penalty of t alone: pi_0 is as steep as it is.

    Args:
        penalty: of t.
    """

    penalty: GradientPenalty = GradientPenalty()

    def __call__(self, key: Key[Array, ""], cost: TiltedCost, scaling: Scaling, data: Trajectory, drawn: Trajectory) -> Float[Array, ""]:
        return self.penalty(key, cost.tilt, scaling, data, drawn)
