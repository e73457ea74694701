"""The tightrope as an environment: on or off the rope, seen as a one-hot vector; the reward of a step off it is -1 (``tabular.worlds``)."""

from __future__ import annotations

import jax

from triality.envs.gridworld import TabularEnvironment
from triality.policies.categorical import OneHotTabularPolicy
from triality.specs import EnvironmentSpec
from triality.tabular.worlds.tightrope import Tightrope


def tightrope_environment(world: Tightrope) -> TabularEnvironment:
    """The world's arrays as they are, with minus its cost as the reward and its horizon as the time limit.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.tabular.worlds import tightrope
        >>> env = tightrope_environment(tightrope(horizon=10))
        >>> env.spec.time_limit, env.reward[1].tolist()
        (10, [-1.0, -1.0, -1.0, -1.0])
    """
    mdp = world.mdp
    spec = EnvironmentSpec(
        "Tightrope-v0",
        observation_size=mdp.num_states,
        num_actions=mdp.num_actions,
        time_limit=mdp.num_steps,
        observation_low=(0.0,) * mdp.num_states,
        observation_high=(1.0,) * mdp.num_states,
    )
    return TabularEnvironment(spec, mdp.successors, mdp.log_probabilities, mdp.log_start, -world.cost)


def tightrope_expert(world: Tightrope, confidence: float = 40.0) -> OneHotTabularPolicy:
    """The expert as a policy that can be asked: its action against every other one by ``confidence`` nats.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.tabular.worlds import tightrope
        >>> expert = tightrope_expert(tightrope(horizon=10))
        >>> int(expert(jnp.array([0.0, 1.0])).mode)  # off the rope: step back
        3
    """
    return OneHotTabularPolicy(confidence * jax.nn.one_hot(world.expert, world.mdp.num_actions))
