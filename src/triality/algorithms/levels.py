"""At which level data and roll-outs are compared, and from where the roll-outs begin.

| level | one sample | log Z | roll-outs begin |
|---|---|---|---|
| ``Trajectories`` | a trajectory | one, solved (D2) | at the environment's start law |
| ``MatchedTrajectories`` | a trajectory | one a start state, solved (X11) | at the demonstrations' own starts, and some freely |
| ``Steps`` | an (observation, action), or a transition, as its ``view`` says | none: log pi is normalized (D10) | as its ``starts`` say |

A level is four things that have to agree: who is drawn, what is remembered of past samplers, which ``Samples`` come of it, and the log Z
that goes with them. The objective and the policy update are the same for all three. Of whole trajectories ``log_prob`` is then step by step
that of the fusion which ``log_q`` is the sum of, so that an objective can weigh every decision.

Whole trajectories are compared only if the demonstrations are as long as the roll-outs: others are refused (``data.one_length``).
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.algorithms.known_lengths import check_known_lengths
from triality.algorithms.past_samplers import PastSamplers, add, empty, fused_decisions, fused_trajectories
from triality.algorithms.starts import FreeStarts, MatchedStarts
from triality.algorithms.steps import Steps
from triality.devices.placement import spread
from triality.energy import Conditional, Constant, UnnormalizedDensity
from triality.envs.environment import AbstractEnvironment
from triality.objectives.by_start import ByStart, Objective
from triality.partition.acceptance_ratio import solve_log_z
from triality.sampler import Samples
from triality.trajectory import Policy, StepCost, Trajectory, WholeTrajectory, start_of

__all__ = ["Level", "MatchedTrajectories", "Steps", "Trajectories", "log_ratio"]


@runtime_checkable
class Level(Protocol):
    """See the module."""

    def collect(self, key: Key[Array, ""], env: AbstractEnvironment, policy: Policy, data: Trajectory) -> Trajectory: ...

    def first_memory(self, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers: ...

    def remember(self, memory: PastSamplers, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers: ...

    def samples(self, memory: PastSamplers, data: Trajectory, log_weight: Float[Array, " n"]) -> tuple[Samples, Samples]: ...

    def density(self, cost: StepCost, data: Samples, drawn: Samples) -> UnnormalizedDensity: ...

    def loss(
        self, key: Key[Array, ""], objective: Objective, density: UnnormalizedDensity, data: Samples, drawn: Samples
    ) -> tuple[Float[Array, ""], Any]: ...

    def steps_in_sample(self, horizon: int) -> int: ...


class Trajectories(eqx.Module):
    """Whole trajectories from the environment's start law under one log Z.

    Args:
        num_rollouts: roll-outs an iteration.
        num_past_samplers: iterations whose roll-outs are in the fusion (footnote 3), the current one included.
        max_staleness: iterations that the policy of a roll-out may be behind, where roll-outs say whose they are (``triality.remote``).

    Example:
        >>> from triality.energies.step_cost import EnvironmentCost
        >>> from triality.envs.gridworld import gridworld
        >>> from triality.policies.categorical import one_hot_tabular_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.trajectory import rollout
        >>> env = gridworld(("S.", ".G"))
        >>> policy = one_hot_tabular_policy(jax.random.key(0), env.spec, identity_scaling(4))
        >>> draw = jax.jit(jax.vmap(lambda key: rollout(key, env, policy, 5)))
        >>> data = draw(jax.random.split(jax.random.key(1), 2))
        >>> level = Trajectories(num_rollouts=3)
        >>> batch = level.collect(jax.random.key(2), env, policy, data)
        >>> memory = level.remember(level.first_memory(policy, batch, data), policy, batch, data)
        >>> of_data, of_drawn = level.samples(memory, data, jnp.zeros(2))
        >>> log_z = level.density(EnvironmentCost(env), of_data, of_drawn).log_z
        >>> of_data.log_q.shape, of_drawn.log_q.shape, log_z.value.shape
        ((2,), (3,), ())
    """

    num_rollouts: int = eqx.field(default=96, static=True)
    num_past_samplers: int = eqx.field(default=1, static=True)
    max_staleness: int = eqx.field(default=0, static=True)

    def collect(self, key: Key[Array, ""], env: AbstractEnvironment, policy: Policy, data: Trajectory) -> Trajectory:
        return FreeStarts(self.num_rollouts).collect(key, env, policy, data)

    def first_memory(self, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers:
        check_known_lengths(data.mask)
        return empty(self.num_past_samplers, policy, batch, data, self.max_staleness)

    def remember(self, memory: PastSamplers, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers:
        return add(memory, policy, batch, data)

    def samples(self, memory: PastSamplers, data: Trajectory, log_weight: Float[Array, " n"]) -> tuple[Samples, Samples]:
        log_m, log_m_data = fused_trajectories(memory)
        drawn = jax.tree.map(lambda leaf: leaf.reshape((-1, *leaf.shape[2:])), _by_the_fusion(memory))
        weights = jnp.repeat(memory.log_weight, memory.batch.start.shape[1])
        return spread((Samples(data, log_m_data, log_weight), Samples(drawn, log_m, weights)))

    def density(self, cost: StepCost, data: Samples, drawn: Samples) -> UnnormalizedDensity:
        energy = WholeTrajectory().energy(cost)
        frozen = jax.lax.stop_gradient((log_ratio(energy, data), log_ratio(energy, drawn)))
        return UnnormalizedDensity(energy, Constant(solve_log_z(*frozen, data.log_weight, drawn.log_weight)))

    def loss(
        self, key: Key[Array, ""], objective: Objective, density: UnnormalizedDensity, data: Samples, drawn: Samples
    ) -> tuple[Float[Array, ""], Any]:
        del key
        return objective(density, data, drawn)

    def steps_in_sample(self, horizon: int) -> int:
        """A loss sums the costs of this many steps; a regularizer counted a step is multiplied by it."""
        return horizon


class MatchedTrajectories(eqx.Module):
    """Whole trajectories, each demonstration compared with roll-outs from its own start state, under log Z(start).

    The free roll-outs only improve and monitor the policy, so that it learns to act from every start; they are compared with nothing.
    Needs an environment whose observation determines its state.

    Args:
        num_matched: about how many matched roll-outs an iteration: rounded up to equal shares, at least two for each demonstration.
        num_free: free roll-outs an iteration; they carry start index -1.
        num_past_samplers: policies in the fusion (footnote 3), the current one included.

    Example:
        >>> from triality.energies.step_cost import EnvironmentCost
        >>> from triality.envs.gridworld import gridworld
        >>> from triality.policies.categorical import one_hot_tabular_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.trajectory import rollout
        >>> env = gridworld(("S.", ".G"))
        >>> policy = one_hot_tabular_policy(jax.random.key(0), env.spec, identity_scaling(4))
        >>> draw = jax.jit(jax.vmap(lambda key: rollout(key, env, policy, 5)))
        >>> data = draw(jax.random.split(jax.random.key(1), 2))
        >>> level = MatchedTrajectories(num_matched=4, num_free=1)
        >>> batch = level.collect(jax.random.key(2), env, policy, data)
        >>> memory = level.remember(level.first_memory(policy, batch, data), policy, batch, data)
        >>> of_data, of_drawn = level.samples(memory, data, jnp.zeros(2))
        >>> log_z = level.density(EnvironmentCost(env), of_data, of_drawn).log_z
        >>> of_data.log_q.shape, of_drawn.log_q.shape, log_z.values.shape
        ((2,), (4,), (2,))
    """

    num_matched: int = eqx.field(default=64, static=True)
    num_free: int = eqx.field(default=32, static=True)
    num_past_samplers: int = eqx.field(default=1, static=True)

    def collect(self, key: Key[Array, ""], env: AbstractEnvironment, policy: Policy, data: Trajectory) -> Trajectory:
        return self._starts.collect(key, env, policy, data)

    def first_memory(self, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers:
        check_known_lengths(data.mask)
        return empty(self.num_past_samplers, policy, self._starts.compared(batch, data), data)

    def remember(self, memory: PastSamplers, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers:
        return add(memory, policy, self._starts.compared(batch, data), data)

    def samples(self, memory: PastSamplers, data: Trajectory, log_weight: Float[Array, " n"]) -> tuple[Samples, Samples]:
        num_data = data.start.shape[0]
        log_m, log_m_data = fused_trajectories(memory)
        weights = jnp.broadcast_to(memory.log_weight[:, None], memory.batch.start.shape)

        def by_start(leaf: Array) -> Array:
            """(slots, starts x share, ...) to (starts x slots x share, ...)."""
            capacity = leaf.shape[0]
            grouped = leaf.reshape((capacity, num_data, -1, *leaf.shape[2:]))
            return jnp.moveaxis(grouped, 1, 0).reshape((-1, *leaf.shape[2:]))

        drawn = Samples(jax.tree.map(by_start, _by_the_fusion(memory)), by_start(log_m.reshape(weights.shape)), by_start(weights))
        return spread((Samples(data._replace(start=jnp.arange(num_data)), log_m_data, log_weight), drawn))

    def density(self, cost: StepCost, data: Samples, drawn: Samples) -> UnnormalizedDensity:
        energy = WholeTrajectory().energy(cost)
        num_data = data.log_q.shape[0]
        on_data, on_drawn = jax.lax.stop_gradient((log_ratio(energy, data), log_ratio(energy, drawn)))
        weights = drawn.log_weight.reshape(num_data, -1)
        one_each = on_data[:, None]
        log_z = jax.vmap(solve_log_z)(one_each, on_drawn.reshape(num_data, -1), jnp.zeros_like(one_each), weights)
        return UnnormalizedDensity(energy, Conditional(log_z, start_of))

    def loss(
        self, key: Key[Array, ""], objective: Objective, density: UnnormalizedDensity, data: Samples, drawn: Samples
    ) -> tuple[Float[Array, ""], Any]:
        del key
        return ByStart(objective)(density, data, drawn)

    def steps_in_sample(self, horizon: int) -> int:
        """As for ``Trajectories``."""
        return horizon

    @property
    def _starts(self) -> MatchedStarts:
        return MatchedStarts(self.num_matched, self.num_free)


def log_ratio(energy: Any, samples: Samples) -> Float[Array, " n"]:
    """r = -E(x) - log q(x) for every sample, in nats."""
    return -jax.vmap(energy)(samples.x) - samples.log_q


def _by_the_fusion(memory: PastSamplers) -> Trajectory:
    """The roll-outs, leading axes (slots, n), each step with its log density under all past samplers together instead of its own one's."""
    return memory.batch._replace(log_prob=fused_decisions(memory).reshape(memory.batch.log_prob.shape))
