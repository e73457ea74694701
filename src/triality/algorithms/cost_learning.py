"""A cost and a policy from demonstrations: guided cost learning and GAN-GCL as one algorithm (sections 2.3.2 and 3.2).

    p_theta(tau) = exp(-c_theta(tau))/Z,   c_theta(tau) = sum_t c_theta(x_t, u_t)

    repeat:
        draw roll-outs from the policy q                                              (collect)
        log Z by the acceptance ratio, held fixed                                     (fact 1, D2)
        theta: a few steps down the objective on demonstrations and roll-outs         (fact 2: either objective)
        q:     soft policy optimization of -c_theta, entropy with weight one          (fact 3, eq. 2)
        the scaling of observations follows, in c, q and the state of q's update alike    (or stays as it is)

``GuidedCost`` minimizes E_p[c] + log Z by importance sampling; ``GanGcl`` trains the discriminator
D = sigmoid(-c - log q - log Z - log nu). Their gradients are equal where log Z is the acceptance ratio and p~ is the model (fact 2).

Reference: Finn, Levine, Abbeel 2016 (arXiv:1603.00448); Finn, Christiano, Abbeel, Levine 2016 (arXiv:1611.03852).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.algorithms.cost_metrics import Metrics, metrics_of
from triality.algorithms.cost_steps import CostSteps, adam_steps, mean_of
from triality.algorithms.first_policy import MakePolicy, first_scaling, random_policy
from triality.algorithms.levels import Level
from triality.algorithms.past_samplers import PastSamplers
from triality.algorithms.scaling_rules import FrozenScaling, ScalingRule
from triality.energies.gradient_penalty import CostPenalty, GradientPenalty
from triality.energies.step_cost import mlp_cost
from triality.energies.tilted_cost import TiltedCost
from triality.energy import Conditional, Constant
from triality.envs.environment import AbstractEnvironment
from triality.errors import ConfigError
from triality.objectives.by_start import Objective
from triality.policies.running_scaling import distance, held, rescaled
from triality.policies.scaling import Scaling
from triality.sampler import Samples
from triality.specs import EnvironmentSpec
from triality.trajectory import OfPair, Policy, StepCost, Trajectory, TransitionCost
from triality.updates.ppo import PPO
from triality.updates.update_rule import UpdateRule

MakeCost = Callable[[Key[Array, ""], EnvironmentSpec, Scaling], StepCost]
PolicyCost = Callable[[Any], TransitionCost]


class State(NamedTuple):
    """All that a run needs to go on.

    Fields:
        cost: c_theta(x, u).
        cost_optimizer: its optimizer's state.
        log_z: the log Z that the last cost step used, constant or one a start; zero at step level. Of the cost before the scaling moved.
        policy: q.
        update: the state of the policy's update.
        past: past samplers, what they drew, and their densities.
        data: the demonstrations of this run.
        data_log_weight: one log weight a demonstration.
        scaling: of observations, one and the same in cost, policy and update; a past policy keeps the one it had.
        seen: what the scaling's rule remembers of observations so far; nothing where the scaling is frozen.
        key: randomness from here on.
        iteration: iterations done.
    """

    cost: StepCost
    cost_optimizer: PyTree
    log_z: Constant | Conditional
    policy: Policy
    update: PyTree
    past: PastSamplers
    data: Trajectory
    data_log_weight: Float[Array, " num_data"]
    scaling: Scaling
    seen: PyTree
    key: Key[Array, ""]
    iteration: Int[Array, ""]


class CostLearning(eqx.Module):
    """A cost and a policy from demonstrations. Hyper-parameters are leaves, so ``vmap`` covers them as it covers seeds.

    Args:
        env: the environment.
        level: at which level data and roll-outs are compared; see ``triality.algorithms.levels``.
        objective: of the cost.
        update_rule: how q improves.
        penalty: regularizer of the cost.
        cost_learning_rate: step of the cost, by ``cost_steps``.
        cost_momentum: Adam's first moment; 0.5 as is usual where the other side moves (Radford et al. 2016).
        cost_steps: how the cost moves; see ``triality.algorithms.cost_steps``.
        num_cost_steps: cost steps an iteration.
        make_cost: builds a cost from (key, spec, scaling).
        make_policy: builds a policy from (key, spec, scaling); by the kind of actions if None.
        policy_cost: what the policy minimizes, made from the learned cost; the cost itself by default.
        scaling_rule: how the scaling of observations goes on; see ``triality.algorithms.scaling_rules``.

    Example:
        >>> from triality.objectives.discriminator import OverlapNormalizedLoss
        >>> from triality.algorithms.levels import Trajectories
        >>> from triality.envs.pendulum import Pendulum
        >>> from triality.policies.gaussian import squashed_gaussian_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.run import run
        >>> from triality.trajectory import rollout
        >>> env, scaling = Pendulum(), identity_scaling(3)
        >>> algorithm = CostLearning(
        ...     env,
        ...     Trajectories(num_rollouts=3),
        ...     OverlapNormalizedLoss(),
        ...     update_rule=PPO(num_epochs=1, num_minibatches=1, hidden=(4,)),
        ...     penalty=GradientPenalty(num_points=4),
        ...     make_cost=lambda key, spec, scaling: mlp_cost(key, spec, scaling, (4,)),
        ...     make_policy=lambda key, spec, scaling: squashed_gaussian_policy(key, spec, scaling, (4,)),
        ... )
        >>> expert = squashed_gaussian_policy(jax.random.key(1), env.spec, scaling, (4,))
        >>> @jax.jit
        ... def learn(key):
        ...     data = jax.vmap(lambda key: rollout(key, env, expert, 5))(jax.random.split(key, 2))
        ...     state = algorithm.init(key, data._replace(start=jnp.arange(2)), scaling=scaling)
        ...     return run(algorithm, state, 1, 2)
        >>> state, metrics, _ = learn(jax.random.key(0))
        >>> int(state.iteration), bool(metrics.is_finite.all())
        (2, True)
    """

    env: AbstractEnvironment
    level: Level
    objective: Objective
    update_rule: UpdateRule = PPO()
    penalty: CostPenalty = GradientPenalty()
    cost_learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    cost_momentum: Float[Array, ""] = eqx.field(default=0.5, converter=jnp.asarray)
    cost_steps: CostSteps = eqx.field(default=adam_steps, static=True)
    num_cost_steps: int = eqx.field(default=3, static=True)
    make_cost: MakeCost = eqx.field(default=mlp_cost, static=True)
    make_policy: MakePolicy | None = eqx.field(default=None, static=True)
    policy_cost: PolicyCost = eqx.field(default=OfPair, static=True)
    scaling_rule: ScalingRule = FrozenScaling()

    def init(
        self,
        key: Key[Array, ""],
        data: Trajectory,
        data_log_weight: Float[Array, " n"] | None = None,
        policy: Policy | None = None,
        scaling: Scaling | None = None,
        like: Trajectory | None = None,
    ) -> State:
        """A first state from the demonstrations ``data``, padded to the horizon.

        Args:
            key: of everything random in the run.
            data: the demonstrations, leading axis num_data.
            data_log_weight: one log weight a demonstration; all equal if None.
            policy: where q begins, such as a cloned policy; random if None.
            scaling: of observations, which a given ``policy`` gets too. If None, that of the ``policy``; where it has none, fitted to
                demonstrations and to roll-outs of the random policy.
            like: a batch of the shapes that ``update`` will get, for roll-outs that come from the host; by default those of ``collect``.
        """
        key_policy, key_cost, key_update, key_scaling, key_memory, key_run = jax.random.split(key, 6)
        scaling = held(policy) if scaling is None else scaling
        scaling = self.fit_scaling(key_scaling, data) if scaling is None else scaling
        policy = self.make_policy_of(key_policy, scaling) if policy is None else rescaled(policy, scaling)
        cost = self.make_cost(key_cost, self.env.spec, scaling)
        weight = jnp.zeros(data.start.shape) if data_log_weight is None else data_log_weight
        batch = jax.eval_shape(lambda k: self.level.collect(k, self.env, policy, data), key_memory) if like is None else like
        blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), batch)
        past = self.level.first_memory(policy, blank, data)
        log_z = jax.eval_shape(lambda: self.level.density(cost, *self.level.samples(past, data, weight)).log_z)
        log_z = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), log_z)
        optimizer = self._optimizer(data).init(eqx.filter(cost, eqx.is_inexact_array))
        update = self.update_rule.init(key_update, policy, scaling)
        seen = self.scaling_rule.init(scaling, blank)
        return State(cost, optimizer, log_z, policy, update, past, data, weight, scaling, seen, key_run, jnp.zeros((), jnp.int32))

    def relative_to(self, state: State, reference: Policy) -> State:
        """A first state whose cost is a tilt of ``reference``: see ``TiltedCost``. Goes with ``PenaltyOfTilt``.

        Raises:
            ConfigError: the scaling of observations moves, and would move the reference with it.
        """
        if not isinstance(self.scaling_rule, FrozenScaling):
            raise ConfigError(
                f"expected a frozen scaling with a cost relative to a policy, got {type(self.scaling_rule).__name__}; use FrozenScaling"
            )
        cost = TiltedCost(state.cost, reference)
        return state._replace(cost=cost, cost_optimizer=self._optimizer(state.data).init(eqx.filter(cost, eqx.is_inexact_array)))

    def step(self, state: State) -> tuple[State, Metrics]:
        """One iteration: ``update`` after ``collect``."""
        key, key_collect = jax.random.split(state.key)
        state = state._replace(key=key)
        return self.update(state, self.collect(key_collect, state))

    def collect(self, key: Key[Array, ""], state: State) -> Trajectory:
        """The roll-outs of one iteration, padded to the demonstrations' horizon."""
        return self.level.collect(key, self.env, state.policy, state.data)

    def acting(self, state: State) -> Policy:
        """Who draws the next roll-outs: what a host's collector runs."""
        return state.policy

    def update(self, state: State, batch: Trajectory) -> tuple[State, Metrics]:
        """Cost steps, then one improvement of the policy, on roll-outs that the current policy drew; then the scaling follows."""
        key, key_cost, key_policy = jax.random.split(state.key, 3)
        past, data, drawn = self.compared(state, batch)
        cost, optimizer, reported = self.improved_cost(key_cost, state, batch, data, drawn)
        policy, update, policy_metrics = self.improved_policy(key_policy, state, batch, cost)
        density = self.level.density(cost, data, drawn)
        followed, scaling = self.scaling_rule.after(state.seen, state.scaling, state.data, state.data_log_weight, batch)
        moved = distance(state.scaling, scaling)
        last = jax.tree.map(lambda leaf: leaf[-1], reported)
        metrics = metrics_of((cost, policy), state.data, batch, density, data, drawn, last, policy_metrics, moved)
        # All that acts or costs from here on; never what is remembered of past policies.
        cost, policy, update = rescaled((cost, policy, update), scaling)
        kept = (past, state.data, state.data_log_weight, scaling, followed, key, state.iteration + 1)
        return State(cost, optimizer, density.log_z, policy, update, *kept), metrics

    def compared(self, state: State, batch: Trajectory) -> tuple[PastSamplers, Samples, Samples]:
        """The first part of ``update``: the roll-outs remembered, and the two sides of the objective with their densities."""
        past = self.level.remember(state.past, state.policy, batch, state.data)
        return past, *self.level.samples(past, state.data, state.data_log_weight)

    def improved_cost(
        self, key: Key[Array, ""], state: State, batch: Trajectory, data: Samples, drawn: Samples
    ) -> tuple[StepCost, PyTree, PyTree]:
        """The second: the cost after its steps, its optimizer's state, and what the objective reported in each."""

        def cost_step(carry, key):
            cost, optimizer_state = carry
            gradient, reported = eqx.filter_grad(self._loss, has_aux=True)(cost, key, data, drawn, state, batch)
            parameters = eqx.filter(cost, eqx.is_inexact_array)
            updates, optimizer_state = self._optimizer(state.data).update(gradient, optimizer_state, parameters)
            return (eqx.apply_updates(cost, updates), optimizer_state), reported

        keys = jax.random.split(key, self.num_cost_steps)
        (cost, optimizer), reported = jax.lax.scan(cost_step, (state.cost, state.cost_optimizer), keys)
        return cost, optimizer, reported

    def improved_policy(self, key: Key[Array, ""], state: State, batch: Trajectory, cost: StepCost) -> tuple[Policy, PyTree, PyTree]:
        """The third: the policy after its update under the new cost, the update's state, and its metrics."""
        return self.update_rule.update(key, state.policy, state.update, batch, self.policy_cost(cost))

    def learned(self, state: State) -> State:
        """The state with what has been learned for its cost: the mean of its course, where ``cost_steps`` keep one, else as it is.

        Of one state or of stacked ones. For what is judged, exported or trained on afterwards; a run goes on from the state itself. The
        policy and ``log_z`` are those of the last cost. Where the scaling has moved, the mean is of weights in the units of their moments.
        """
        mean = mean_of(state.cost_optimizer)
        return state if mean is None else state._replace(cost=rescaled(eqx.combine(mean, state.cost), state.scaling))

    def _loss(self, cost: StepCost, key: Key[Array, ""], data: Samples, drawn: Samples, state: State, batch: Trajectory):
        density = self.level.density(cost, data, drawn)
        key_loss, key_penalty = jax.random.split(key)
        loss, metrics = self.level.loss(key_loss, self.objective, density, data, drawn)
        penalty = self.penalty(key_penalty, cost, state.scaling, state.data, batch)
        return loss + self.level.steps_in_sample(batch.mask.shape[1]) * penalty, (penalty, metrics)

    def _optimizer(self, data: Trajectory) -> optax.GradientTransformation:
        return self.cost_steps(self.cost_learning_rate, self.cost_momentum, self.level.steps_in_sample(data.mask.shape[-1]))

    def make_policy_of(self, key: Key[Array, ""], scaling: Scaling) -> Policy:
        """A random policy of the kind that this algorithm improves."""
        return random_policy(self.make_policy, key, self.env.spec, scaling)

    def fit_scaling(self, key: Key[Array, ""], data: Trajectory) -> Scaling:
        """From the demonstrations and as many random roll-outs: what cost and policy will see early and late in the run."""
        return first_scaling(key, self.env, self.make_policy, data)
