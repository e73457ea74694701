"""A soft value fitted to the very roll-outs that are weighed: ridge regression of the soft return-to-go on observation and time.

    beta = argmin  mean_{i, t} (G_t^i - V_beta(x_t^i, t))^2 + ridge |beta|^2,      V_beta(x, t) = beta_0 + beta . phi(x, t)

It estimates E_q[G_t | x_t], the soft value of *q*: a lower bound of V by Jensen, equal to it where q = p_theta, and elsewhere low by a KL
divergence, that of q from p_theta over the steps that are left. The features are those of the linear baseline of Duan et al. 2016
(observation, its square, time to the third power) and, since over a finite horizon what an observation is worth shrinks with the steps that
are left, the products of observation and time.

Reference: Duan, Chen, Houthooft, Schulman, Abbeel 2016, arXiv:1604.06778.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.objectives.twist import returns_to_go
from triality.sampler import Samples
from triality.trajectory import Trajectory

CLIP = 10.0
"""Scaled observations are cut here, as in the authors' code: squares of outliers must not rule the fit."""


class LinearTwist(eqx.Module):
    """See the module.

    Args:
        ridge: relative to features of variance one; the constant is free.

    Example:
        >>> from triality.trajectory import Trajectory
        >>> n, time = 4, 3
        >>> observation = jax.random.normal(jax.random.key(0), (n, time + 1, 1))
        >>> nothing, real = jnp.zeros((n, time)), jnp.ones((n, time), bool)
        >>> batch = Trajectory(observation, nothing, nothing, real, ~real, ~real, nothing, jnp.zeros(n, int))
        >>> value = LinearTwist(1e-8)(jnp.ones((n, time)), Samples.unweighted(batch, jnp.zeros(n)))
        >>> value[0, :-1].round(3).tolist()  # steps that are left
        [3.0, 2.0, 1.0]
    """

    ridge: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)

    def __call__(self, soft_reward: Float[Array, "n time"], drawn: Samples) -> Float[Array, "n time_plus_1"]:
        return self.fit(soft_reward, drawn)(drawn.x)

    def fit(self, soft_reward: Float[Array, "n time"], drawn: Samples) -> LinearValue:
        """The value that fits the drawn trajectories of weight above zero, padding left out."""
        batch: Trajectory = drawn.x
        weight = jax.nn.softmax(drawn.log_weight)[:, None] * batch.mask
        weight = weight / jnp.sum(weight)
        mean, scale = _moments(batch.observation[:, :-1], weight)
        features = _features(batch.observation, mean, scale)[:, :-1]
        center, width = _moments(features, weight)
        standard = (features - center) / width
        target = returns_to_go(jnp.where(batch.mask, soft_reward, 0.0))
        constant = jnp.sum(weight * target)
        gram = jnp.einsum("nt,nti,ntj->ij", weight, standard, standard) + self.ridge * jnp.eye(standard.shape[-1])
        moment = jnp.einsum("nt,nti,nt->i", weight, standard, target - constant)
        return LinearValue(mean, scale, center, width, constant, jax.scipy.linalg.solve(gram, moment, assume_a="pos"))


class LinearValue(NamedTuple):
    """V_beta of trajectories, and the scales of what it is linear in."""

    mean: Float[Array, " obs"]
    scale: Float[Array, " obs"]
    center: Float[Array, " features"]
    width: Float[Array, " features"]
    constant: Float[Array, ""]
    slope: Float[Array, " features"]

    def __call__(self, batch: Trajectory) -> Float[Array, "n time_plus_1"]:
        features = _features(batch.observation, self.mean, self.scale)
        return self.constant + (features - self.center) / self.width @ self.slope


class CrossFitted(eqx.Module):
    """Every roll-out by a value fitted to the others: roll-outs i, i + num_folds, ... by a fit that left them out.

    A value that was fitted to a trajectory leans toward that trajectory's own return, and -V(x_1) then takes from the weight what it should
    tell: all of it, where there are more features than roll-outs. For starts that are not told apart; within one start V(x_1) is not in the
    weights, and fits that differ from fold to fold only disturb.

    Args:
        twist: what is fitted.
        num_folds: fits; as many as roll-outs leave each of them out alone.

    Raises:
        ConfigError: fewer than two folds, or a single roll-out.
    """

    twist: LinearTwist = LinearTwist()
    num_folds: int = eqx.field(default=8, static=True)

    def __call__(self, soft_reward: Float[Array, "n time"], drawn: Samples) -> Float[Array, "n time_plus_1"]:
        if min(self.num_folds, soft_reward.shape[0]) < 2:
            raise ConfigError(
                f"expected at least two folds and roll-outs, got {self.num_folds} and {soft_reward.shape[0]}; use LinearTwist, or draw more"
            )
        fold = jnp.arange(soft_reward.shape[0]) % self.num_folds

        def without(left_out: Array) -> Float[Array, "n time_plus_1"]:
            others = drawn._replace(log_weight=jnp.where(fold == left_out, -jnp.inf, drawn.log_weight))
            return self.twist.fit(soft_reward, others)(drawn.x)

        values = jax.vmap(without)(jnp.arange(self.num_folds))
        return jnp.take_along_axis(values, fold[None, :, None], axis=0)[0]


def _features(
    observation: Float[Array, "n time_plus_1 obs"], mean: Float[Array, " obs"], scale: Float[Array, " obs"]
) -> Float[Array, "n time_plus_1 features"]:
    horizon = observation.shape[1] - 1
    scaled = jnp.clip((observation - mean) / scale, -CLIP, CLIP)
    left = jnp.broadcast_to(1.0 - jnp.arange(horizon + 1)[:, None] / horizon, (*observation.shape[:2], 1))
    seen = jnp.concatenate([scaled, scaled**2], axis=-1)
    return jnp.concatenate([seen, left * seen, left, left**2, left**3], axis=-1)


def _moments(values: Float[Array, "n time k"], weight: Float[Array, "n time"]) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """Weighted mean and standard deviation; what does not move keeps scale one."""
    mean = jnp.einsum("nt,ntk->k", weight, values)
    scale = jnp.sqrt(jnp.einsum("nt,ntk->k", weight, (values - mean) ** 2))
    return mean, jnp.where(scale > 1e-3, scale, 1.0)
