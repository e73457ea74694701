"""f-IRL (Ni et al. 2020): a cost of the state alone, by descending an f-divergence of state marginals along its analytic gradient.

    repeat:
        draw roll-outs from the policy pi                                                                   (collect)
        s:  a few steps of logistic regression, demonstrated states against those of the roll-outs; s = log rho_data/rho_pi
        c:  one step down  -Cov(sum_t h_f(s(x_t)), sum_t c(x_t)) / (temperature T)                          (``covariance_loss``)
        pi: soft policy optimization of c, the entropy with weight ``temperature``

The gradient is exact where pi is the soft optimum of c and s is the log ratio: a policy that lags makes it one of another distribution, and
is watched by ``log_odds_drawn``. Only states are matched, and neither actions nor densities of the demonstrations are looked at. The cost
is stationary and is no verdict on who acts, so that a fresh policy can be trained on it; a constant in it drops out over a fixed horizon.
Under stochastic dynamics the theorem's model tilts the dynamics too, as footnote 2 does.

Reference: Ni, Sikchi, Wang, Gupta, Lee, Eysenbach 2020, arXiv:2011.04709.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.algorithms.cost_learning import MakeCost
from triality.algorithms.first_policy import MakePolicy, first_scaling, random_policy, rollouts
from triality.algorithms.known_transitions import KnownTransitions, known_transitions
from triality.energies.step_cost import state_cost
from triality.envs.environment import AbstractEnvironment
from triality.objectives.discriminator import discriminator_loss
from triality.objectives.state_marginal import JensenShannon, MarginalDivergence, covariance_loss
from triality.policies.running_scaling import held, rescaled
from triality.policies.scaling import Scaling
from triality.run import scan
from triality.trajectory import OfPair, Policy, StepCost, Trajectory, random_steps
from triality.updates.ppo import PPO
from triality.updates.update_rule import UpdateRule

BATCH_SIZE = 512
"""States of each side in one step of the discriminator."""


class FIrlState(NamedTuple):
    """All that a run needs to go on.

    Fields:
        cost: c(x), low = likely.
        cost_optimizer: its optimizer's state.
        ratio: -s(x), a cost of states as well: low = looks demonstrated.
        ratio_optimizer: its optimizer's state.
        policy: pi.
        update: the state of its update.
        known: the demonstrations.
        scaling: of observations, one and the same everywhere.
        key: randomness from here on.
        iteration: iterations done.
    """

    cost: StepCost
    cost_optimizer: PyTree
    ratio: StepCost
    ratio_optimizer: PyTree
    policy: Policy
    update: PyTree
    known: KnownTransitions
    scaling: Scaling
    key: Key[Array, ""]
    iteration: Int[Array, ""]


class FIrlMetrics(NamedTuple):
    """Never needed next.

    Fields:
        return_mean: the environment's own return of this iteration's roll-outs, sampled actions: monitoring only.
        discriminator_loss: of its last step, nats; 2 log 2 where the states of both sides are alike.
        log_odds_drawn: mean s at the learner's states, nats: minus KL(rho_pi || rho_data) for the optimal s, so that it rises to 0.
        policy: what the update of the policy reports.
    """

    return_mean: Float[Array, ""]
    discriminator_loss: Float[Array, ""]
    log_odds_drawn: Float[Array, ""]
    policy: Any


class FIrl(eqx.Module):
    """State-marginal matching with a cost of the state.

    Args:
        env: where the learner acts; only ``collect`` runs it.
        horizon: steps of a roll-out, T.
        divergence: ``ForwardKL``, ``ReverseKL`` or ``JensenShannon``.
        update_rule: how the policy improves; its temperature weighs the entropy and divides the gradient of the cost.
        cost_learning_rate: Adam step of the cost.
        ratio_learning_rate: Adam step of the discriminator.
        num_ratio_steps: discriminator steps an iteration.
        num_rollouts: roll-outs an iteration; the covariance is over them.
        make_cost: builds c from (key, spec, scaling); it has to be blind to the action.
        make_ratio: builds the discriminator in the same way; states are matched in what it sees.
        make_policy: builds a policy from (key, spec, scaling); by the kind of actions if None.

    Example:
        >>> from triality.envs.pendulum import Pendulum
        >>> algorithm = FIrl(Pendulum(), 200)
        >>> type(algorithm.divergence).__name__, float(algorithm.update_rule.temperature)
        ('JensenShannon', 1.0)
    """

    env: AbstractEnvironment
    horizon: int = eqx.field(static=True)
    divergence: MarginalDivergence = JensenShannon()
    update_rule: UpdateRule = PPO()
    cost_learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    ratio_learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    num_ratio_steps: int = eqx.field(default=20, static=True)
    num_rollouts: int = eqx.field(default=64, static=True)
    make_cost: MakeCost = eqx.field(default=state_cost, static=True)
    make_ratio: MakeCost = eqx.field(default=state_cost, static=True)
    make_policy: MakePolicy | None = eqx.field(default=None, static=True)

    def init(
        self,
        key: Key[Array, ""],
        data: Trajectory,
        data_log_weight: Float[Array, " n"] | None = None,
        policy: Policy | None = None,
        scaling: Scaling | None = None,
        like: Trajectory | None = None,
    ) -> FIrlState:
        """A first state from the demonstrations ``data``; arguments as those of ``CostLearning.init``, and ``like`` is not needed."""
        del like
        key_policy, key_cost, key_ratio, key_update, key_scaling, key_run = jax.random.split(key, 6)
        scaling = held(policy) if scaling is None else scaling
        scaling = self.fit_scaling(key_scaling, data) if scaling is None else scaling
        policy = self.make_policy_of(key_policy, scaling) if policy is None else rescaled(policy, scaling)
        cost, ratio = self.make_cost(key_cost, self.env.spec, scaling), self.make_ratio(key_ratio, self.env.spec, scaling)
        optimizers = (_optimizer(0.0).init(eqx.filter(model, eqx.is_inexact_array)) for model in (cost, ratio))
        of_cost, of_ratio = optimizers
        update, known = self.update_rule.init(key_update, policy, scaling), known_transitions(data, data_log_weight)
        return FIrlState(cost, of_cost, ratio, of_ratio, policy, update, known, scaling, key_run, jnp.zeros((), jnp.int32))

    def step(self, state: FIrlState) -> tuple[FIrlState, FIrlMetrics]:
        """One iteration: ``update`` after ``collect``."""
        key, key_collect = jax.random.split(state.key)
        state = state._replace(key=key)
        return self.update(state, self.collect(key_collect, state))

    def collect(self, key: Key[Array, ""], state: FIrlState) -> Trajectory:
        """The roll-outs of one iteration."""
        return rollouts(key, self.env, state.policy, self.horizon, self.num_rollouts)

    def acting(self, state: FIrlState) -> Policy:
        """Who draws the next roll-outs: what a host's collector runs."""
        return state.policy

    def update(self, state: FIrlState, batch: Trajectory) -> tuple[FIrlState, FIrlMetrics]:
        """Discriminator, cost and policy, in this order, on roll-outs that the current policy drew."""
        key, key_ratio, key_policy = jax.random.split(state.key, 3)

        def ratio_step(carry: tuple[StepCost, PyTree], key: Key[Array, ""]):
            ratio, optimizer = carry
            loss, gradient = eqx.filter_value_and_grad(self.ratio_loss)(ratio, key, state.known, batch)
            return _stepped(ratio, gradient, optimizer, self.ratio_learning_rate), loss

        keys = jax.random.split(key_ratio, self.num_ratio_steps)
        (ratio, of_ratio), losses = scan(ratio_step, (state.ratio, state.ratio_optimizer), keys, self.num_ratio_steps)
        log_ratio = -_of_states(ratio, batch)
        gradient = eqx.filter_grad(self.cost_loss)(state.cost, log_ratio, batch)
        cost, of_cost = _stepped(state.cost, gradient, state.cost_optimizer, self.cost_learning_rate)
        policy, update, reported = self.update_rule.update(key_policy, state.policy, state.update, batch, OfPair(cost))
        metrics = FIrlMetrics(
            return_mean=jnp.mean(jnp.sum(batch.reward, axis=-1)),
            discriminator_loss=losses[-1],
            log_odds_drawn=jnp.sum(jnp.where(batch.mask, log_ratio, 0.0)) / jnp.maximum(jnp.sum(batch.mask), 1),
            policy=reported,
        )
        after = (cost, of_cost, ratio, of_ratio, policy, update, state.known, state.scaling, key, state.iteration + 1)
        return FIrlState(*after), metrics

    def ratio_loss(self, ratio: StepCost, key: Key[Array, ""], known: KnownTransitions, batch: Trajectory) -> Float[Array, ""]:
        """Logistic regression of demonstrated against drawn states, as many of each."""
        key_data, key_drawn = jax.random.split(key)
        data = known.draw(key_data, BATCH_SIZE)
        index = random_steps(key_drawn, batch.mask, BATCH_SIZE)
        states, actions = (leaf.reshape((-1, *leaf.shape[2:]))[index] for leaf in (batch.observation[:, :-1], batch.action))
        weight = jnp.zeros(BATCH_SIZE)
        on_data, on_drawn = -jax.vmap(ratio)(data.observation, data.action), -jax.vmap(ratio)(states, actions)
        return discriminator_loss(on_data, on_drawn, weight, weight)

    def cost_loss(self, cost: StepCost, log_ratio: Float[Array, "n time"], batch: Trajectory) -> Float[Array, ""]:
        """The surrogate whose gradient is that of the divergence, up to the temperature, which Adam does not see."""
        per_step = jax.vmap(jax.vmap(self.divergence))(log_ratio)
        return covariance_loss(per_step, _of_states(cost, batch), batch.mask, jnp.zeros(batch.start.shape))

    def make_policy_of(self, key: Key[Array, ""], scaling: Scaling) -> Policy:
        """A random policy of the kind that this algorithm improves."""
        return random_policy(self.make_policy, key, self.env.spec, scaling)

    def fit_scaling(self, key: Key[Array, ""], data: Trajectory) -> Scaling:
        """From the demonstrations and as many random roll-outs."""
        return first_scaling(key, self.env, self.make_policy, data)


def _of_states(cost: StepCost, batch: Trajectory) -> Float[Array, "n time"]:
    """Of the states before each step."""
    return jax.vmap(jax.vmap(cost))(batch.observation[:, :-1], batch.action)


def _stepped(model: Any, gradient: PyTree, optimizer: PyTree, rate: Float[Array, ""]) -> tuple[Any, PyTree]:
    updates, optimizer = _optimizer(rate).update(gradient, optimizer)
    return eqx.apply_updates(model, updates), optimizer


def _optimizer(rate: Float[Array, ""] | float) -> optax.GradientTransformation:
    return optax.chain(optax.scale_by_adam(b1=0.5), optax.scale(-1.0 * rate))
