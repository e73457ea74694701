"""How a cost moves along its gradient: rules, each a function that makes an optimizer.

| rule | a step | for |
|---|---|---|
| ``adam_steps`` | Adam's: every parameter moves about equally far | perceptrons, whose gradients have no common scale |
| ``gradient_steps`` | the gradient, for one step of an episode | costs linear in features that have units of their own |
| ``averaged(...)`` | another rule's, and a mean of the course is kept: what was learned | costs linear in their parameters |

Where a cost is linear, its gradient is by how much the means of the features differ, and that is what the learned weights should be in
proportion to. Adam would give a feature that differs by a hundredth of a standard deviation the same weight as one that differs by two.

Cost and policy are two sides of a game, and where each moves along its gradient they circle around its solution: the cost of a moment asks
for more of what the policy of that moment has too little of. It is the mean of their course that comes to the solution (Freund and Schapire
1999, for learners of small regret), and of linear costs the mean of the parameters is the mean of the costs, under a scaling that stands
still. Later ones count more: the beginning, in which the policy knew nothing, is forgotten. A policy that follows the course's mean itself
is another remedy (``updates.slow_cost``).

References: Freund and Schapire 1999, "Adaptive game playing using multiplicative weights"; Shamir and Zhang 2013, arXiv:1212.1824, for
means in which later parameters count more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PyTree

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


class Averaged(NamedTuple):
    """State of ``averaged`` steps.

    Fields:
        of_rule: the state of the rule that moves the parameters.
        mean: of the parameters after each step so far, those after step k counting k: half of the weight lies on the last 29 % of the
            steps. Before the first step the parameters themselves.
        count: steps so far.
    """

    of_rule: PyTree
    mean: PyTree
    count: Int[Array, ""]


def averaged(rule: CostSteps) -> CostSteps:
    """The steps of ``rule``, beside which a mean of the parameters is kept.

        mean_k = mean_{k-1} + 2/(k + 1) (theta_k - mean_{k-1})

    Its optimizer has to be told the parameters: ``update(gradient, state, parameters)``.

    Args:
        rule: how the parameters move.

    Example:
        >>> optimizer = averaged(gradient_steps)(jnp.array(1.0), jnp.array(0.0), 1)
        >>> value, state = jnp.array(0.0), optimizer.init(jnp.array(0.0))
        >>> for gradient in (-1.0, -1.0):
        ...     step, state = optimizer.update(jnp.array(gradient), state, value)
        ...     value = value + step
        >>> float(value), round(float(mean_of(state)), 4)  # the mean of 1 and 2, which count 1 and 2
        (2.0, 1.6667)
    """

    def make(learning_rate: Float[Array, ""], momentum: Float[Array, ""], num_steps: int) -> optax.GradientTransformation:
        within = rule(learning_rate, momentum, num_steps)

        def init(parameters: PyTree) -> Averaged:
            return Averaged(within.init(parameters), parameters, jnp.zeros((), jnp.int32))

        def update(gradient: PyTree, state: Averaged, parameters: PyTree = None) -> tuple[PyTree, Averaged]:
            step, of_rule = within.update(gradient, state.of_rule, parameters)
            count = state.count + 1
            share = 2.0 / (1.0 + count)  # 1 at first
            moved = optax.apply_updates(parameters, step)
            mean = jax.tree.map(lambda old, new: old + share.astype(new.dtype) * (new - old), state.mean, moved)
            return step, Averaged(of_rule, mean, count)

        return optax.GradientTransformation(init, update)  # pyright: ignore[reportArgumentType]

    return make


def mean_of(optimizer_state: PyTree) -> PyTree | None:
    """The mean of the parameters, where the optimizer keeps one."""
    return optimizer_state.mean if isinstance(optimizer_state, Averaged) else None
