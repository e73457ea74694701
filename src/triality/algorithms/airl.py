"""Adversarial inverse RL (Fu et al. 2018): ``CostLearning`` of a shaped cost on single transitions (D10).

    s(x, u, x') = f(x, u, x') - log pi(u|x),   f = g(x, u) + gamma h(x') - h(x) = -c_f,   g = -c

    repeat:
        draw roll-outs from the policy pi
        theta: a few steps down the discriminator's loss, D = sigmoid(s)      (no Z: log pi is normalized)
        pi:    soft policy optimization of f, entropy with weight one         (reward f - log pi = log D - log(1 - D))

Nothing but a view and a cost is new. At its optimum f = log pi_E + log(rho_E/rho_pi), the advantage where both sides visit states alike;
the shaping lets c stay a cost of the state while f knows the dynamics. Which reward the policy gets is said in two places, each part once:

| reward | ``policy_cost`` | temperature of the update rule |
|---|---|---|
| f - log pi | ``OfTransition`` | 1 |
| f | ``OfTransition`` | 0 |
| g - log pi | ``OfPair`` | 1 |
| g | ``OfPair`` | 0 |

log pi enters through the temperature alone, so the entropy is never counted twice (pitfall 8); log nu is part of the loss and of no reward,
where it would pay for staying alive (pitfall 1). A free discriminator, or -log(1 - D) as reward, is GAIL and not this (pitfall 9).

Reference: Fu, Luo, Levine 2018, arXiv:1710.11248.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.algorithms.cost_learning import CostLearning, MakeCost, PolicyCost
from triality.algorithms.cost_steps import CostSteps, adam_steps
from triality.algorithms.first_policy import MakePolicy
from triality.algorithms.levels import Level
from triality.algorithms.scaling_rules import FrozenScaling, ScalingRule
from triality.algorithms.steps import Steps, Transitions
from triality.each_transition import EachTransition
from triality.energies.gradient_penalty import CostPenalty, GradientPenalty
from triality.energies.shaped_cost import MakeShapedCost, OfTransition
from triality.energies.step_cost import mlp_cost
from triality.envs.environment import AbstractEnvironment
from triality.errors import ConfigError
from triality.objectives.by_start import Objective
from triality.objectives.discriminator import DiscriminatorLoss
from triality.updates.ppo import PPO
from triality.updates.update_rule import UpdateRule


def Airl(  # noqa: N802
    env: AbstractEnvironment,
    level: Level | None = None,
    objective: Objective | None = None,
    *,
    update_rule: UpdateRule = PPO(),  # noqa: B008
    penalty: CostPenalty = GradientPenalty(),  # noqa: B008
    cost_learning_rate: float | Float[Array, ""] = 1e-3,
    cost_momentum: float | Float[Array, ""] = 0.5,
    cost_steps: CostSteps = adam_steps,
    num_cost_steps: int = 3,
    make_cost: MakeCost = mlp_cost,
    make_policy: MakePolicy | None = None,
    policy_cost: PolicyCost = OfTransition,
    scaling_rule: ScalingRule = FrozenScaling(),  # noqa: B008
    shaping_discount: float = 0.99,
) -> CostLearning:
    """Adversarial inverse RL: ``CostLearning`` with a shaped cost at the level of transitions, the plain discriminator's loss by default.

    Args: as those of ``CostLearning``, with its defaults, but for
        level: ``Transitions()`` if None, and nothing but transitions.
        make_cost: of c(x, u); ``state_cost`` makes it blind to the action, the class in which it can be carried to other dynamics.
        policy_cost: ``OfTransition``, the shaped cost, or ``OfPair``, the cost without its shaping.
        shaping_discount: gamma of f, by default that of ``PPO``: with another, shaping would move the policy's optimum.

    Raises:
        ConfigError: a level that compares no transitions: nothing would train h.

    Example:
        >>> from triality.energies.step_cost import state_cost
        >>> from triality.envs.pendulum import Pendulum
        >>> algorithm = Airl(Pendulum(), make_cost=state_cost)
        >>> type(algorithm.objective).__name__, algorithm.make_cost.discount
        ('DiscriminatorLoss', 0.99)
    """
    level = Transitions() if level is None else level
    if not (isinstance(level, Steps) and isinstance(level.view, EachTransition)):
        raise ConfigError(
            f"expected a level of transitions for adversarial inverse RL, got {type(level).__name__} of another kind; "
            "use Transitions, or GanGcl at this level"
        )
    return CostLearning(
        env,
        level,
        DiscriminatorLoss() if objective is None else objective,
        update_rule=update_rule,
        penalty=penalty,
        cost_learning_rate=jnp.asarray(cost_learning_rate),
        cost_momentum=jnp.asarray(cost_momentum),
        cost_steps=cost_steps,
        num_cost_steps=num_cost_steps,
        make_cost=MakeShapedCost(make_cost, shaping_discount),
        make_policy=make_policy,
        policy_cost=policy_cost,
        scaling_rule=scaling_rule,
    )
