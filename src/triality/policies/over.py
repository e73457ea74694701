"""Policies that know when an episode is over: in the absorbing state their actions are uniform, and nothing is learned there.

    pi'(u|x) = pi(u|x) while the episode runs,   uniform on the action set once it is over (the last coordinate of x is 1)

An absorbing state is a state whose actions do nothing. Whatever density an action has there, it is the same for every policy, so that it
cancels in every ratio of densities as the dynamics do (footnote 2), an entropy there is nobody's merit, and a scale of the actions that
holds everywhere is not widened by them. Demonstrations are padded with actions of this very law (``triality.data.absorbing``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from triality.policies.scaling import Scaling
from triality.sampler import AbstractSampler
from triality.samplers.categorical import Categorical
from triality.specs import EnvironmentSpec


class UniformBox(AbstractSampler[Float[Array, " dim"]]):
    """Uniform on a box; density with respect to Lebesgue measure. A point outside is read as one inside: nobody's actions lie there.

    Example:
        >>> float(UniformBox(jnp.zeros(2), jnp.array([1.0, 2.0])).log_prob(jnp.ones(2)).__round__(4))
        -0.6931
    """

    low: Float[Array, " dim"]
    high: Float[Array, " dim"]

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        """-sum log (high - low)."""
        del x
        return -jnp.sum(jnp.log(self.high - self.low))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        x = jax.random.uniform(key, self.low.shape, self.low.dtype, self.low, self.high)
        return x, self.log_prob(x)

    @property
    def mode(self) -> Float[Array, " dim"]:
        """The center, as likely as any other."""
        return 0.5 * (self.low + self.high)


class Either(AbstractSampler[Float[Array, " dim"]]):
    """One of two laws, by a flag."""

    flag: Bool[Array, ""]
    yes: Any
    no: Any

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        """Of the law that the flag names, in nats."""
        return jnp.where(self.flag, self.yes.log_prob(x), self.no.log_prob(x))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        return jax.tree.map(lambda a, b: jnp.where(self.flag, a, b), self.yes.sample_and_log_prob(key), self.no.sample_and_log_prob(key))

    @property
    def mode(self) -> Float[Array, " dim"]:
        """Of the law that the flag names."""
        return jnp.where(self.flag, self.yes.mode, self.no.mode)


class BoxPolicyUntilOver(eqx.Module):
    """A policy over a box of actions that is uniform once the episode is over.

    Example:
        >>> from triality.samplers.gaussian import Gaussian
        >>> policy = BoxPolicyUntilOver(lambda x: Gaussian(x[:1], jnp.zeros(1)), jnp.array([-1.0]), jnp.array([1.0]))
        >>> running, over, action = jnp.array([0.0, 0.0]), jnp.array([0.0, 1.0]), jnp.zeros(1)
        >>> [round(float(policy(x).log_prob(action)), 4) for x in (running, over)]
        [-0.9189, -0.6931]
    """

    policy: Any
    low: Float[Array, " act"]
    high: Float[Array, " act"]

    def __call__(self, observation: Float[Array, " obs"]) -> Either:
        box = UniformBox(*jax.lax.stop_gradient((self.low, self.high)))
        return Either(observation[-1] > 0.5, box, self.policy(observation))


class ChoiceUntilOver(eqx.Module):
    """A policy over discrete actions that is uniform once the episode is over.

    Example:
        >>> policy = ChoiceUntilOver(lambda x: Categorical(jnp.log(jnp.array([1.0, 3.0]))))
        >>> [round(float(jnp.exp(policy(jnp.array([0.0, over])).log_prob(jnp.array(1)))), 4) for over in (0.0, 1.0)]
        [0.75, 0.5]
    """

    policy: Any

    def __call__(self, observation: Float[Array, " obs"]) -> Categorical:
        return Categorical(jnp.where(observation[-1] > 0.5, 0.0, self.policy(observation).logits))


@dataclass(frozen=True)
class MakeUntilOver:
    """Makes policies as ``make_policy`` does, uniform once the episode is over; observations of ``spec`` end with the absorbing indicator.

    Args:
        make_policy: of the policy that acts while the episode runs.

    Example:
        >>> from triality.policies.categorical import categorical_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.specs import SPECS, absorbing_spec
        >>> spec = absorbing_spec(SPECS["CartPole-v1"])
        >>> policy = MakeUntilOver(categorical_policy)(jax.random.key(0), spec, identity_scaling(5))
        >>> policy(jnp.array([0.0, 0.0, 0.0, 0.0, 1.0])).logits.tolist()
        [0.0, 0.0]
    """

    make_policy: Callable[[Key[Array, ""], EnvironmentSpec, Scaling], Any]

    def __call__(self, key: Key[Array, ""], spec: EnvironmentSpec, scaling: Scaling) -> BoxPolicyUntilOver | ChoiceUntilOver:
        policy = self.make_policy(key, spec, scaling)
        if spec.is_discrete:
            return ChoiceUntilOver(policy)
        return BoxPolicyUntilOver(policy, jnp.asarray(spec.action_low), jnp.asarray(spec.action_high))
