"""The guided-cost loss with a weight for every decision instead of one for every trajectory (section 2.3.2, D9).

    dL = E_p[sum_t dc_t] - sum_t sum_i w_t^i dc_t^i,      w_t^i proportional to rho_{1:t}^i over the roll-outs i, for each t

    rho_{1:t} = p_theta(tau_{1:t} | x_1) / q(tau_{1:t} | x_1) = exp( sum_{s<=t} (-c_s - log q_s) + V(x_{t+1}) - V(x_1) )

V is the soft value of the model (``twist``). The weight of a trajectory, exp(sum_s (-c_s - log q_s)), holds the luck of all steps that are
still to come; V integrates it out. With V exact, E_q[rho_{1:t} dc_t] is the mean under p_theta, and less noisy than by trajectory weights.
With another V the last weight, t = T, is still that of the trajectory, and the earlier ones are those of another law of prefixes: a bias,
in exchange for less noise. Under stochastic dynamics all of this holds for the non-causal model (X10).

-V(x_1) leaves the starts as they were drawn: log Z is one a start, V(x_1), also where roll-outs begin freely (X11). Within one start of
``ByStart`` it is a constant and left out; ``NoTwist`` has none, and so one log Z for all starts.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from triality.energy import UnnormalizedDensity
from triality.errors import ConfigError
from triality.numerics import effective_sample_size, log_mean_exp, weighted_mean
from triality.objectives.guided_cost import NoSmoothing, Smoothing
from triality.objectives.linear_twist import LinearTwist
from triality.objectives.masking import filled
from triality.objectives.twist import Twist, returns_to_go
from triality.sampler import Samples
from triality.trajectory import Trajectory


class PerDecisionMetrics(NamedTuple):
    """Never needed next. Where starts are told apart, means over starts of what each start's roll-outs give.

    Fields:
        log_z_importance: log mean of the whole trajectories' weights, nats. A twist cannot better it: without resampling, the product over
            t of mean rho_{1:t} / mean rho_{1:t-1} telescopes to this very number.
        log_z_bound: mean of -c - log q over the roll-outs, nats: at most the mean of log Z, by KL(q || p_theta).
        ess_by_time: effective sample size of the t-th weights, before any smoothing; the last one is that of whole trajectories.
        ess_decision: its mean over time.
        power: mean over time of the exponent that the smoothing put on the weights; 1 = none.
        twist_explained: share of the spread of the soft return-to-go that V explains, over steps; 0 = no better than a constant.
    """

    log_z_importance: Float[Array, ""]
    log_z_bound: Float[Array, ""]
    ess_by_time: Float[Array, " time"]
    ess_decision: Float[Array, ""]
    power: Float[Array, ""]
    twist_explained: Float[Array, ""]


@runtime_checkable
class StepwiseEnergy(Protocol):
    """An energy of trajectories that can tell its summands, such as ``TrajectoryEnergy``."""

    def __call__(self, trajectory: Trajectory, /) -> Float[Array, ""]: ...

    def by_step(self, trajectory: Trajectory, /) -> Float[Array, " time"]: ...


class Decisions(NamedTuple):
    """n trajectories as their weights need them. All but ``cost`` is frozen.

    Fields:
        cost: c_t, zero on padding.
        soft_reward: r_t = -c_t - log q_t, zero on padding.
        ahead: V(x_{t+1}), zero where no step follows.
        at_start: V(x_1).
        mask: True on real steps.
    """

    cost: Float[Array, "n time"]
    soft_reward: Float[Array, "n time"]
    ahead: Float[Array, "n time"]
    at_start: Float[Array, " n"]
    mask: Bool[Array, "n time"]


class PerDecisionLoss(eqx.Module):
    """E_p[c] + log Z, with the gradient's second part weighed decision by decision; see the module.

    ``drawn.x.log_prob`` has to be the log density of each action given what went before it, as the levels of trajectories leave it: the
    policy's own, or that of the fusion.

    Args:
        twist: where V comes from.
        smoothing: of the weights of each time.

    Raises:
        ConfigError: the energy is not a sum over steps, as at the level of single steps.

    Example:
        >>> from triality.energy import Constant
        >>> from triality.trajectory import TrajectoryEnergy
        >>> n, time = 3, 2
        >>> nothing, real = jnp.zeros((n, time)), jnp.ones((n, time), bool)
        >>> batch = Trajectory(jnp.zeros((n, time + 1, 1)), nothing, nothing, real, ~real, ~real, nothing, jnp.zeros(n, int))
        >>> density = UnnormalizedDensity(TrajectoryEnergy(lambda x, u: 0.5 + x[0]), Constant(0.0))
        >>> sides = Samples.unweighted(batch, jnp.zeros(n))
        >>> loss, metrics = PerDecisionLoss()(density, sides, sides)
        >>> float(loss), metrics.ess_by_time.round(3).tolist()  # E_p[c] = 1, log Z = -1
        (0.0, [3.0, 3.0])
    """

    twist: Twist = LinearTwist()
    smoothing: Smoothing = NoSmoothing()

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], PerDecisionMetrics]:
        return WeighedDecisions(self.smoothing)(density, data, self._decisions(density, drawn))

    def shared(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[WeighedDecisions, Samples, Samples]:
        """V from the roll-outs of all starts, and what is left to do in each. There V(x_1) is a constant, and out of the weights."""
        drawn = self._decisions(density, drawn)
        return WeighedDecisions(self.smoothing), data, drawn._replace(x=drawn.x._replace(at_start=jnp.zeros_like(drawn.x.at_start)))

    def _decisions(self, density: UnnormalizedDensity, drawn: Samples) -> Samples:
        drawn = filled(drawn)
        batch: Trajectory = drawn.x
        cost = jax.vmap(_stepwise(density).by_step)(batch)
        reward = jax.lax.stop_gradient(jnp.where(batch.mask, -cost - batch.log_prob, 0.0))
        value = jax.lax.stop_gradient(self.twist(reward, drawn))
        goes_on = jnp.concatenate([batch.mask[:, 1:], jnp.zeros_like(batch.mask[:, :1])], axis=-1)
        return drawn._replace(x=Decisions(cost, reward, jnp.where(goes_on, value[:, 1:], 0.0), value[:, 0], batch.mask))


class WeighedDecisions(eqx.Module):
    """The loss for drawn samples that are ``Decisions``: what is left of ``PerDecisionLoss`` once V is known."""

    smoothing: Smoothing = NoSmoothing()

    def __call__(self, density: UnnormalizedDensity, data: Samples, drawn: Samples) -> tuple[Float[Array, ""], PerDecisionMetrics]:
        data = filled(data)
        on_data = weighted_mean(jax.vmap(density.energy)(data.x), data.log_weight)
        term, metrics = decision_term(drawn.x, drawn.log_weight, self.smoothing)
        return on_data + term, metrics


def decision_log_weights(
    soft_reward: Float[Array, "n time"], ahead: Float[Array, "n time"], at_start: Float[Array, " n"]
) -> Float[Array, "n time"]:
    """log rho_{1:t} of every step, nats; after an end, that of the whole trajectory, to which nothing is added any more.

    Args: as the fields of ``Decisions``.

    Example:
        >>> import jax.numpy as jnp
        >>> decision_log_weights(jnp.array([[1.0, 2.0, 0.0]]), jnp.array([[1.5, 0.0, 0.0]]), jnp.array([4.0])).tolist()
        [[-1.5, -1.0, -1.0]]
    """
    return jnp.cumsum(soft_reward, axis=-1) + ahead - at_start[:, None]


def decision_term(decisions: Decisions, log_count: Float[Array, " n"], smoothing: Smoothing) -> tuple[Float[Array, ""], PerDecisionMetrics]:
    """log mean exp(sum_t r_t), whose gradient is -sum_t sum_i w_t^i dc_t^i: for each time the weights are normalized over the roll-outs."""
    log_rho = decision_log_weights(decisions.soft_reward, decisions.ahead, decisions.at_start)
    log_weights = jax.lax.stop_gradient(log_rho) + log_count[:, None]
    smoothed, power = jax.vmap(smoothing, in_axes=1)(log_weights)
    surrogate = -jnp.sum(jax.vmap(weighted_mean, in_axes=(1, 0))(decisions.cost, smoothed))
    whole = jnp.sum(decisions.soft_reward, axis=-1)
    log_z = log_mean_exp(whole, log_count)
    ess = jax.vmap(effective_sample_size, in_axes=1)(log_weights)
    metrics = PerDecisionMetrics(
        log_z_importance=log_z,
        log_z_bound=weighted_mean(whole, log_count),
        ess_by_time=ess,
        ess_decision=jnp.mean(ess),
        power=jnp.mean(power),
        twist_explained=_explained(decisions, log_count),
    )
    return log_z + surrogate - jax.lax.stop_gradient(surrogate), metrics


def _stepwise(density: UnnormalizedDensity) -> StepwiseEnergy:
    if not isinstance(density.energy, StepwiseEnergy):
        raise ConfigError(
            f"expected an energy that is a sum over the steps of a trajectory, got {type(density.energy).__name__}; "
            "use a level of whole trajectories, or another objective"
        )
    return density.energy


def _explained(decisions: Decisions, log_count: Float[Array, " n"]) -> Float[Array, ""]:
    """1 - Var(G - V)/Var(G) over the steps from the second on; zero where there are none."""
    weight = jax.nn.softmax(log_count)[:, None] * decisions.mask[:, 1:]
    target = returns_to_go(decisions.soft_reward)[:, 1:]

    def spread(values: Float[Array, "n time_minus_1"]) -> Float[Array, ""]:
        mean = jnp.sum(weight * values) / jnp.maximum(jnp.sum(weight), jnp.finfo(weight.dtype).tiny)
        return jnp.sum(weight * (values - mean) ** 2)

    everything = spread(target)
    return jnp.where(everything > 0.0, 1.0 - spread(target - decisions.ahead[:, :-1]) / jnp.where(everything > 0.0, everything, 1.0), 0.0)
