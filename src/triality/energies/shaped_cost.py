"""A cost with potential-based shaping: what adversarial inverse RL learns (Fu et al. 2018, section 4; D10).

    f(x, u, x') = g(x, u) + gamma h(x') - h(x)        the paper's, a reward
    c_f(x, u, x') = c(x, u) + h(x) - gamma h(x')      ours, a cost: c = -g, c_f = -f

h takes up what depends on the dynamics, so that c need not: where c is blind to the action, dynamics are deterministic and every state
is linked to every other through common predecessors, c is the cost that the demonstrations were drawn from, up to a constant. What is
shown, exported and trained on again as *the cost* of (x, u) is c alone.

h of an absorbing state is learned like any other. A step that terminates without one has no x' and is refused (``EachTransition``).
Reference: Fu, Luo, Levine 2018, arXiv:1710.11248; Ng, Harada, Russell 1999 for the potential.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energies.mlp import MLP
from triality.energies.step_cost import mlp_cost
from triality.policies.scaling import AnyScaling
from triality.specs import EnvironmentSpec
from triality.trajectory import StepCost


class Potential(eqx.Module):
    """h(x): a perceptron of the scaled observation, high = good, in nats. No output bias: a constant in h is one in c."""

    net: MLP
    scaling: AnyScaling

    def __call__(self, observation: Float[Array, " obs"]) -> Float[Array, ""]:
        return self.net(self.scaling(observation))[0]


class ShapedCost(eqx.Module):
    """c(x, u) where it is called as a cost of pairs, c_f(x, u, x') through ``of_transition``.

    Args:
        cost: c(x, u), low = likely.
        potential: h(x), high = good.
        discount: gamma of the shaping, in [0, 1]; that of the policy's update, if shaping is to leave its optimum alone. Never trained.

    Example:
        >>> shaped = ShapedCost(lambda x, u: 2.0 * x[0], lambda x: x[0] ** 2, 0.5)
        >>> before, after = jnp.array([1.0]), jnp.array([2.0])
        >>> float(shaped(before, jnp.array(0))), float(shaped.of_transition(before, jnp.array(0), after))
        (2.0, 1.0)
    """

    cost: StepCost
    potential: Callable[[Float[Array, " obs"]], Float[Array, ""]]
    discount: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __call__(self, observation: Float[Array, " obs"], action: Array) -> Float[Array, ""]:
        """c(x, u) alone."""
        return self.cost(observation, action)

    def of_transition(self, observation: Float[Array, " obs"], action: Array, after: Float[Array, " obs"]) -> Float[Array, ""]:
        """c(x, u) + h(x) - gamma h(x')."""
        gamma = jax.lax.stop_gradient(self.discount)
        return self.cost(observation, action) + self.potential(observation) - gamma * self.potential(after)


class OfTransition(eqx.Module):
    """c_f as a cost of transitions: the policy minimizes the shaped cost. ``OfPair`` is the other choice, c without shaping."""

    cost: ShapedCost

    def __call__(self, observation: Float[Array, " obs"], action: Array, after: Float[Array, " obs"]) -> Float[Array, ""]:
        return self.cost.of_transition(observation, action, after)


@dataclass(frozen=True)
class MakeShapedCost:
    """Makes a ``ShapedCost`` as ``make_cost`` makes costs; equal settings are equal makers, so that nothing is compiled twice.

    Args:
        make_cost: of c(x, u); ``state_cost`` makes it blind to the action.
        discount: gamma of the shaping.
        hidden: hidden sizes of h.
        output_scale: gain of h's last layer at first; h begins nearly zero.

    Example:
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.specs import SPECS
        >>> make = MakeShapedCost(discount=0.9)
        >>> make == MakeShapedCost(discount=0.9), make == MakeShapedCost()
        (True, False)
        >>> cost = make(jax.random.key(0), SPECS["Pendulum-v1"], identity_scaling(3))
        >>> round(float(cost.discount), 6), cost(jnp.zeros(3), jnp.zeros(1)).shape
        (0.9, ())
    """

    make_cost: Callable[[Key[Array, ""], EnvironmentSpec, Any], StepCost] = mlp_cost
    discount: float = 0.99
    hidden: tuple[int, ...] = (64, 64)
    output_scale: float = 0.01

    def __call__(self, key: Key[Array, ""], spec: EnvironmentSpec, scaling: AnyScaling) -> ShapedCost:
        key_cost, key_potential = jax.random.split(key)
        net = MLP(key_potential, (spec.observation_size, *self.hidden, 1), self.output_scale, output_bias=False)
        # With its type stated: of a weakly typed number the first update would make another type, and all that holds it compile anew.
        discount = jnp.asarray(self.discount, float)
        return ShapedCost(self.make_cost(key_cost, spec, scaling), Potential(net, scaling), discount)
