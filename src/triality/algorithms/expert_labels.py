"""Which of its actions an expert is asked for: one that it draws, or the one it thinks most likely."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
from jaxtyping import Array, Key

from triality.sampler import AbstractSampler


@runtime_checkable
class Labels(Protocol):
    """The expert's distribution over actions at one observation, to the action that the learner is told."""

    def __call__(self, key: Key[Array, ""], actions: AbstractSampler) -> Array: ...


class SampledLabels(eqx.Module):
    """An action drawn from the expert: the learner's optimum is then the expert's own distribution.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.samplers.categorical import Categorical
        >>> SampledLabels()(jax.random.key(0), Categorical(jnp.array([-jnp.inf, 0.0]))).item()
        1
    """

    def __call__(self, key: Key[Array, ""], actions: AbstractSampler) -> Array:
        return actions.sample(key)


class MostLikelyLabels(eqx.Module):
    """The expert's most likely action, for a sampler that has a ``mode``: labels without noise, and a learner without the expert's own.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.samplers.categorical import Categorical
        >>> MostLikelyLabels()(jax.random.key(0), Categorical(jnp.array([0.0, 0.1]))).item()
        1
    """

    def __call__(self, key: Key[Array, ""], actions: Any) -> Array:
        del key
        return actions.mode
