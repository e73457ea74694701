"""What a learner begins from where it is given nothing: a random policy, and the scaling of what it and the demonstrations see."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from triality.devices.placement import spread
from triality.envs.environment import AbstractEnvironment
from triality.policies.categorical import categorical_policy
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.scaling import Scaling, fit_scaling, identity_scaling
from triality.specs import EnvironmentSpec
from triality.trajectory import Policy, Trajectory, rollout

MakePolicy = Callable[[Key[Array, ""], EnvironmentSpec, Scaling], Policy]
NUM_ROLLOUTS = 32
"""Of the random policy, to see what states there are."""


def random_policy(make: MakePolicy | None, key: Key[Array, ""], spec: EnvironmentSpec, scaling: Scaling) -> Policy:
    """By ``make``, or of the usual kind for the actions: categorical, or a squashed Gaussian.

    Example:
        >>> from triality.specs import SPECS
        >>> type(random_policy(None, jax.random.key(0), SPECS["CartPole-v1"], identity_scaling(4))(jnp.zeros(4))).__name__
        'Categorical'
    """
    return (make or (categorical_policy if spec.is_discrete else squashed_gaussian_policy))(key, spec, scaling)


def rollouts(key: Key[Array, ""], env: AbstractEnvironment, policy: Policy, horizon: int, num: int) -> Trajectory:
    """``num`` of them, padded to the horizon."""
    return spread(jax.vmap(lambda k: rollout(k, env, policy, horizon))(spread(jax.random.split(key, num))))


def first_scaling(key: Key[Array, ""], env: AbstractEnvironment, make: MakePolicy | None, data: Trajectory) -> Scaling:
    """From the demonstrations and random roll-outs as long as they are: what will be seen early and late in the run."""
    key_policy, key_rollouts = jax.random.split(key)
    policy = random_policy(make, key_policy, env.spec, identity_scaling(env.spec.observation_size))
    return scaling_of(data, rollouts(key_rollouts, env, policy, data.mask.shape[1], NUM_ROLLOUTS))


def scaling_of(data: Trajectory, drawn: Trajectory) -> Scaling:
    """Of the observations of both sides, about equally many of each."""
    repeats = max(1, drawn.start.shape[0] // data.start.shape[0])
    both = [jnp.tile(data.observation[:, :-1], (repeats, 1, 1)), drawn.observation[:, :-1]]
    return fit_scaling(jnp.concatenate([leaf.reshape(-1, leaf.shape[-1]) for leaf in both]))
