"""A target network of the cost: the policy minimizes a slowly moving average of what the discriminator learns (Polyak averaging).

    average <- (1 - rate) average + rate theta        at every update; the first one takes theta as it is
    q:         improved by the rule within, on c_average

A wrapper of an update rule, since this is who minimizes; the cost itself is learned as ever, and its metrics are of the latest. Where the
cost stands still the average arrives at it, so no optimum moves; what changes is how fast the policy can chase a cost that does not.
Averaged are the parameters, as is usual, and not the values: for costs linear in them the two are one. The average is taken of parameters
alone: its scaling of observations is the one that cost, policy and value share at the time, also where that moves.

Reference: Pfau, Vinyals 2016, arXiv:1610.01945 (target networks in both fields); Lillicrap et al. 2016, arXiv:1509.02971 (slowly moving).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.algorithms.cost_learning import MakeCost, PolicyCost
from triality.energies.step_cost import mlp_cost
from triality.policies.scaling import Scaling
from triality.specs import EnvironmentSpec
from triality.trajectory import OfPair, Policy, Trajectory, TransitionCost
from triality.updates.update_rule import UpdateRule


class SlowState(NamedTuple):
    """What the update needs next time: the averaged cost, updates done, and the state of the rule within."""

    average: TransitionCost
    num_updates: Int[Array, ""]
    rule: PyTree


class SlowCost(eqx.Module):
    """The rule within, on the averaged cost.

    Args:
        rule: how q improves.
        spec: of the environment.
        make_cost: as the algorithm makes its cost: ``algorithm.make_cost``.
        policy_cost: as the algorithm has it.
        rate: share of the latest cost in the average, in (0, 1]; 1 is the rule alone.

    Example:
        >>> from triality.algorithms.guided_cost import GanGcl
        >>> from triality.envs.pendulum import Pendulum
        >>> from triality.updates.ppo import PPO
        >>> env = Pendulum()
        >>> algorithm = GanGcl(env, update_rule=SlowCost(PPO(), env.spec))
        >>> round(float(algorithm.update_rule.rate), 3)
        0.1
    """

    rule: UpdateRule
    spec: EnvironmentSpec = eqx.field(static=True)
    make_cost: MakeCost = eqx.field(default=mlp_cost, static=True)
    policy_cost: PolicyCost = eqx.field(default=OfPair, static=True)
    rate: Float[Array, ""] = eqx.field(default=0.1, converter=jnp.asarray)

    def init(self, key: Key[Array, ""], policy: Policy, scaling: Scaling) -> SlowState:
        """An average of nothing yet, in the shape of the cost."""
        average = self.policy_cost(self.make_cost(key, self.spec, scaling))
        return SlowState(average, jnp.zeros((), jnp.int32), self.rule.init(key, policy, scaling))

    def update(
        self, key: Key[Array, ""], policy: Policy, state: SlowState, batch: Trajectory, cost: TransitionCost
    ) -> tuple[Policy, SlowState, Any]:
        """One improvement under the average that ``cost`` has joined."""
        share = jnp.where(state.num_updates == 0, 1.0, self.rate)
        average = _moved(state.average, cost, share)
        policy, rule, metrics = self.rule.update(key, policy, state.rule, batch, average)
        return policy, SlowState(average, state.num_updates + 1, rule), metrics


def _moved(average: Any, latest: Any, share: Float[Array, ""]) -> Any:
    """(1 - share) average + share latest in every inexact array; all else is the latest's."""
    target, rest = eqx.partition(latest, eqx.is_inexact_array)
    mixed = jax.tree.map(
        lambda old, new: ((1.0 - share) * old + share * new).astype(new.dtype), eqx.filter(average, eqx.is_inexact_array), target
    )
    return eqx.combine(mixed, rest)
