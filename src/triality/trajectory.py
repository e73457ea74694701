"""Trajectories, the two views that turn them into samples, and the roll-out of a policy as a Sampler of trajectories.

From a view on, trajectories, token sequences, images and points are all just ``Samples``: GAN, inverse RL and energy-based model
share every line (the paper's theorem, visible in the types).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from triality.envs.environment import AbstractEnvironment
from triality.sampler import AbstractSampler, Samples

Policy = Callable[[Float[Array, " obs"]], AbstractSampler]
StepCost = Callable[[Float[Array, " obs"], Array], Float[Array, ""]]
TransitionCost = Callable[[Float[Array, " obs"], Array, Float[Array, " obs"]], Float[Array, ""]]


class Trajectory(NamedTuple):
    """One episode, padded to T steps; a batch has a leading axis on every leaf.

    Fields:
        observation: T + 1 observations, the last one reached after the last action.
        action: T actions, as the environment takes them.
        log_prob: log density of each action under the policy that drew it, in nats; zeros where nobody knows it.
        mask: True on real steps, False on padding.
        terminated: the environment ended at this step. A time limit is not a termination.
        truncated: the time limit cut at this step.
        reward: the environment's own reward, for evaluation only: no algorithm here learns from it.
        start: index of the start state, the context of a conditional log Z (X11); 0 where there is one context.
        policy: how many iterations had been done when the policy was made that drew it; None where one policy drew all that is compared.
    """

    observation: Float[Array, "*batch time_plus_1 obs"]
    action: Float[Array, "*batch time act"] | Int[Array, "*batch time"]
    log_prob: Float[Array, "*batch time"]
    mask: Bool[Array, "*batch time"]
    terminated: Bool[Array, "*batch time"]
    truncated: Bool[Array, "*batch time"]
    reward: Float[Array, "*batch time"]
    start: Int[Array, "*batch"]
    policy: Int[Array, "*batch"] | None = None


def action_log_probs(policy: Policy, trajectory: Trajectory) -> Float[Array, " time"]:
    """log pi(u_t | x_t) for every step of one trajectory, zero on padding, in nats.

    Per-step values are kept apart so that per-decision weights (D9) can be formed from them.
    """
    values = jax.vmap(lambda x, u: policy(x).log_prob(u))(trajectory.observation[:-1], trajectory.action)
    return jnp.where(trajectory.mask, values, 0.0)


def start_of(trajectory: Trajectory) -> Int[Array, ""]:
    """Index of the start state: the ``context`` of a ``Conditional`` log Z."""
    return trajectory.start


class TrajectoryEnergy(eqx.Module):
    """c(tau) = sum over real steps of c(x_t, u_t) (section 2.3.1). Undiscounted."""

    cost: StepCost

    def __call__(self, trajectory: Trajectory) -> Float[Array, ""]:
        return jnp.sum(self.by_step(trajectory))

    def by_step(self, trajectory: Trajectory) -> Float[Array, " time"]:
        """c(x_t, u_t) for every step, zero on padding: the summands, for weights a decision (D9)."""
        costs = jax.vmap(self.cost)(trajectory.observation[:-1], trajectory.action)
        return jnp.where(trajectory.mask, costs, 0.0)


class StepEnergy(eqx.Module):
    """c(x, u) of one state-action pair; there is no Z at this level, since log pi is normalized already (D10)."""

    cost: StepCost

    def __call__(self, pair: tuple[Float[Array, " obs"], Array]) -> Float[Array, ""]:
        return self.cost(*pair)


class OfPair(eqx.Module):
    """c(x, u) as a cost of transitions (x, u, x'): what an update rule takes."""

    cost: StepCost

    def __call__(self, observation: Float[Array, " obs"], action: Array, after: Float[Array, " obs"]) -> Float[Array, ""]:
        del after
        return self.cost(observation, action)


def transition_costs(cost: TransitionCost, trajectory: Trajectory) -> Float[Array, " time"]:
    """c(x_t, u_t, x_t+1) for every step of one trajectory, padding included."""
    return jax.vmap(cost)(trajectory.observation[:-1], trajectory.action, trajectory.observation[1:])


class WholeTrajectory(eqx.Module):
    """View: one sample is one trajectory; energy = masked sum of costs, log q = sum of log pi (footnote 2)."""

    def energy(self, cost: StepCost) -> TrajectoryEnergy:
        """The energy of one sample of this view."""
        return TrajectoryEnergy(cost)

    def samples(self, batch: Trajectory, log_probs: Float[Array, "n time"], log_weight: Float[Array, " n"] | None = None) -> Samples:
        """n trajectories become n samples; ``log_probs`` are per step, ``log_weight`` per trajectory."""
        log_q = jnp.sum(jnp.where(batch.mask, log_probs, 0.0), axis=-1)
        return Samples(batch, log_q, jnp.zeros_like(log_q) if log_weight is None else log_weight)


class EachStep(eqx.Module):
    """View: one sample is one (observation, action); measure rho_pi(x) du, so that log q is log pi(u|x) (D10)."""

    def energy(self, cost: StepCost) -> StepEnergy:
        """The energy of one sample of this view."""
        return StepEnergy(cost)

    def samples(self, batch: Trajectory, log_probs: Float[Array, "n time"], log_weight: Float[Array, " n"] | None = None) -> Samples:
        """n x T pairs; padding gets weight zero, and a trajectory's weight passes to each of its steps."""
        per_step = jnp.where(batch.mask, 0.0, -jnp.inf)
        if log_weight is not None:
            per_step = per_step + log_weight[:, None]
        pairs = (batch.observation[:, :-1], batch.action)
        flat = jax.tree.map(lambda leaf: leaf.reshape((-1, *leaf.shape[2:])), pairs)
        return Samples(flat, log_probs.reshape(-1), per_step.reshape(-1))


def random_steps(key: Key[Array, ""], mask: Bool[Array, "n time"], num_steps: int) -> Int[Array, " num_steps"]:
    """Indices, into the n x T flattened steps, of real steps drawn uniformly with replacement; padding is never drawn.

    Example:
        >>> import jax
        >>> random_steps(jax.random.key(0), jnp.array([[True, False], [False, False]]), 3).tolist()
        [0, 0, 0]
    """
    up_to = jnp.cumsum(mask.reshape(-1))
    return jnp.searchsorted(up_to, jax.random.randint(key, (num_steps,), 0, up_to[-1]), side="right")


class PolicyRollout(AbstractSampler[Trajectory]):
    """The trajectories that a policy draws from an environment.

    ``log_prob`` is the sum of log pi(u_t|x_t): a density **with respect to the start law and the dynamics**. That is enough, since
    both stand in p and in q and cancel in every ratio (footnote 2); it is also all that one can know of a simulator or a robot.

    Args:
        env: the environment.
        policy: a function from an observation to a Sampler of actions.
        horizon: number of steps T; padding after a termination is masked.
    """

    env: AbstractEnvironment
    policy: Policy
    horizon: int = eqx.field(static=True)

    def log_prob(self, x: Trajectory) -> Float[Array, ""]:
        """Sum over real steps of log pi(u_t | x_t), in nats."""
        return jnp.sum(action_log_probs(self.policy, x))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Trajectory, Float[Array, ""]]:
        """One roll-out from the environment's start law, and its log density."""
        trajectory = rollout(key, self.env, self.policy, self.horizon)
        return trajectory, jnp.sum(trajectory.log_prob)


def rollout(
    key: Key[Array, ""],
    env: AbstractEnvironment,
    policy: Policy,
    horizon: int,
    initial_state: PyTree | None = None,
    start: Int[Array, ""] | int = 0,
) -> Trajectory:
    """One padded trajectory of ``horizon`` steps.

    Args:
        key: randomness of the start, the actions and the dynamics.
        env: the environment.
        policy: observation -> Sampler of actions.
        horizon: T.
        initial_state: where to begin; ``None`` draws from the environment's start law.
        start: the index that the trajectory carries as its start context.
    """
    key_start, key_steps = jax.random.split(key)
    state = env.initial_state(key_start) if initial_state is None else initial_state

    def step(carry, key):
        state, alive = carry
        key_action, key_dynamics = jax.random.split(key)
        observation = env.observe(state)
        action, log_prob = policy(observation).sample_and_log_prob(key_action)
        after = env.transition(key_dynamics, state, action)
        record = (observation, action, jnp.where(alive, log_prob, 0.0), alive, alive & after.terminated)
        reward = jnp.where(alive, after.reward, 0.0)
        frozen = jax.tree.map(lambda new, old: jnp.where(alive, new, old), after.state, state)
        return (frozen, alive & ~after.terminated), (*record, reward)

    (state, alive), (observation, action, log_prob, mask, terminated, reward) = jax.lax.scan(
        step, (state, jnp.array(True)), jax.random.split(key_steps, horizon)
    )
    truncated = jnp.zeros_like(mask).at[-1].set(alive)
    observation = jnp.concatenate([observation, env.observe(state)[None]])
    return Trajectory(observation, action, log_prob, mask, terminated, truncated, reward, jnp.asarray(start, int))
