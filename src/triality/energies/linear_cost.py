"""A linear cost: feature matching, with the coordinates of the observation and the effort of each action as the features.

    c(x, u) = a.z + b.(10 u^2)     z = the scaled observation, clipped to [-bound, bound];   u in units of its half-box
    c(x, u) = a.z + b_u            where actions are discrete

Its likelihood gradient is E_data[z, 10 u^2] - E_q[z, 10 u^2]: learning comes to rest where the means of all coordinates, and of all
efforts, are those of the demonstrations (Abbeel and Ng 2004; Ziebart et al. 2008, section 2). Efforts are counted in tenths of that of an
action at its bound, since an expert's differ from a learner's by about as much, as scaled coordinates do by one.

So few numbers have no room for what merely tells the two sides apart, and no slope that ends where the roll-outs did: the cost says less
than a perceptron, and goes on saying it where nobody has been. Means alone cannot ask for less of what varies, nor for a value between two
extremes. ``partial_cost`` chooses the coordinates.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.policies.scaling import AnyScaling
from triality.specs import EnvironmentSpec

BOUND = 5.0
"""Standard deviations beyond which a coordinate counts as that far: a fall that no demonstration shows must not outweigh all else."""
EFFORTS = 10.0
"""Units of effort of an action at its bound."""


class LinearBoxCost(eqx.Module):
    """c(x, u) = a.z + b.(10 u^2) for continuous actions.

    Args:
        weights: a, nats a standard deviation.
        efforts: b, nats a tenth of the effort of an action at its bound.
        scaling: of the observation.
        half_width: of the box of actions; never trained.

    Example:
        >>> from triality.policies.scaling import identity_scaling
        >>> cost = LinearBoxCost(jnp.array([1.0, -0.5]), jnp.array([0.4]), identity_scaling(2), jnp.array([2.0]))
        >>> float(cost(jnp.array([3.0, 2.0]), jnp.array([1.0]))), float(cost(jnp.array([9.0, 0.0]), jnp.zeros(1)))
        (3.0, 5.0)
    """

    weights: Float[Array, " obs"]
    efforts: Float[Array, " act"]
    scaling: AnyScaling
    half_width: Float[Array, " act"]

    def __call__(self, observation: Float[Array, " obs"], action: Float[Array, " act"]) -> Float[Array, ""]:
        effort = EFFORTS * (action / jax.lax.stop_gradient(self.half_width)) ** 2
        return self.weights @ _clipped(self.scaling, observation) + self.efforts @ effort


class LinearDiscreteCost(eqx.Module):
    """c(x, u) = a.z + b_u for discrete actions.

    Args:
        weights: a, nats a standard deviation.
        efforts: b, nats, of each action.
        scaling: of the observation.
    """

    weights: Float[Array, " obs"]
    efforts: Float[Array, " actions"]
    scaling: AnyScaling

    def __call__(self, observation: Float[Array, " obs"], action: Int[Array, ""]) -> Float[Array, ""]:
        return self.weights @ _clipped(self.scaling, observation) + self.efforts[action]


def linear_cost(key: Key[Array, ""], spec: EnvironmentSpec, scaling: AnyScaling) -> LinearBoxCost | LinearDiscreteCost:
    """Zero at first. The key is not needed: there is no symmetry to break."""
    del key
    weights = jnp.zeros(spec.observation_size)
    if spec.is_discrete:
        return LinearDiscreteCost(weights, jnp.zeros(spec.num_actions), scaling)
    half_width = (jnp.asarray(spec.action_high) - jnp.asarray(spec.action_low)) / 2.0
    return LinearBoxCost(weights, jnp.zeros(spec.action_size), scaling, half_width)


def _clipped(scaling: AnyScaling, observation: Float[Array, " obs"]) -> Float[Array, " obs"]:
    return jnp.clip(scaling(observation), -BOUND, BOUND)
