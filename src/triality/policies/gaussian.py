"""Gaussian policies over a box of actions: squashed or not, with a scale that depends on the observation or does not."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energies.mlp import MLP
from triality.policies.scaling import Scaling
from triality.samplers.gaussian import Gaussian, SquashedGaussian
from triality.specs import EnvironmentSpec

LOG_SCALE_RANGE = (-5.0, 2.0)  # as in soft actor-critic (Haarnoja et al. 2018), lower end raised from -20: a density of e^20 is no use


def bounded(log_scale: Float[Array, " act"]) -> Float[Array, " act"]:
    """A smooth map of the whole line into ``LOG_SCALE_RANGE``, so that its gradient never dies at once."""
    low, high = LOG_SCALE_RANGE
    return low + 0.5 * (high - low) * (jnp.tanh(log_scale) + 1.0)


class ConstantScale(eqx.Module):
    """A scale for each action coordinate, the same everywhere."""

    raw: Float[Array, " act"]

    def __call__(self, features: Float[Array, " obs"]) -> Float[Array, " act"]:
        """log scale."""
        del features
        return bounded(self.raw)


class StateScale(eqx.Module):
    """A scale that depends on the observation, by a network of its own."""

    net: MLP

    def __call__(self, features: Float[Array, " obs"]) -> Float[Array, " act"]:
        """log scale."""
        return bounded(self.net(features))


class GaussianPolicy(eqx.Module):
    """pi(u|x) = N(mean(x), scale(x)^2) on the whole line, in units of the box. Goes with the simulator's own clipping (``raw``)."""

    mean: MLP
    log_scale: ConstantScale | StateScale
    scaling: Scaling
    center: Float[Array, " act"]
    half_width: Float[Array, " act"]

    def __call__(self, observation: Float[Array, " obs"]) -> Gaussian:
        features = self.scaling(observation)
        half_width = jax.lax.stop_gradient(self.half_width)
        mean = jax.lax.stop_gradient(self.center) + half_width * self.mean(features)
        return Gaussian(mean, self.log_scale(features) + jnp.log(half_width))


class SquashedGaussianPolicy(eqx.Module):
    """pi(u|x): a Gaussian squashed into the box by tanh (D11): no atoms at the bounds, no density outside them."""

    mean: MLP
    log_scale: ConstantScale | StateScale
    scaling: Scaling
    center: Float[Array, " act"]
    half_width: Float[Array, " act"]

    def __call__(self, observation: Float[Array, " obs"]) -> SquashedGaussian:
        features = self.scaling(observation)
        base = Gaussian(self.mean(features), self.log_scale(features))
        return SquashedGaussian(base, jax.lax.stop_gradient(self.center), jax.lax.stop_gradient(self.half_width))


def _parts(key: Key[Array, ""], spec: EnvironmentSpec, scaling: Scaling, hidden: Sequence[int], state_scale: bool):
    key_mean, key_scale = jax.random.split(key)
    sizes = (spec.observation_size, *hidden, spec.action_size)
    low, high = jnp.asarray(spec.action_low), jnp.asarray(spec.action_high)
    scale = StateScale(MLP(key_scale, sizes, 0.01)) if state_scale else ConstantScale(jnp.zeros(spec.action_size))
    return MLP(key_mean, sizes, 0.01), scale, scaling, (low + high) / 2.0, (high - low) / 2.0


def squashed_gaussian_policy(
    key: Key[Array, ""], spec: EnvironmentSpec, scaling: Scaling, hidden: Sequence[int] = (64, 64), state_scale: bool = True
) -> SquashedGaussianPolicy:
    """A squashed Gaussian policy for the box of ``spec``; broad and centered at first.

    With ``state_scale`` false one scale holds everywhere: what maximum likelihood of given actions wants. A scale that shrinks where the
    actions are easy leaves the hard ones hardly any gradient (Seitzer et al. 2022, arXiv:2203.09168).
    """
    return SquashedGaussianPolicy(*_parts(key, spec, scaling, hidden, state_scale))


def gaussian_policy(
    key: Key[Array, ""], spec: EnvironmentSpec, scaling: Scaling, hidden: Sequence[int] = (64, 64), state_scale: bool = True
) -> GaussianPolicy:
    """An unsquashed Gaussian policy for the box of ``spec``; broad and centered at first."""
    return GaussianPolicy(*_parts(key, spec, scaling, hidden, state_scale))
