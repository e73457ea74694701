"""An expert's policy in jax, as the environment shows itself: with no absorbing indicator, wherever it was learned."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.cli.asked_expert import POLICY, AskedExpert
from triality.cli.stored import load_states, open_run
from triality.errors import ConfigError
from triality.export.read import read_policy
from triality.sampler import AbstractSampler
from triality.trajectory import Policy


class WhileRunning(eqx.Module):
    """A policy that knows an absorbing state, where episodes simply end: its indicator is 0 as long as one runs.

    Args:
        policy: of observations that end with the indicator.
    """

    policy: Policy

    def __call__(self, observation: Float[Array, " obs"]) -> AbstractSampler:
        return self.policy(jnp.append(observation, jnp.zeros((), observation.dtype)))


class SeesNoIndicator(eqx.Module):
    """A policy that knows no absorbing state, where observations end with its indicator.

    Args:
        policy: of observations without the indicator.
    """

    policy: Policy

    def __call__(self, observation: Float[Array, " obs"]) -> AbstractSampler:
        return self.policy(observation[:-1])


class NotAtHand(eqx.Module):
    """Stands for the expert where a finished run is read: nobody asks it any more, and its folder may be gone."""

    def __call__(self, observation: Float[Array, " obs"]) -> AbstractSampler:
        """Refused."""
        raise ConfigError("expected an expert to ask, got a finished run without one; run triality irl --algorithm dagger again")


def load_expert(expert: AskedExpert) -> Policy:
    """Its policy; of a run that of the first seed (``triality export --seed`` writes others).

    Raises:
        StorageError: its files are damaged.
    """
    if (expert.path / POLICY).is_file():
        policy = read_policy(expert.path)
    else:
        _, states = load_states(open_run(expert.path))
        policy = jax.tree.map(lambda leaf: leaf[0], states.policy)
    return WhileRunning(policy) if expert.is_absorbing else policy
