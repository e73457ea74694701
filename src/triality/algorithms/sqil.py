"""Soft Q imitation learning (Reddy et al. 2020): soft actor-critic with reward 1 on demonstrations and 0 on the learner's own transitions.

    L = 1/2 E_data[(Q - 1 - gamma V(x'))^2] + 1/2 E_own[(Q - gamma V(x'))^2],   V(x') of slow twins, 0 after an end

Balanced batches: however much the learner has collected, half of every batch is demonstrated. There is no discriminator and no cost. Three
things stop it: an end of the environment is worth 0 where every other state promises something, so that staying alive is a reward in
disguise unless episodes go on in an absorbing state; the reward is bounded by the horizon 1/(1 - gamma) and fades as the buffer fills
with transitions like the demonstrated ones, so that a good policy may be forgotten; and what is left, the implied reward of Q, says who
acted.

Reference: Reddy, Dragan, Levine 2020, arXiv:1905.11108.
"""

from __future__ import annotations

from triality.algorithms.first_policy import MakePolicy
from triality.algorithms.soft_q_imitation import SoftQImitation
from triality.envs.environment import AbstractEnvironment
from triality.objectives.sqil import SqilLoss
from triality.updates.soft_actor_critic import SoftActorCritic


def Sqil(  # noqa: N802
    env: AbstractEnvironment,
    horizon: int,
    *,
    actor: SoftActorCritic | None = None,
    num_rollouts: int = 16,
    make_policy: MakePolicy | None = None,
) -> SoftQImitation:
    """``SoftQImitation`` with rewards 1 and 0.

    Args: as those of ``SoftQImitation``, but for
        actor: ``SoftActorCritic(env.spec, temperature=0.1)`` if None; a temperature of 1 would outweigh rewards of at most 1.

    Example:
        >>> from triality.envs.pendulum import Pendulum
        >>> algorithm = Sqil(Pendulum(), 200)
        >>> type(algorithm.loss).__name__, round(float(algorithm.actor.temperature), 2)
        ('SqilLoss', 0.1)
    """
    actor = SoftActorCritic(env.spec, temperature=0.1) if actor is None else actor
    return SoftQImitation(env, horizon, SqilLoss(), actor, num_rollouts, make_policy)
