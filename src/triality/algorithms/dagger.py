"""DAgger: cloning on the states that the learner itself visits, with an expert that can be asked there (Ross, Gordon and Bagnell 2011).

    D = {}, or demonstrations and pi cloned from them
    for i = 0, 1, ...:
        roll out  beta_i pi_E + (1 - beta_i) pi,  the coin tossed at every step           (collect)
        D = D + {(x, the expert's action at x) for every x met}                           (update: aggregate)
        pi: Adam steps on  -E_(x,u)~D log pi(u | x)                                       (update: clone)

Cloning errs where nobody demonstrated, and its regret grows with the square of the horizon; here regret is the error rate on the learner's
own states times the horizon times what one error costs until it is made good. Where an error cannot be made good, that is T too, and
nothing is gained. The first round with beta = 1 is behavioral cloning; so is what demonstrations begin, and ``LearnerAlone`` goes on from
there.

Reference: arXiv:1011.0686.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from triality.algorithms.behavioral_cloning import BehavioralCloning, CloningMetrics, CloningState
from triality.algorithms.expert_labels import Labels, SampledLabels
from triality.algorithms.expert_shares import ExpertFirst, ExpertShare
from triality.envs.environment import AbstractEnvironment
from triality.errors import ConfigError, DataError
from triality.policies.running_scaling import Moments
from triality.policies.scaling import Scaling, fit_scaling
from triality.policies.shared import SharedPolicy
from triality.run import scan
from triality.trajectory import Policy, Trajectory, rollout


class DaggerState(NamedTuple):
    """All that a run needs to go on. The expert is no part of it: it belongs to the algorithm.

    Fields:
        cloning: policy, optimizer, and the aggregated data: demonstrations, if any, and then ``num_rounds * num_rollouts`` rows, masked
            until they are filled.
        key: randomness of roll-outs and labels from here on.
        iteration: rounds done.
    """

    cloning: CloningState
    key: Key[Array, ""]
    iteration: Int[Array, ""]

    @property
    def policy(self) -> Policy:
        """What has been learned."""
        return self.cloning.policy


class DaggerMetrics(NamedTuple):
    """Never needed next.

    Fields:
        return_mean: the environment's own return of this round's roll-outs, the expert's share in them included: monitoring only.
        beta: probability that the expert acted.
        online_loss: -log pi(u | x) of this round's labels under the policy before the update, nats a step: what the guarantee bounds, the
            measure of progress. Falls to what the class of policies cannot do better.
        num_labels: labels in the data set, demonstrated steps and all rounds; grows by the steps of each round.
        num_forgotten: labels that this round overwrote, there being more rounds than ``num_rounds``; 0 where it is DAgger.
        cloning: of the last of the round's Adam steps.
    """

    return_mean: Float[Array, ""]
    beta: Float[Array, ""]
    online_loss: Float[Array, ""]
    num_labels: Int[Array, ""]
    num_forgotten: Int[Array, ""]
    cloning: CloningMetrics


class Dagger(eqx.Module):
    """Data set aggregation.

    Args:
        env: where the learner acts; only ``collect`` runs it.
        expert: a policy that can be asked anywhere.
        cloning: how a policy is fitted to the data so far; it goes on from the last round's.
        horizon: steps of a roll-out.
        share: how often the expert acts while data are collected.
        labels: its drawn action or its most likely one.
        num_rollouts: roll-outs a round: ``num_rollouts * horizon`` labels where no episode ends early.
        num_rounds: rounds that the data set holds. Any later one replaces the oldest, and the metrics count what is forgotten.
        num_cloning_steps: Adam steps a round.

    Raises:
        ConfigError: there is no expert to ask, only demonstrations.

    Example:
        >>> from triality.envs.gridworld import gridworld
        >>> from triality.policies.categorical import OneHotTabularPolicy, one_hot_tabular_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.run import run
        >>> env = gridworld(("S.G",), slip=0.0)
        >>> expert = OneHotTabularPolicy(jnp.zeros((3, 5)).at[:2, 4].set(9.0))  # right, and anything in the goal
        >>> cloning = BehavioralCloning(env.spec, 0.1, batch_size=16, make_policy=one_hot_tabular_policy)
        >>> algorithm = Dagger(env, expert, cloning, horizon=6, num_rollouts=4, num_rounds=2, num_cloning_steps=30)
        >>> state = algorithm.init(jax.random.key(0), identity_scaling(3))
        >>> state, metrics, _ = jax.jit(lambda state: run(algorithm, state, 1, 2))(state)
        >>> metrics.num_labels[0].tolist(), int(state.policy(jnp.array([1.0, 0.0, 0.0])).mode)
        ([24, 48], 4)
    """

    env: AbstractEnvironment
    expert: Policy | None
    cloning: BehavioralCloning
    horizon: int = eqx.field(static=True)
    share: ExpertShare = ExpertFirst()
    labels: Labels = SampledLabels()
    num_rollouts: int = eqx.field(default=16, static=True)
    num_rounds: int = eqx.field(default=20, static=True)
    num_cloning_steps: int = eqx.field(default=500, static=True)

    def __check_init__(self):
        if not callable(self.expert):
            raise ConfigError(
                "expected an expert that can be asked for its action at any observation, got none: demonstrations alone say nothing of "
                "where the learner goes; pass a policy as the expert, or use BehavioralCloning"
            )

    def init(
        self,
        key: Key[Array, ""],
        scaling: Scaling | None = None,
        like: Trajectory | None = None,
        demonstrations: Trajectory | None = None,
        log_weight: Float[Array, " n"] | None = None,
    ) -> DaggerState:
        """A random policy and an empty data set; or demonstrations, and a policy cloned from them.

        Args:
            key: of everything random in the run.
            scaling: of observations; fitted to the demonstrations if None, or to roll-outs of the expert where there are none.
            like: a batch of the shapes that ``update`` will get, for roll-outs that come from the host; by default those of ``collect``.
            demonstrations: what the data set begins with, as recorded and never forgotten; padded to the horizon.
            log_weight: one log weight a demonstration, beside 0 of a label; all 0 if None.

        Raises:
            DataError: the demonstrations are not padded to the horizon.
        """
        key_cloning, key_scaling, key_run = jax.random.split(key, 3)
        shapes = jax.eval_shape(lambda k: self._rollouts(k, self._expert), key_scaling) if like is None else like
        empty = jax.tree.map(lambda leaf: jnp.zeros((self.num_rounds * leaf.shape[0], *leaf.shape[1:]), leaf.dtype), shapes)
        if demonstrations is None:
            scaling = self._fitted(key_scaling) if scaling is None else scaling
            return DaggerState(self.cloning.init(key_cloning, empty, scaling=scaling), key_run, jnp.zeros((), jnp.int32))
        if demonstrations.mask.shape[1] != self.horizon:
            raise DataError(f"expected demonstrations padded to {self.horizon} steps, got {demonstrations.mask.shape[1]}; pad them")
        weight = jnp.zeros(demonstrations.start.shape) if log_weight is None else log_weight
        scaling = Moments.of(demonstrations, weight).scaling() if scaling is None else scaling
        data = jax.tree.map(lambda first, later: jnp.concatenate([first.astype(later.dtype), later]), demonstrations, empty)
        weight = jnp.concatenate([weight, jnp.zeros(empty.start.shape)])
        begun = self.cloning.init(key_cloning, data, weight, scaling)
        cloned, _ = scan(lambda s, _: self.cloning.step(s), begun, None, self.num_cloning_steps)
        return DaggerState(cloned, key_run, jnp.zeros((), jnp.int32))

    def step(self, state: DaggerState) -> tuple[DaggerState, DaggerMetrics]:
        """One round: ``update`` after ``collect``."""
        key, key_collect = jax.random.split(state.key)
        state = state._replace(key=key)
        return self.update(state, self.collect(key_collect, state))

    def collect(self, key: Key[Array, ""], state: DaggerState) -> Trajectory:
        """The roll-outs of one round, expert and learner sharing the steps; their actions are what was done, not labels."""
        return self._rollouts(key, self.acting(state))

    def acting(self, state: DaggerState) -> Policy:
        """Who acts in the next round: the expert with probability beta, else the learner. What a host's collector runs."""
        return SharedPolicy(self._expert, state.policy, self.share(state.iteration))

    def update(self, state: DaggerState, batch: Trajectory) -> tuple[DaggerState, DaggerMetrics]:
        """Ask the expert at every observation of ``batch``, whoever collected it; add the answers to the data; clone.

        Raises:
            DataError: the batch is not one round of roll-outs.
        """
        if batch.mask.shape != (self.num_rollouts, self.horizon):
            raise DataError(
                f"expected {self.num_rollouts} roll-outs of {self.horizon} steps, got {batch.mask.shape}; pad episodes to the horizon, "
                "and collect as many as num_rollouts says"
            )
        key, key_labels = jax.random.split(state.key)
        labelled = self.ask(key_labels, batch)
        online = jax.vmap(jax.vmap(lambda x, u: state.policy(x).log_prob(u)))(labelled.observation[:, :-1], labelled.action)
        num_first = state.cloning.data.start.shape[0] - self.num_rounds * self.num_rollouts
        row = num_first + (state.iteration % self.num_rounds) * self.num_rollouts
        data = jax.tree.map(lambda all_, new: jax.lax.dynamic_update_slice_in_dim(all_, new, row, 0), state.cloning.data, labelled)
        cloning, metrics = scan(lambda s, _: self.cloning.step(s), state.cloning._replace(data=data), None, self.num_cloning_steps)
        num_labels = jnp.sum(data.mask)
        forgotten = jnp.sum(state.cloning.data.mask) + jnp.sum(batch.mask) - num_labels
        return DaggerState(cloning, key, state.iteration + 1), DaggerMetrics(
            return_mean=jnp.mean(jnp.sum(batch.reward, axis=-1)),
            beta=self.share(state.iteration),
            online_loss=-jnp.sum(jnp.where(batch.mask, online, 0.0)) / jnp.maximum(jnp.sum(batch.mask), 1),
            num_labels=num_labels,
            num_forgotten=forgotten,
            cloning=jax.tree.map(lambda leaf: leaf[-1], metrics),
        )

    def ask(self, key: Key[Array, ""], batch: Trajectory) -> Trajectory:
        """``batch`` with the expert's action at every observation in place of the one taken, and its log density."""

        def answer(key: Key[Array, ""], observation: Float[Array, " obs"]) -> tuple[Array, Float[Array, ""]]:
            actions = self._expert(observation)
            label = self.labels(key, actions)
            return label, actions.log_prob(label)

        keys = jax.random.split(key, batch.mask.shape)
        action, log_prob = jax.vmap(jax.vmap(answer))(keys, batch.observation[:, :-1])
        return batch._replace(action=action.astype(batch.action.dtype), log_prob=jnp.where(batch.mask, log_prob, 0.0))

    @property
    def _expert(self) -> Policy:
        assert self.expert is not None  # checked when it was made
        return self.expert

    def _fitted(self, key: Key[Array, ""]) -> Scaling:
        seen = self._rollouts(key, self._expert).observation
        return fit_scaling(seen.reshape(-1, seen.shape[-1]))

    def _rollouts(self, key: Key[Array, ""], policy: Policy) -> Trajectory:
        keys = jax.random.split(key, self.num_rollouts)
        return jax.vmap(lambda k: rollout(k, self.env, policy, self.horizon))(keys)
