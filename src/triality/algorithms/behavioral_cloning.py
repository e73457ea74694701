"""Behavioral cloning: maximum likelihood of the demonstrated actions given their observations (section 2.4).

    minimize over pi:   -E_(x,u)~demonstrations log pi(u | x)

    repeat: a minibatch of demonstrated steps; one Adam step on its negative log likelihood

Its errors compound: a policy that is wrong with probability eps a step drifts where nobody demonstrated (Ross & Bagnell 2010), so its
likelihood on held-out demonstrations is no measure of its return.

References: Pomerleau 1989; Ross, Gordon, Bagnell 2011 for the compounding.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree

from triality.devices.placement import spread
from triality.numerics import weighted_mean
from triality.policies.categorical import categorical_policy
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.scaling import Scaling, fit_scaling
from triality.sampler import Samples
from triality.specs import EnvironmentSpec
from triality.trajectory import EachStep, Policy, Trajectory, random_steps

one_scale_policy = functools.partial(squashed_gaussian_policy, state_scale=False)
"""A squashed Gaussian whose scale is the same everywhere."""


class CloningState(NamedTuple):
    """What the next step needs: the policy, its optimizer, the demonstrations with their weights, and the key."""

    policy: Policy
    optimizer: PyTree
    data: Trajectory
    data_log_weight: Float[Array, " num_data"]
    scaling: Scaling
    key: Key[Array, ""]


class CloningMetrics(NamedTuple):
    """Never needed next.

    Fields:
        negative_log_likelihood: of the minibatch, nats a step. Falls without bound where a policy's scale shrinks onto a deterministic
            expert; no sign of the return.
        entropy: minus the mean log density of the policy's own actions on the minibatch's observations, nats a step.
    """

    negative_log_likelihood: Float[Array, ""]
    entropy: Float[Array, ""]


def cloning_loss(policy: Policy, pairs: Samples) -> Float[Array, ""]:
    """-E_(x,u)~pairs log pi(u | x), nats a step; ``pairs`` as ``EachStep`` makes them.

    Its minimum over all tables is the table of weighted empirical frequencies of u given x.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.policies.categorical import TabularPolicy
        >>> from triality.sampler import Samples
        >>> pairs = Samples.unweighted((jnp.array([0, 0, 0, 0]), jnp.array([1, 1, 1, 0])), jnp.zeros(4))
        >>> frequencies = TabularPolicy(jnp.log(jnp.array([[0.25, 0.75]])))
        >>> bool(cloning_loss(frequencies, pairs) < cloning_loss(TabularPolicy(jnp.zeros((1, 2))), pairs))
        True
    """
    log_probs = jax.vmap(lambda x, u: policy(x).log_prob(u))(*pairs.x)
    return -weighted_mean(log_probs, pairs.log_weight)


class BehavioralCloning(eqx.Module):
    """Adam on minibatches of demonstrated steps.

    Args:
        spec: sizes and bounds of the environment; cloning never runs it.
        learning_rate: Adam step.
        batch_size: steps a minibatch, drawn with replacement.
        make_policy: builds a policy from (key, spec, scaling). If None, one of the kind of the actions, a Gaussian with one scale
            for all observations: with a scale for each, it shrinks where the actions are easy, and the likelihood's gradient nearly
            vanishes where they are hard (Seitzer et al. 2022, arXiv:2203.09168).
    """

    spec: EnvironmentSpec = eqx.field(static=True)
    learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    batch_size: int = eqx.field(default=256, static=True)
    make_policy: Callable[[Key[Array, ""], EnvironmentSpec, Scaling], Policy] | None = eqx.field(default=None, static=True)

    def init(
        self, key: Key[Array, ""], data: Trajectory, data_log_weight: Float[Array, " n"] | None = None, scaling: Scaling | None = None
    ) -> CloningState:
        """A random policy; scaling of observations fitted to the demonstrations if None is given."""
        key_policy, key_run = jax.random.split(key)
        observations = data.observation[:, :-1].reshape(-1, self.spec.observation_size)
        scaling = fit_scaling(observations) if scaling is None else scaling
        make = self.make_policy or (categorical_policy if self.spec.is_discrete else one_scale_policy)
        policy = make(key_policy, self.spec, scaling)
        weight = jnp.zeros(data.start.shape) if data_log_weight is None else data_log_weight
        return CloningState(policy, self._optimizer().init(eqx.filter(policy, eqx.is_inexact_array)), data, weight, scaling, key_run)

    def step(self, state: CloningState) -> tuple[CloningState, CloningMetrics]:
        """One Adam step on one minibatch."""
        key, key_batch, key_entropy = jax.random.split(state.key, 3)
        pairs = EachStep().samples(state.data, state.data.log_prob, state.data_log_weight)
        index = spread(random_steps(key_batch, state.data.mask, self.batch_size))
        minibatch = spread(jax.tree.map(lambda leaf: leaf[index], pairs))
        value, gradient = eqx.filter_value_and_grad(cloning_loss)(state.policy, minibatch)
        updates, optimizer = self._optimizer().update(gradient, state.optimizer)
        policy = eqx.apply_updates(state.policy, updates)
        keys = jax.random.split(key_entropy, self.batch_size)
        own = jax.vmap(lambda k, x: policy(x).sample_and_log_prob(k)[1])(keys, minibatch.x[0])
        return state._replace(policy=policy, optimizer=optimizer, key=key), CloningMetrics(value, -jnp.mean(own))

    def _optimizer(self) -> optax.GradientTransformation:
        return optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(), optax.scale(-1.0 * self.learning_rate))
