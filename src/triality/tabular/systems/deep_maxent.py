"""Deep maximum-entropy IRL (Wulfmeier, Ondruska and Posner 2015): the cost is a network of state features, its gradient exact.

    dL/dtheta = sum_x (n_E(x) - n_theta(x)) dc_theta(x)/dtheta + l2 theta        n: expected visits, demonstrated and the model's

The gap of visits, pushed back through the network: what ``mce_irl`` does with any cost model, so a deep cost is a cost model and nothing
else. The network is a perceptron on the features of each state, or a convolution over a grid of them, which sees a state's surroundings.

L is convex in c and no longer in theta: another start gives another cost, and a gap of zero is not promised; ``gap`` tells.
As with every cost learned here, compare policies: a constant and shaping are free. Where nobody was, the network extrapolates.

Reference: M. Wulfmeier, P. Ondruska and I. Posner, Maximum entropy deep inverse reinforcement learning, arXiv:1507.04888.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError, DataError
from triality.tabular.demonstrations import Visitation
from triality.tabular.irl import IrlConfig, IrlResult, mce_irl
from triality.tabular.mdp import TabularMDP

Network = Callable[[Float[Array, "*shape"]], Float[Array, " states"]]


class NetworkCost(eqx.Module):
    """A ``CostModel``: c(x, u) = network(features)(x), its weights as one vector.

    Args:
        network: maps ``features``, all states at once, to a number for each state. Its output is divided by nothing and has no bias of its
            own: a constant cost is free.
        features: whatever the network takes.
        num_actions: A.
    """

    network: Network
    features: Float[Array, "*shape"]
    num_actions: int = eqx.field(static=True)

    def __call__(self, parameters: Float[Array, " weights"]) -> Float[Array, "states actions"]:
        arrays, rest = eqx.partition(self.network, eqx.is_inexact_array)
        network = eqx.combine(ravel_pytree(arrays)[1](parameters), rest)
        values = network(self.features)
        return jnp.broadcast_to(values[:, None], (values.shape[0], self.num_actions))

    def initial(self) -> Float[Array, " weights"]:
        """The network's own weights, the last layer's zero: every cost is zero, and no unit is like another."""
        return ravel_pytree(eqx.filter(self.network, eqx.is_inexact_array))[0]


class Perceptron(eqx.Module):
    """A network on the features of each state by itself: the last layer begins at zero and has no bias."""

    layers: eqx.nn.MLP

    def __call__(self, features: Float[Array, "states features"]) -> Float[Array, " states"]:
        return jax.vmap(self.layers)(features)[:, 0]


class Convolution(eqx.Module):
    """Convolutions over a grid of features, padded to its size; cells in row-major order, as ``gridworld`` numbers them."""

    layers: tuple[eqx.nn.Conv2d, ...]

    def __call__(self, features: Float[Array, "channels height width"]) -> Float[Array, " states"]:
        *hidden, last = self.layers
        for layer in hidden:
            features = jnp.tanh(layer(features))
        return last(features).reshape(-1)


def perceptron_cost(
    key: Key[Array, ""], features: Float[Array, "states features"], num_actions: int, hidden: int = 16, num_layers: int = 2
) -> NetworkCost:
    """A perceptron on state features, standardized to mean zero and deviation one over the states.

    Args:
        key: of the hidden layers' first weights.
        features: f(x). A feature that is the same everywhere is dropped to zero.
        num_actions: A.
        hidden: units of a layer; smooth ones (tanh), so that a line search works.
        num_layers: hidden layers.

    Raises:
        ConfigError: no unit or no layer.

    Example:
        >>> model = perceptron_cost(jax.random.key(0), jnp.eye(3), num_actions=2)
        >>> model(model.initial()).tolist()
        [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    if hidden < 1 or num_layers < 1:
        raise ConfigError(f"expected hidden, num_layers >= 1, got {hidden} and {num_layers}; for a linear cost use LinearCost")
    layers = eqx.nn.MLP(features.shape[1], 1, hidden, num_layers, jnp.tanh, use_final_bias=False, key=key)
    layers = eqx.tree_at(lambda one: one.layers[-1].weight, layers, replace_fn=jnp.zeros_like)
    return NetworkCost(Perceptron(layers), _standardized(features, axis=0), num_actions)


def convolutional_cost(
    key: Key[Array, ""], features: Float[Array, "height width channels"], num_actions: int, hidden: int = 8, reach: int = 1
) -> NetworkCost:
    """Two convolutions over a grid: the cost of a cell depends on the features within ``reach`` cells, then on that cell's alone.

    Args:
        key: of the hidden layer's first weights.
        features: f(row, column), standardized over the grid. Beyond its border they count as their mean.
        num_actions: A.
        hidden: channels of the hidden layer.
        reach: how far the hidden layer looks, in cells.

    Raises:
        ConfigError: no channel, or a negative reach.

    Example:
        >>> model = convolutional_cost(jax.random.key(0), jnp.ones((2, 3, 1)), num_actions=4)
        >>> model(model.initial()).shape
        (6, 4)
    """
    if hidden < 1 or reach < 0:
        raise ConfigError(f"expected hidden >= 1 and reach >= 0, got {hidden} and {reach}; correct them")
    first = eqx.nn.Conv2d(features.shape[2], hidden, 2 * reach + 1, padding=reach, key=key)
    last = eqx.nn.Conv2d(hidden, 1, 1, use_bias=False, key=key)
    last = eqx.tree_at(lambda one: one.weight, last, replace_fn=jnp.zeros_like)
    return NetworkCost(Convolution((first, last)), jnp.moveaxis(_standardized(features, axis=(0, 1)), -1, 0), num_actions)


def deep_maxent_irl(mdp: TabularMDP, demonstrated: Visitation, cost_model: NetworkCost, config: IrlConfig | None = None) -> IrlResult:
    """``mce_irl`` with a network, and weight decay unless told otherwise: ``IrlConfig(l2=1e-3, tolerance=1e-4)``.

    Args:
        mdp: finite-horizon or discounted.
        demonstrated: from ``empirical_visitation``, or exact.
        cost_model: from ``perceptron_cost`` or ``convolutional_cost``, or a ``NetworkCost`` around a network of one's own.
        config: as for ``mce_irl``; l2 counts every weight.

    Raises:
        DataError: the network does not give one number for each state.
    """
    shape = jax.eval_shape(cost_model, cost_model.initial()).shape
    if shape != (mdp.num_states, mdp.num_actions):
        raise DataError(
            f"expected a network that gives costs of shape {(mdp.num_states, mdp.num_actions)}, got {shape}; give features of every state"
        )
    return mce_irl(mdp, demonstrated, cost_model, config or IrlConfig(l2=1e-3, tolerance=1e-4))


def _standardized(features: Float[Array, "*shape"], axis: int | tuple[int, ...]) -> Float[Array, "*shape"]:
    centered = features - jnp.mean(features, axis=axis, keepdims=True)
    deviation = jnp.std(centered, axis=axis, keepdims=True)
    return centered / jnp.where(deviation > 0, deviation, 1.0)
