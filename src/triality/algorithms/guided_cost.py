"""Guided cost learning and GAN-GCL: ``CostLearning`` with two objectives (sections 2.3.2 and 3.2).

``GuidedCost`` minimizes E_p[c] + log Z by importance sampling; ``GanGcl`` trains the discriminator
D = sigmoid(-c - log q - log Z - log nu). Their gradients are equal where log Z is the acceptance ratio and p~ is the model (fact 2).

Reference: Finn, Levine, Abbeel 2016 (arXiv:1603.00448); Finn, Christiano, Abbeel, Levine 2016 (arXiv:1611.03852).
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.algorithms.cost_learning import CostLearning, MakeCost, PolicyCost
from triality.algorithms.cost_steps import CostSteps, adam_steps
from triality.algorithms.first_policy import MakePolicy
from triality.algorithms.levels import Level, MatchedTrajectories, Steps
from triality.algorithms.scaling_rules import FrozenScaling, ScalingRule
from triality.energies.gradient_penalty import CostPenalty, GradientPenalty
from triality.energies.step_cost import mlp_cost
from triality.envs.environment import AbstractEnvironment
from triality.errors import ConfigError
from triality.objectives.by_start import Objective
from triality.objectives.discriminator import OverlapNormalizedLoss
from triality.objectives.guided_cost import GuidedCostLoss
from triality.trajectory import OfPair
from triality.updates.ppo import PPO
from triality.updates.update_rule import UpdateRule


def GuidedCost(  # noqa: N802
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
    policy_cost: PolicyCost = OfPair,
    scaling_rule: ScalingRule = FrozenScaling(),  # noqa: B008
) -> CostLearning:
    """Guided cost learning: ``CostLearning`` with the importance-sampled likelihood as objective, from the drawn samples alone by default.

    Args: as those of ``CostLearning``, with its defaults; ``level`` is ``MatchedTrajectories()`` if None.

    Raises:
        ConfigError: at step level, where there is no Z to estimate. Weights a decision are of trajectories too: ``PerDecisionLoss``.

    Example:
        >>> from triality.envs.pendulum import Pendulum
        >>> algorithm = GuidedCost(Pendulum(), num_cost_steps=5)
        >>> type(algorithm.objective).__name__, algorithm.num_cost_steps
        ('GuidedCostLoss', 5)
    """
    level = MatchedTrajectories() if level is None else level
    if isinstance(level, Steps):
        raise ConfigError(
            f"expected a trajectory level for guided cost, got {type(level).__name__}; use GanGcl per step, or a trajectory level here"
        )
    return CostLearning(
        env,
        level,
        GuidedCostLoss() if objective is None else objective,
        update_rule=update_rule,
        penalty=penalty,
        cost_learning_rate=jnp.asarray(cost_learning_rate),
        cost_momentum=jnp.asarray(cost_momentum),
        cost_steps=cost_steps,
        num_cost_steps=num_cost_steps,
        make_cost=make_cost,
        make_policy=make_policy,
        policy_cost=policy_cost,
        scaling_rule=scaling_rule,
    )


def GanGcl(  # noqa: N802
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
    policy_cost: PolicyCost = OfPair,
    scaling_rule: ScalingRule = FrozenScaling(),  # noqa: B008
) -> CostLearning:
    """GAN-GCL: ``CostLearning`` with the density-aware discriminator as objective, its gradient in units of the overlap by default.

    Args: as those of ``CostLearning``, with its defaults; ``level`` is ``MatchedTrajectories()`` if None.

    Example:
        >>> from triality.algorithms.levels import Steps
        >>> from triality.envs.pendulum import Pendulum
        >>> algorithm = GanGcl(Pendulum(), Steps(), cost_learning_rate=1e-2)
        >>> type(algorithm.objective).__name__, round(float(algorithm.cost_learning_rate), 3)
        ('OverlapNormalizedLoss', 0.01)
    """
    level = MatchedTrajectories() if level is None else level
    return CostLearning(
        env,
        level,
        OverlapNormalizedLoss() if objective is None else objective,
        update_rule=update_rule,
        penalty=penalty,
        cost_learning_rate=jnp.asarray(cost_learning_rate),
        cost_momentum=jnp.asarray(cost_momentum),
        cost_steps=cost_steps,
        num_cost_steps=num_cost_steps,
        make_cost=make_cost,
        make_policy=make_policy,
        policy_cost=policy_cost,
        scaling_rule=scaling_rule,
    )
