"""Demonstrations padded with the absorbing state of ``triality.envs.absorbing``, in numpy only: no jax is imported."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from triality.errors import DataError
from triality.specs import EnvironmentSpec


class PaddedDemonstrations(NamedTuple):
    """Episodes of one length T, one after the other: E x T rows.

    Fields:
        observations: (E * T, obs + 1); the last coordinate is 0 while the episode runs, and 1, with zeros before it, once it is over.
        actions: (E * T,) integers or (E * T, act), as the environment takes them.
        lengths: (E,), all T.
        padded: (E * T,) True on the absorbing steps that were added.
    """

    observations: np.ndarray
    actions: np.ndarray
    lengths: np.ndarray
    padded: np.ndarray


def pad_with_absorbing(
    observations: np.ndarray, actions: np.ndarray, lengths: np.ndarray, spec: EnvironmentSpec, seed: int
) -> PaddedDemonstrations:
    """Goes on with every episode in the absorbing state until the time limit.

    An absorbing state is an ordinary state whose actions do nothing, so an expert's action there is any action at all: padded actions
    are drawn uniformly from the action set (``seed``). A fixed action would be a mark by which a discriminator tells the expert.

    Args:
        observations: (N, obs), the episodes' steps one after the other, without the indicator coordinate.
        actions: (N,) integers, or (N, act).
        lengths: (E,) steps of each episode, summing to N. A shorter one than the time limit counts as terminated.
        spec: specification of the environment, not of ``Absorbing(env)``.
        seed: of the padded actions.

    Raises:
        DataError: if the arrays do not fit together or the specification, or an episode is longer than the time limit.

    Example:
        >>> from triality.specs import SPECS
        >>> padded = pad_with_absorbing(np.ones((30, 4)), np.zeros(30, int), np.array([10, 20]), SPECS["CartPole-v1"], seed=0)
        >>> padded.observations.shape, padded.lengths.tolist(), int(padded.padded.sum())
        ((1000, 5), [500, 500], 970)
    """
    observations, actions, lengths = np.asarray(observations), np.asarray(actions), np.asarray(lengths)
    _check(observations, actions, lengths, spec)
    horizon, num_episodes = spec.time_limit, len(lengths)
    real = np.arange(horizon) < lengths[:, None]  # (E, T), True on the demonstrated steps

    padded_observations = np.zeros((num_episodes, horizon, spec.observation_size + 1), observations.dtype)
    padded_observations[..., -1] = ~real
    padded_observations[real, :-1] = observations
    padded_actions = _uniform_actions(num_episodes, spec, np.random.default_rng(seed)).astype(actions.dtype)
    padded_actions[real] = actions
    return PaddedDemonstrations(
        padded_observations.reshape(-1, spec.observation_size + 1),
        padded_actions.reshape(-1, *actions.shape[1:]),
        np.full_like(lengths, horizon),
        ~real.reshape(-1),
    )


def _uniform_actions(num_episodes: int, spec: EnvironmentSpec, generator: np.random.Generator) -> np.ndarray:
    """(E, T) integers or (E, T, act) vectors, uniform on the action set."""
    if spec.is_discrete:
        return generator.integers(spec.num_actions, size=(num_episodes, spec.time_limit))
    return generator.uniform(spec.action_low, spec.action_high, size=(num_episodes, spec.time_limit, spec.action_size))


def _check(observations: np.ndarray, actions: np.ndarray, lengths: np.ndarray, spec: EnvironmentSpec) -> None:
    num_steps = len(observations)
    if observations.ndim != 2 or observations.shape[1] != spec.observation_size:
        raise DataError(
            f"expected observations of shape (steps, {spec.observation_size}), got {observations.shape}; "
            f"do pass those of {spec.name} itself, without the indicator coordinate"
        )
    expected = (num_steps,) if spec.is_discrete else (num_steps, spec.action_size)
    if actions.shape != expected:
        raise DataError(f"expected actions of shape {expected}, got {actions.shape}; do pass one action a step, as {spec.name} takes it")
    if lengths.ndim != 1 or lengths.sum() != num_steps or (lengths < 1).any():
        raise DataError(
            f"expected positive episode lengths that sum to the {num_steps} steps, got {lengths.tolist()[:10]} "
            f"(sum {lengths.sum()}); do recompute the lengths from the episodes"
        )
    if lengths.max() > spec.time_limit:
        raise DataError(
            f"expected episodes of at most {spec.time_limit} steps, got one of {lengths.max()}; do cut it at the time limit of {spec.name}"
        )
