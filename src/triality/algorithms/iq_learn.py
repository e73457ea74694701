"""IQ-Learn (Garg et al. 2021): maximum-entropy inverse RL in the soft action value alone, with a chi^2 regularizer of the reward.

    maximize  E_data[r] - E[V(x) - gamma V(x')] - 1/(4 alpha) E[r^2],   r = Q(x, u) - gamma (1 - terminated) V(x')

One maximization where adversarial methods play a game: the policy is the soft policy of Q and gets no step of its own but toward it. At
the exact optimum r is a reward of the task, of the transition, up to what the demonstrations do not show: ``implied_cost`` is minus it. By
default V(x') is that of slow twins, which is no exact descent, and makes r a verdict on who acted again: see ``HeldAhead``. With discrete
actions V is the exact sum over actions under the policy, which is logsumexp of Q where the policy is Q's own.

Reference: Garg, Chakraborty, Cundy, Song, Ermon 2021, arXiv:2106.12142.
"""

from __future__ import annotations

from triality.algorithms.first_policy import MakePolicy
from triality.algorithms.soft_q_imitation import SoftQImitation
from triality.envs.environment import AbstractEnvironment
from triality.objectives.held_ahead import HeldAhead
from triality.objectives.iq_learn import IqLearnLoss, StartValue
from triality.objectives.soft_q import SoftQLoss
from triality.updates.soft_actor_critic import SoftActorCritic


def IqLearn(  # noqa: N802
    env: AbstractEnvironment,
    horizon: int,
    *,
    loss: SoftQLoss | None = None,
    actor: SoftActorCritic | None = None,
    num_rollouts: int = 16,
    make_policy: MakePolicy | None = None,
) -> SoftQImitation:
    """``SoftQImitation`` with the inverse soft Q objective.

    Args: as those of ``SoftQImitation``, but for
        loss: if None V(x') of slow twins, held; ``IqLearnLoss(actor.gamma)`` without ``HeldAhead`` descends the published objective.
        actor: ``SoftActorCritic(env.spec, temperature=0.1)`` if None.

    Example:
        >>> from triality.envs.pendulum import Pendulum
        >>> algorithm = IqLearn(Pendulum(), 200)
        >>> type(algorithm.loss.loss.value_term).__name__, round(float(algorithm.actor.temperature), 2)
        ('StartValue', 0.1)
    """
    actor = SoftActorCritic(env.spec, temperature=0.1) if actor is None else actor
    loss = HeldAhead(IqLearnLoss(actor.gamma, value_term=StartValue())) if loss is None else loss
    return SoftQImitation(env, horizon, loss, actor, num_rollouts, make_policy)
