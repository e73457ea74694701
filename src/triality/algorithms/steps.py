"""The level of single steps: s = -c - log pi(u|x) for pairs or transitions, no Z, since log pi is normalized (D10).

The optimal cost is -log pi_E(u|x) - log rho_E(x)/rho_pi(x). It holds the log ratio of the two visitation laws, that of the starts included.
``MatchedStarts`` takes the starts out of it; on Pendulum ``FreeStarts`` does as well from five demonstrations, and better from one.

**Replay.** With roll-outs of K policies, pi_k having a share w_k of the steps, the drawn pairs follow sum_k w_k rho_k(x) pi_k(u|x), which
is rho_m(x) pi_m(u|x) for rho_m = sum_k w_k rho_k. Their log q is the fusion log sum_k w_k pi_k(u|x) at every sample, one's own policy's and
others' (D12), and never the current policy's, which would make c follow the policy without a sample having changed (pitfall 13). Then

    -c* = log pi_E(u|x) + log rho_E(x)/rho_m(x) + log [sum_k w_k pi_k(u|x)] / pi_m(u|x).

The last term vanishes where the past policies visit a state equally often, or act alike in it: there replay leaves the meaning of the cost
alone. Elsewhere pi_m weighs each policy by rho_k(x)/rho_m(x), which nobody knows at the level of steps; whole trajectories have no such
term, since the dynamics cancel. The discriminator itself is rho_E pi_E / (rho_E pi_E + rho_m pi_m) whatever stands for log q.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from triality.algorithms.past_samplers import PastSamplers, add, empty, fused_steps, refuse_several
from triality.algorithms.starts import FreeStarts, Starts
from triality.devices.placement import spread, whole
from triality.each_transition import EachTransition
from triality.energy import Constant, UnnormalizedDensity
from triality.envs.environment import AbstractEnvironment
from triality.objectives.by_start import Objective
from triality.sampler import Samples
from triality.trajectory import EachStep, Policy, Trajectory, action_log_probs


@runtime_checkable
class StepView(Protocol):
    """What one sample is, and which energy it has: ``EachStep``, ``EachTransition``, or ``EachPair``, which knows no density."""

    def energy(self, cost: Any) -> Any: ...

    def samples(self, batch: Trajectory, log_probs: Float[Array, "n time"], log_weight: Float[Array, " n"] | None = None) -> Samples: ...


class Steps(eqx.Module):
    """Single steps of demonstrations against single steps of roll-outs; see the module.

    Args:
        starts: where the roll-outs begin, and which are compared.
        num_pairs: samples of each side in one cost step, drawn with replacement; all of them if None.
        view: what one sample is.
        num_past_samplers: iterations whose roll-outs are compared, the current one included. Only the cost sees the old ones.
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
        >>> level = Steps(FreeStarts(num_rollouts=3))
        >>> batch = level.collect(jax.random.key(2), env, policy, data)
        >>> memory = level.remember(level.first_memory(policy, batch, data), policy, batch, data)
        >>> of_data, of_drawn = level.samples(memory, data, jnp.zeros(2))
        >>> log_z = level.density(EnvironmentCost(env), of_data, of_drawn).log_z
        >>> of_data.log_q.shape, of_drawn.log_q.shape, float(log_z.value)
        ((10,), (15,), 0.0)
    """

    starts: Starts = FreeStarts()
    num_pairs: int | None = eqx.field(default=None, static=True)
    view: StepView = EachStep()
    num_past_samplers: int = eqx.field(default=1, static=True)
    max_staleness: int = eqx.field(default=0, static=True)

    def collect(self, key: Key[Array, ""], env: AbstractEnvironment, policy: Policy, data: Trajectory) -> Trajectory:
        return self.starts.collect(key, env, policy, data)

    def first_memory(self, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers:
        return empty(self.num_past_samplers, policy, self.starts.compared(batch, data), data, self.max_staleness)

    def remember(self, memory: PastSamplers, policy: Policy, batch: Trajectory, data: Trajectory) -> PastSamplers:
        if self.num_past_samplers + self.max_staleness > 1:
            return add(memory, policy, self.starts.compared(batch, data), data)
        refuse_several(batch)
        on_data = jax.vmap(lambda one: action_log_probs(policy, one))(spread(data))
        latest: PyTree = jax.tree.map(lambda leaf: leaf[None], self.starts.compared(batch, data))
        log_probs = latest.log_prob[None]
        return memory._replace(batch=latest, log_probs=log_probs, data_log_probs=on_data[None], num_seen=memory.num_seen + 1)

    def samples(self, memory: PastSamplers, data: Trajectory, log_weight: Float[Array, " n"]) -> tuple[Samples, Samples]:
        log_m, log_m_data = fused_steps(memory)
        drawn = jax.tree.map(lambda leaf: leaf.reshape((-1, *leaf.shape[2:])), memory.batch)
        weights = jnp.repeat(memory.log_weight, memory.batch.start.shape[1])
        return spread((self.view.samples(data, log_m_data, log_weight), self.view.samples(drawn, log_m, weights)))

    def density(self, cost: Any, data: Samples, drawn: Samples) -> UnnormalizedDensity:
        del data, drawn
        return UnnormalizedDensity(self.view.energy(cost), Constant(jnp.zeros(())))

    def loss(
        self, key: Key[Array, ""], objective: Objective, density: UnnormalizedDensity, data: Samples, drawn: Samples
    ) -> tuple[Float[Array, ""], Any]:
        return objective(density, *_subsampled(key, data, drawn, self.num_pairs))

    def steps_in_sample(self, horizon: int) -> int:
        """One."""
        del horizon
        return 1


def Transitions(  # noqa: N802
    starts: Starts = FreeStarts(),  # noqa: B008
    num_pairs: int | None = None,
    num_past_samplers: int = 1,
) -> Steps:
    """``Steps`` whose samples are (x, u, x'), for costs that are shaped: s = -c_f(x, u, x') - log pi(u|x).

    Example:
        >>> type(Transitions().view).__name__
        'EachTransition'
    """
    return Steps(starts, num_pairs, EachTransition(), num_past_samplers)


def _subsampled(key: Key[Array, ""], data: Samples, drawn: Samples, num_pairs: int | None) -> tuple[Samples, Samples]:
    """``num_pairs`` samples of each side by their weights, which then count equally: nu is one."""
    if num_pairs is None:
        return data, drawn

    def some(key: Key[Array, ""], samples: Samples) -> Samples:
        # Whole: another rounding of a sum over devices would draw another pair.
        up_to = jnp.cumsum(jax.nn.softmax(whole(samples.log_weight)))
        index = jnp.searchsorted(up_to, jax.random.uniform(key, (num_pairs,)) * up_to[-1], side="right")
        return Samples.unweighted(*spread(jax.tree.map(lambda leaf: leaf[spread(index)], (samples.x, samples.log_q))))

    key_data, key_drawn = jax.random.split(key)
    return some(key_data, data), some(key_drawn, drawn)
