"""Generators of Pendulum that differ as generators: in networks and heads, in where they begin, and in how they learn."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.algorithms.behavioral_cloning import BehavioralCloning, one_scale_policy
from triality.energies.mlp import MLP
from triality.policies.gaussian import SquashedGaussianPolicy, squashed_gaussian_policy
from triality.policies.scaling import Scaling
from triality.run import run
from triality.samplers.gaussian import Gaussian, SquashedGaussian
from triality.samplers.mixture import MixtureSampler
from triality.specs import SPECS, EnvironmentSpec
from triality.trajectory import Policy, Trajectory

SPEC = SPECS["Pendulum-v1"]


class TwoGaussiansPolicy(eqx.Module):
    """pi(u|x): one of two squashed Gaussians, by a coin that depends on the observation; its density is that of the mixture."""

    first: SquashedGaussianPolicy
    second: SquashedGaussianPolicy
    coin: MLP
    scaling: Scaling

    def __call__(self, observation: Float[Array, " obs"]) -> MixtureSampler:
        laws = jax.tree.map(lambda *leaves: jnp.stack(leaves), self.first(observation), self.second(observation))
        odds = self.coin(self.scaling(observation))
        return MixtureSampler(laws, jnp.concatenate([odds, -odds]))


class BroadPolicy(eqx.Module):
    """A squashed Gaussian policy with its scale, before the squashing, multiplied."""

    policy: Any  # a SquashedGaussianPolicy, by whatever maker
    log_factor: Float[Array, ""]

    def __call__(self, observation: Float[Array, " obs"]) -> SquashedGaussian:
        law = self.policy(observation)
        return SquashedGaussian(Gaussian(law.base.mean, law.base.log_scale + self.log_factor), law.center, law.half_width)


def two_gaussians_policy(key: Key[Array, ""], spec: EnvironmentSpec, scaling: Scaling) -> TwoGaussiansPolicy:
    keys = jax.random.split(key, 3)
    first, second = (squashed_gaussian_policy(each, spec, scaling, state_scale=False) for each in keys[:2])
    # Apart from the beginning, or both would learn the same.
    second = eqx.tree_at(lambda policy: policy.log_scale.raw, second, replace_fn=lambda raw: raw - 0.5)
    return TwoGaussiansPolicy(first, second, MLP(keys[2], (spec.observation_size, 16, 1), 0.01), scaling)


class Generator(NamedTuple):
    """One way to generate.

    Fields:
        words: for the page.
        make_policy: builds the policy from (key, spec, scaling).
        temperature: weight of its entropy where it is trained; of GAIL, which gives it none, a tenth of what is above 1.
        num_cloning_steps: of likelihood before anything else; zero begins at random.
        broader: factor of the scale after cloning.
    """

    words: str
    make_policy: Callable[[Key[Array, ""], EnvironmentSpec, Scaling], Any]
    temperature: float = 1.0
    num_cloning_steps: int = 0
    broader: float = 1.0

    def begin(self, key: Key[Array, ""], data: Trajectory, scaling: Scaling) -> Policy:
        """Where it stands before the first iteration."""
        if self.num_cloning_steps == 0:
            return self.make_policy(key, SPEC, scaling)
        cloning = BehavioralCloning(SPEC, make_policy=self.make_policy)
        policy = run(cloning, cloning.init(key, data, scaling=scaling), 1, self.num_cloning_steps)[0].policy
        return policy if self.broader == 1.0 else BroadPolicy(policy, jnp.log(jnp.asarray(self.broader)))


def sized(*hidden: int) -> Callable[..., SquashedGaussianPolicy]:
    """A squashed Gaussian of these hidden sizes, its scale dependent on the observation."""
    return functools.partial(squashed_gaussian_policy, hidden=hidden)


TRAINED = {
    "64 x 64": Generator("two layers of 64, begun at random", sized(64, 64)),
    "16": Generator("one layer of 16, begun at random", sized(16)),
    "two Gaussians": Generator("a mixture of two, begun at random", two_gaussians_policy),
    "hot": Generator("twice the entropy weight, begun at random", sized(64, 64), temperature=2.0),
    "cloned": Generator("begun at the clone, one scale everywhere", one_scale_policy, num_cloning_steps=3000),
}
STANDING = {
    "clone": Generator("one scale everywhere, 3,000 steps of likelihood", one_scale_policy, num_cloning_steps=3000),
    "clone, 16": Generator("one layer of 16, 3,000 steps", functools.partial(one_scale_policy, hidden=(16,)), num_cloning_steps=3000),
    "clone, two Gaussians": Generator("a mixture of two, 3,000 steps", two_gaussians_policy, num_cloning_steps=3000),
    "clone, early": Generator("stopped after 500 steps", one_scale_policy, num_cloning_steps=500),
    "clone, broad": Generator("3,000 steps, then twice the scale", one_scale_policy, num_cloning_steps=3000, broader=2.0),
}
