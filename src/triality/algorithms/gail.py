"""Generative adversarial imitation (Ho, Ermon 2016): ``CostLearning`` with a free discriminator, which knows no densities (7.2).

    D(x, u) = sigmoid(s),   s(x, u) = -c(x, u)

    repeat:
        draw roll-outs from the policy pi
        c:  a few steps down the discriminator's loss on single pairs
        pi: policy optimization of a reward made from s                       (``energies.adversarial_reward``)

The optimal D is rho_E(x, u) / (rho_E(x, u) + rho_pi(x, u)), so that c = log rho_pi - log rho_E compares the demonstrations with *this*
policy: it is no cost of the task, it is zero everywhere once the policy has arrived, and two policies leave two different ones (7.3).
The density-aware discriminators, ``GanGcl`` and ``Airl``, differ in the one term log pi, and keep a cost.

The policy's reward holds no entropy. ``PPO``'s temperature is the paper's lambda, the weight of the causal entropy in

    maximize  E_pi[sum_t reward(x_t, u_t)] - lambda E_pi[sum_t log pi(u_t|x_t)],      lambda = 0 by default.

At reward s, lambda = 1 counts an entropy that s = log rho_E - log rho_pi holds already. Survival bias: ``energies.adversarial_reward``.

Reference: Ho, Ermon 2016, arXiv:1606.03476.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.algorithms.cost_learning import CostLearning, MakeCost, PolicyCost
from triality.algorithms.cost_steps import CostSteps, adam_steps
from triality.algorithms.first_policy import MakePolicy
from triality.algorithms.levels import Level
from triality.algorithms.scaling_rules import FrozenScaling, ScalingRule
from triality.algorithms.steps import Steps
from triality.each_pair import EachPair
from triality.energies.adversarial_reward import LogDrawn
from triality.energies.gradient_penalty import CostPenalty, GradientPenalty
from triality.energies.step_cost import mlp_cost
from triality.envs.environment import AbstractEnvironment
from triality.errors import ConfigError
from triality.objectives.by_start import Objective
from triality.objectives.discriminator import DiscriminatorLoss
from triality.updates.ppo import PPO
from triality.updates.update_rule import UpdateRule


def Gail(  # noqa: N802
    env: AbstractEnvironment,
    level: Level | None = None,
    objective: Objective | None = None,
    *,
    update_rule: UpdateRule = PPO(temperature=0.0),  # noqa: B008
    penalty: CostPenalty = GradientPenalty(),  # noqa: B008
    cost_learning_rate: float | Float[Array, ""] = 1e-3,
    cost_momentum: float | Float[Array, ""] = 0.5,
    cost_steps: CostSteps = adam_steps,
    num_cost_steps: int = 3,
    make_cost: MakeCost = mlp_cost,
    make_policy: MakePolicy | None = None,
    policy_cost: PolicyCost = LogDrawn,
    scaling_rule: ScalingRule = FrozenScaling(),  # noqa: B008
) -> CostLearning:
    """Generative adversarial imitation: ``CostLearning`` with a discriminator of pairs that is given no density.

    Args: as those of ``CostLearning``, with its defaults, but for
        level: ``Steps(view=EachPair())`` if None, and no other view.
        objective: ``DiscriminatorLoss()`` if None.
        update_rule: its temperature is the weight of the entropy, zero by default.
        make_cost: of c = -s, minus the logit of the discriminator.
        policy_cost: the reward: ``LogDrawn`` for -log(1 - D), ``MinusLogData`` for log D, ``OfPair`` for s.

    Raises:
        ConfigError: a level whose samples carry a density.

    Example:
        >>> from triality.envs.pendulum import Pendulum
        >>> algorithm = Gail(Pendulum())
        >>> type(algorithm.level.view).__name__, float(algorithm.update_rule.temperature)
        ('EachPair', 0.0)
    """
    level = Steps(view=EachPair()) if level is None else level
    if not (isinstance(level, Steps) and isinstance(level.view, EachPair)):
        raise ConfigError(
            f"expected a level of pairs without a density for GAIL, got {type(level).__name__} of another kind; "
            "use Steps(view=EachPair()), or GanGcl at this level"
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
        make_cost=make_cost,
        make_policy=make_policy,
        policy_cost=policy_cost,
        scaling_rule=scaling_rule,
    )
