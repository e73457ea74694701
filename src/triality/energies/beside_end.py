"""What a step costs beside one in the absorbing state: the same cost for roll-outs that start anew where an episode ends.

    sum_{t <= N} s_t  =  N e + sum_{t <= tau} (s_t - e)      s_t = c(x_t, u_t) + temperature log pi(u_t|x_t),   tau: the episode's end
    e = E_u[c(absorbing, u)] - temperature H               u uniform on the actions, H their entropy

In the absorbing state actions are uniform and do nothing (``policies.over``), so that each step there has the same mean soft cost e for
every policy. Counted from e, what follows an end is worth nothing, and roll-outs need not go through it: no step is spent where there is
nothing to learn, and a policy that falls early falls often, and sees more of how it began.

Reference: Kostrikov et al. 2019, arXiv:1809.02925, section 4.1, for the absorbing state.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.policies.over import UniformBox
from triality.specs import EnvironmentSpec
from triality.trajectory import StepCost

NUM_ACTIONS = 4096
"""Uniform draws that the mean over a box is taken of: its error is a 64th of their spread. Discrete actions are all taken."""


class CostBesideEnd(eqx.Module):
    """c((x, 0), u) - e, of observations without the absorbing indicator.

    Args:
        cost: c, of observations with the indicator.
        end: e, nats a step.

    Example:
        >>> beside = CostBesideEnd(lambda x, u: x[0] + 9.0 * x[-1], jnp.array(9.0))
        >>> float(beside(jnp.array([2.0]), jnp.zeros(1)))
        -7.0
    """

    cost: StepCost
    end: Float[Array, ""]

    def __call__(self, observation: Float[Array, " obs"], action: Array) -> Float[Array, ""]:
        return self.cost(jnp.append(observation, 0.0), action) - self.end


def cost_beside_end(cost: StepCost, spec: EnvironmentSpec, temperature: float) -> CostBesideEnd:
    """Of a cost that was learned with an absorbing state.

    Args:
        cost: c(x, u), x with the indicator.
        spec: of the environment without it.
        temperature: weight of the entropy in the training that the cost is for.

    Example:
        >>> from triality.specs import SPECS
        >>> beside = cost_beside_end(lambda x, u: x[-1] * (1.0 + u), SPECS["CartPole-v1"], temperature=2.0)
        >>> round(float(beside.end), 4)  # the mean of 1 and 2, less 2 log 2
        0.1137
    """
    over = jnp.zeros(spec.observation_size + 1).at[-1].set(1.0)
    if spec.is_discrete:
        actions, entropy = jnp.arange(spec.num_actions), jnp.log(float(spec.num_actions))
    else:
        low, high = jnp.asarray(spec.action_low), jnp.asarray(spec.action_high)
        actions = jax.random.uniform(jax.random.key(0), (NUM_ACTIONS, spec.action_size), low.dtype, low, high)
        entropy = -UniformBox(low, high).log_prob(low)
    mean = jnp.mean(jax.vmap(lambda action: cost(over, action))(actions))
    return CostBesideEnd(cost, mean - temperature * entropy)
