"""Experts whose density is known, policies at a known distance from them, and the law of their trajectories' log density ratio.

    log w(tau) = sum_t log pi_E(u_t|x_t) - log q(u_t|x_t)

Dynamics and start law cancel, and log Z = 0 exactly. In units of the expert's scale its action is z ~ N(0, I) whatever the state, and a
``Perturbed`` policy's is N(a v, s^2 I) with a unit vector v that may depend on the state: every step then adds an independent term of one
law, so that log w of T steps of a simulator has a law in closed form. With k action coordinates and X chi-squared of kT degrees,

    s = 1:   log w = N(T a^2/2, T a^2) on the expert's trajectories, N(-T a^2/2, T a^2) on q's
    a = 0:   log w = kT log s - (1 - 1/s^2) X/2 on the expert's,     kT log s - (s^2 - 1) X/2 on q's
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import special, stats

from triality.policies.gaussian import LOG_SCALE_RANGE, GaussianPolicy, gaussian_policy
from triality.policies.scaling import Scaling
from triality.samplers.gaussian import LOG_TWO_PI, Gaussian
from triality.specs import MUJOCO_SPECS
from triality.trajectory import Policy


def stem(env_id: str) -> str:
    """``halfcheetah_v5`` of ``HalfCheetah-v5``: as the files are named."""
    return env_id.lower().replace("-", "_")


def read_expert(env_id: str, folder: Path) -> GaussianPolicy:
    """The expert as an unsquashed Gaussian policy of the library: the same function, its scale through the same map."""
    with np.load(folder / f"expert_policy_{stem(env_id)}.npz", allow_pickle=False) as stored:
        weights = {name: jnp.asarray(stored[name], float) for name in stored.files}
    scaling = Scaling(weights["obs_mean"], weights["obs_std"] + 1e-6)
    hidden = (weights["w0"].shape[1], weights["w1"].shape[1])
    policy = gaussian_policy(jax.random.key(0), MUJOCO_SPECS[env_id], scaling, hidden, state_scale=False)
    low, high = LOG_SCALE_RANGE
    raw = jnp.arctanh(2.0 * (weights["log_std"] - low) / (high - low) - 1.0)
    layers = [weights[name] for name in ("w0", "w1", "w_out", "b0", "b1", "b_out")]
    return eqx.tree_at(lambda each: [*each.mean.weights, *each.mean.biases, each.log_scale.raw], policy, [*layers, raw])


class Perturbed(eqx.Module):
    """The expert with its scale multiplied, and its mean moved by ``distance`` scales along a direction that turns with the state."""

    expert: GaussianPolicy
    factor: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    distance: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __call__(self, observation: Float[Array, " obs"]) -> Gaussian:
        law = self.expert(observation)
        turning = jax.random.normal(jax.random.key(0), (observation.shape[0], law.mean.shape[0]))
        direction = self.expert.scaling(observation) @ turning
        moved = self.distance * direction / jnp.linalg.norm(direction)
        return Gaussian(law.mean + jnp.exp(law.log_scale) * moved, law.log_scale + jnp.log(self.factor))


class Exact(NamedTuple):
    """What is known of a perturbed policy's roll-outs before anything is rolled out.

    Fields:
        divergence: KL(expert || q) of a whole trajectory, nats.
        share: effective share of draws in the weights w = pi_E/q, 1/E_q[w^2]; zero where that is infinite.
        overlap: E_p[1 - D] at log Z = 0.
    """

    divergence: float
    share: float
    overlap: float


def exact(factor: float, distance: float, num_terms: int, num_steps: int, nu: float) -> Exact:
    """``num_terms`` action coordinates, ``num_steps`` steps, ``nu`` draws a demonstration; scaled noise or a moved mean, not both."""
    if factor != 1.0 and distance != 0.0:
        raise ValueError(f"expected scaled noise or a moved mean, got factor {factor} and distance {distance}; choose one")
    away = np.linspace(-40.0, 40.0, 40_001)
    if factor == 1.0:
        divergence = 0.5 * num_steps * distance**2
        log_share = -num_steps * distance**2
        log_weight = divergence + np.sqrt(num_steps) * distance * away
        law = stats.norm.logpdf(away)
    else:
        count, square = num_terms * num_steps, factor**2
        divergence = count * (np.log(factor) - 0.5 * (1.0 - 1.0 / square))
        log_share = count * (0.5 * np.log(2.0 * square - 1.0) - np.log(square)) if square > 0.5 else -np.inf
        chi_squared = count + np.sqrt(2.0 * count) * away
        log_weight = count * np.log(factor) - 0.5 * (1.0 - 1.0 / square) * chi_squared
        law = stats.chi2.logpdf(chi_squared, count)
    # 1 - D is far into the tail of the expert's own law where the two are far apart: a sum over its quantiles would not reach there.
    mistaken = np.exp(law - np.logaddexp(0.0, log_weight - np.log(nu)))
    return Exact(float(divergence), float(np.exp(log_share)), float(mistaken.sum() / np.exp(law).sum()))


class Laws(NamedTuple):
    """Gaussian laws of the actions of many steps: mean and log scale, (..., act)."""

    mean: np.ndarray
    log_scale: np.ndarray


def laws(policy: Policy, observation: Any) -> Laws:
    """What ``policy`` would do at each observation of (..., obs)."""
    flat = jnp.reshape(observation, (-1, observation.shape[-1]))
    found = eqx.filter_jit(lambda policy, rows: jax.vmap(lambda row: _mean_and_scale(policy(row)))(rows))(policy, flat)
    return Laws(*(np.asarray(each, np.float64).reshape(*observation.shape[:-1], -1) for each in found))


def _mean_and_scale(law: Any) -> tuple[Array, Array]:
    return law.mean, law.log_scale


def log_density(law: Laws, action: np.ndarray) -> np.ndarray:
    """Of the action as drawn, with respect to Lebesgue measure, nats."""
    z = (action - law.mean) * np.exp(-law.log_scale)
    return -np.sum(0.5 * z**2 + law.log_scale + 0.5 * LOG_TWO_PI, axis=-1)


def log_density_of_clipped(law: Laws, clipped: np.ndarray, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    """Of the action as the simulator clips it: a density inside the box, and on each bound the probability of all that lies beyond."""
    scale = np.exp(-law.log_scale)
    inside = -0.5 * ((clipped - law.mean) * scale) ** 2 - law.log_scale - 0.5 * LOG_TWO_PI
    below, above = special.log_ndtr((low - law.mean) * scale), special.log_ndtr((law.mean - high) * scale)
    return np.sum(np.where(clipped <= low, below, np.where(clipped >= high, above, inside)), axis=-1)
