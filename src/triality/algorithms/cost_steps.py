"""How a cost moves along its gradient: two rules, each a function that makes an optimizer.

| rule | a step | for |
|---|---|---|
| ``adam_steps`` | Adam's: every parameter moves about equally far | perceptrons, whose gradients have no common scale |
| ``gradient_steps`` | the gradient, for one step of an episode | costs linear in features that have units of their own |

Where a cost is linear, its gradient is by how much the means of the features differ, and that is what the learned weights should be in
proportion to. Adam would give a feature that differs by a hundredth of a standard deviation the same weight as one that differs by two.
"""

from __future__ import annotations

from collections.abc import Callable

import optax
from jaxtyping import Array, Float

CostSteps = Callable[[Float[Array, ""], Float[Array, ""], int], optax.GradientTransformation]
"""From learning rate, momentum and the number of steps that one sample is the sum of."""


def adam_steps(learning_rate: Float[Array, ""], momentum: Float[Array, ""], num_steps: int) -> optax.GradientTransformation:
    """Adam's, to which the scale of the gradient is nothing."""
    del num_steps
    return optax.chain(optax.scale_by_adam(b1=momentum), optax.scale(-1.0 * learning_rate))


def gradient_steps(learning_rate: Float[Array, ""], momentum: Float[Array, ""], num_steps: int) -> optax.GradientTransformation:
    """Against the gradient, without momentum: of whole trajectories the mean over their steps.

    Example:
        >>> import jax.numpy as jnp
        >>> rule = gradient_steps(jnp.array(0.5), jnp.array(0.0), 10)
        >>> rule.update(jnp.array(20.0), rule.init(jnp.array(0.0)))[0].item()
        -1.0
    """
    del momentum
    return optax.scale(-1.0 * learning_rate / num_steps)
