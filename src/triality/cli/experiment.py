"""From options and demonstrations to an algorithm and its first state: what ``irl`` runs, and what ``eval`` and ``retrain`` rebuild."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from triality.algorithms.airl import Airl
from triality.algorithms.behavioral_cloning import BehavioralCloning, CloningState
from triality.algorithms.cost_learning import CostLearning, State
from triality.algorithms.cost_steps import CostSteps, adam_steps, averaged, gradient_steps
from triality.algorithms.dagger import Dagger, DaggerState
from triality.algorithms.expert_shares import LearnerAlone
from triality.algorithms.f_irl import FIrl, FIrlState
from triality.algorithms.first_policy import MakePolicy
from triality.algorithms.gail import Gail
from triality.algorithms.guided_cost import GanGcl, GuidedCost
from triality.algorithms.levels import Level, MatchedTrajectories, Steps, Trajectories
from triality.algorithms.soft_q_imitation import SoftQImitation, SoftQState
from triality.algorithms.starts import FreeStarts, MatchedStarts
from triality.cli.baselines import make_f_irl, make_soft_q
from triality.cli.cost_class import LINEAR, TILTED, make_cost_of
from triality.cli.expert_policy import NotAtHand
from triality.cli.irl import Plan
from triality.cli.irl_defaults import cost_rate
from triality.cli.names import CLONING, SOFT_Q, Task, make_environment, make_objective, make_reward, make_scaling_rule, make_view
from triality.cli.options import IrlOptions
from triality.cli.policy_update import make_update_rule
from triality.cli.rows import ALONE, RunRows
from triality.data.absorbing import pad_with_absorbing
from triality.data.demonstrations import Demonstrations
from triality.data.trajectories import to_trajectories
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.tilted_cost import PenaltyOfTilt
from triality.envs.environment import AbstractEnvironment
from triality.policies.categorical import categorical_policy
from triality.policies.gaussian import gaussian_policy, squashed_gaussian_policy
from triality.policies.over import MakeUntilOver
from triality.policies.scaling import Scaling, identity_scaling
from triality.run import over_settings, run
from triality.settings import one_setting
from triality.trajectory import Policy, Trajectory

NUM_CLONING_STEPS = 3000
"""Gradient steps of cloning where it only prepares the policy."""
NUM_STEPS_A_ROUND = 1000
"""Gradient steps of cloning in each round of DAgger, and before the first."""

AVERAGED_STEPS = averaged(gradient_steps)
"""Of linear costs: one and the same function, as what is compared of two algorithms."""
ONE_SCALE: dict[MakePolicy, MakePolicy] = {
    make: functools.partial(make, state_scale=False) for make in (gaussian_policy, squashed_gaussian_policy)
}
"""Of policies that are cloned. One object each: two partials are never equal, and an algorithm made twice would be two programs."""

RollsOut = CostLearning | Dagger | SoftQImitation | FIrl
"""What collects roll-outs."""
Learning = CostLearning | BehavioralCloning | Dagger | SoftQImitation | FIrl
"""What ``triality irl`` runs."""
LearningState = State | CloningState | DaggerState | SoftQState | FIrlState


def demonstration_batch(demonstrations: Demonstrations, task: Task, options: IrlOptions) -> tuple[Trajectory, Float[Array, "seeds n"]]:
    """The demonstrations of every seed, drawn by a permutation with that seed, as one batch with a leading axis of seeds."""
    chosen = [demonstrations.select(options.num_demos, seed) for seed in range(options.seed, options.seed + options.seeds)]
    batches = [as_trajectories(each, task, seed) for seed, each in enumerate(chosen, options.seed)]
    weights = jnp.asarray(np.stack([each.log_weights for each in chosen]), float)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches), weights


def as_trajectories(demonstrations: Demonstrations, task: Task, seed: int) -> Trajectory:
    """Padded to the time limit: by the absorbing state where episodes can end, else as masked steps."""
    if task.is_absorbing:
        demonstrations = _through_absorbing(demonstrations, task, seed)
    return to_trajectories(demonstrations, task.bare.time_limit)


def build_algorithm(options: IrlOptions, task: Task, expert: Policy | None = None) -> Learning:
    """The algorithm that resolved options name. Of a finished run of DAgger no ``expert`` is needed: nobody is asked any more."""
    environment = make_environment(task)
    make_policy = policy_maker(options, task)
    if options.algorithm in SOFT_Q:
        return make_soft_q(options, task, make_policy)
    if options.algorithm == "f-irl":
        return make_f_irl(options, task, make_policy)
    if options.algorithm in CLONING:
        cloning = BehavioralCloning(task.spec, options.policy_learning_rate, make_policy=make_policy)
        return cloning if options.algorithm == "bc" else _dagger(environment, expert, cloning, options, task)
    constructors = {"gan-gcl": GanGcl, "guided-cost": GuidedCost, "gail": Gail}
    airl = functools.partial(Airl, shaping_discount=options.shaping_discount)
    penalty = GradientPenalty(options.gradient_penalty or 0.0)
    return constructors.get(options.algorithm, airl)(
        environment,
        _level(options),
        make_objective(options.objective, options.starts),
        update_rule=make_update_rule(options, task),
        penalty=PenaltyOfTilt(penalty) if options.cost == TILTED else penalty,
        cost_learning_rate=cost_rate(options),
        cost_steps=_cost_steps(options),
        make_cost=make_cost_of(options, task),
        make_policy=make_policy,
        policy_cost=make_reward(options.reward),
        scaling_rule=make_scaling_rule(options.scaling),
    )


def _cost_steps(options: IrlOptions) -> CostSteps:
    """The mean of the course is for what is linear in its parameters, and the potential beside AIRL's linear cost is a perceptron."""
    if options.cost != LINEAR:
        return adam_steps
    return gradient_steps if options.algorithm == "airl" else AVERAGED_STEPS


def _dagger(environment: AbstractEnvironment, expert: Policy | None, cloning: BehavioralCloning, options: IrlOptions, task: Task) -> Dagger:
    """The demonstrations begin its data: they are the round in which the expert acted."""
    return Dagger(
        environment,
        NotAtHand() if expert is None else expert,
        cloning,
        task.bare.time_limit,
        share=LearnerAlone(),
        num_rollouts=options.num_rollouts,
        num_rounds=options.iterations,
        num_cloning_steps=NUM_STEPS_A_ROUND,
    )


class Begun(NamedTuple):
    """What a first state on the host needs, and compiled roll-outs would give: a scaling, and a batch of the shapes of an update's."""

    scaling: Scaling
    like: Trajectory


def first_state(
    algorithm: Learning,
    key: Key[Array, ""],
    data: Trajectory,
    log_weight: Float[Array, " n"],
    options: IrlOptions,
    begun: Begun | None = None,
) -> LearningState:
    """The state of one seed before its first iteration; with a cloned policy if the options ask for one."""
    if isinstance(algorithm, BehavioralCloning):
        return algorithm.init(key, data, log_weight)
    scaling, like = begun or (None, None)
    if isinstance(algorithm, Dagger):
        return algorithm.init(key, None, like, data, log_weight)
    if options.init_policy == "random":
        return algorithm.init(key, data, log_weight, None, scaling, like)
    key_scaling, key_clone, key_init = jax.random.split(key, 3)
    scaling = algorithm.fit_scaling(key_scaling, data) if scaling is None else scaling
    cloning = BehavioralCloning(algorithm.env.spec, make_policy=algorithm.make_policy)
    cloned, _, _ = run(cloning, cloning.init(key_clone, data, log_weight, scaling), 1, NUM_CLONING_STEPS)
    if isinstance(algorithm, CostLearning):
        begun_at_it = algorithm.init(key_init, data, log_weight, cloned.policy, scaling, like)
        return algorithm.relative_to(begun_at_it, cloned.policy) if options.cost == TILTED else begun_at_it
    return algorithm.init(key_init, data, log_weight, cloned.policy, scaling, like)


def first_states(algorithm: Learning, plan: Plan) -> LearningState:
    """First states of all seeds, stacked; one compiled program."""
    return first_states_of(RunRows(one_setting(algorithm), ALONE, seeds_of(plan.options)), plan)


def first_states_of(rows: RunRows, plan: Plan) -> LearningState:
    """First states of all rows, stacked; one compiled program."""
    options = plan.options
    # What DAgger begins with needs no roll-out, so that it is the same in a compiled run and on the host.
    begun = _blank_begun(plan.task, options) if isinstance(rows.algorithm, Dagger) else None
    data, weights = demonstration_batch(plan.demonstrations, plan.task, options)
    keys = jax.vmap(jax.random.key)(jnp.arange(options.seed, options.seed + options.seeds))
    given = jax.tree.map(lambda leaf: jnp.concatenate([leaf] * len(rows.points)), (keys, data, weights))

    def build(algorithm: Learning, given: tuple[Key[Array, ""], Trajectory, Float[Array, " n"]]) -> LearningState:
        return first_state(algorithm, *given, options, begun)

    return over_settings(build, rows.at_once)(rows.settings, given)


def seeds_of(options: IrlOptions) -> range:
    """All seeds of a run."""
    return range(options.seed, options.seed + options.seeds)


def state_template(algorithm: Learning, task: Task, options: IrlOptions) -> LearningState:
    """Shapes of the stacked states, nothing computed: what a checkpoint is read into."""
    shapes = _data_shapes(task, options)
    keys = jax.eval_shape(lambda: jax.vmap(jax.random.key)(jnp.arange(options.seeds)))
    weights = jax.ShapeDtypeStruct((options.seeds, options.num_demos), jnp.zeros(()).dtype)
    begun = _blank_begun(task, options) if task.on_host or isinstance(algorithm, Dagger) else None
    return jax.eval_shape(jax.vmap(lambda k, d, w: first_state(algorithm, k, d, w, options, begun)), keys, shapes, weights)


def _blank_begun(task: Task, options: IrlOptions) -> Begun:
    drawn = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape[1:], leaf.dtype), _data_shapes(task, options, options.num_rollouts))
    return Begun(identity_scaling(task.spec.observation_size), drawn)


def _data_shapes(task: Task, options: IrlOptions, num: int | None = None) -> Trajectory:
    """Shapes of ``demonstration_batch``, or of as many trajectories of each seed as asked for."""
    shape, spec = (options.seeds, num or options.num_demos, task.bare.time_limit), task.spec

    def blank() -> Trajectory:
        numbers, flags = jnp.zeros(shape), jnp.zeros(shape, bool)
        action = jnp.zeros(shape, int) if spec.is_discrete else jnp.zeros((*shape, spec.action_size))
        observation = jnp.zeros((*shape[:2], shape[2] + 1, spec.observation_size))
        return Trajectory(observation, action, numbers, flags, flags, flags, numbers, jnp.zeros(shape[:2], int))

    return jax.eval_shape(blank)


def _level(options: IrlOptions) -> Level:
    free = options.num_rollouts // 3
    if options.level == "step":
        starts = FreeStarts(options.num_rollouts) if options.starts == "free" else MatchedStarts(options.num_rollouts - free, free)
        return Steps(starts, options.num_pairs or None, make_view(options.algorithm), options.past_samplers, options.max_staleness)
    if options.starts == "free":
        return Trajectories(options.num_rollouts, options.past_samplers, options.max_staleness)
    return MatchedTrajectories(options.num_rollouts - free, free, options.past_samplers)


def policy_maker(options: IrlOptions, task: Task) -> MakePolicy:
    """The class of policy that fits the actions and what is done with those outside the box; one scale everywhere if it is cloned."""
    make = _running_policy_maker(options, task)
    return MakeUntilOver(make) if task.is_absorbing else make


def _running_policy_maker(options: IrlOptions, task: Task) -> MakePolicy:
    if task.spec.is_discrete:
        return categorical_policy
    make = gaussian_policy if options.actions == "raw" else squashed_gaussian_policy
    is_cloned = options.algorithm in CLONING or options.init_policy == "cloned"
    return ONE_SCALE[make] if is_cloned else make


def _through_absorbing(demonstrations: Demonstrations, task: Task, seed: int) -> Demonstrations:
    """An absorbing state is an ordinary state whose actions do nothing; what is recorded of them there is drawn uniformly."""
    padded = pad_with_absorbing(demonstrations.observations, demonstrations.actions, demonstrations.lengths, task.bare, seed)
    arrays = {"observations": padded.observations, "actions": padded.actions, "lengths": padded.lengths}
    if demonstrations.weights is not None:
        arrays["weights"] = demonstrations.weights
    if demonstrations.rewards is not None:
        arrays["rewards"] = np.zeros(len(padded.actions), demonstrations.rewards.dtype)
        arrays["rewards"][~padded.padded] = demonstrations.rewards
    return Demonstrations.from_arrays(arrays)
