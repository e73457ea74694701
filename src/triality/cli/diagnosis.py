"""log Z of the learned trajectory model by every estimator, on fresh roll-outs, and the alarm's verdict in words.

The cost was fitted on these very demonstrations, so the errors of every estimator that uses them are too small (D2): the verdict says
how far the estimators agree, not that log Z is right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from triality.algorithms.cost_learning import CostLearning, State
from triality.algorithms.levels import MatchedTrajectories, Steps, Trajectories, log_ratio
from triality.envs.host import HostEnvironment
from triality.numerics import effective_sample_size, log_mean_exp
from triality.partition.alarm import Alarm, three_way_alarm, verdict
from triality.trajectory import Trajectory, WholeTrajectory, action_log_probs

Fresh = Callable[[State, int], Trajectory]
"""Fresh roll-outs of a state's policy: at least so many, those that are compared first."""

NUM_ROLLOUTS, NUM_ON_HOST = 256, 64
"""Fresh roll-outs a seed, half of them to center each start, half for the estimates; fewer where each of them costs a simulator's time."""


def fresh_rollouts(algorithm: CostLearning) -> Fresh:
    """Compiled roll-outs at the level of the algorithm."""

    @eqx.filter_jit
    def fresh(state: State, num_rollouts: int) -> Trajectory:
        level = algorithm.level
        if isinstance(level, Trajectories):
            level = Trajectories(num_rollouts)
        elif isinstance(level, MatchedTrajectories):
            level = MatchedTrajectories(num_rollouts, 1)
        return level.collect(jax.random.key(12345), algorithm.env, state.policy, state.data)

    return fresh


def diagnose(algorithm: CostLearning, states: State, fresh: Fresh) -> dict[str, Any]:
    """Fields of the summary: ``log_z``, ``log_z_estimates``, ``alarm`` (of the first seed), and health by seed."""
    every = [_one(states, index) for index in range(_num_seeds(states))]
    if isinstance(algorithm.level, Steps):
        return {"seeds": [_step_health(algorithm, state, fresh(state, _num_fresh(algorithm))) for state in every]}
    shares = [_share(algorithm, state) for state in every]
    results = [
        _trajectory_health(algorithm, state, fresh(state, share * state.data.start.shape[0]))
        for state, share in zip(every, shares, strict=True)
    ]
    alarm = jax.tree.map(np.asarray, results[0][1])
    estimates = {
        name: {"value": float(each.value), "stderr": float(each.stderr)}
        for name, each in (("importance", alarm.forward), ("acceptance_ratio", alarm.symmetric), ("reciprocal", alarm.reciprocal))
    }
    return {
        "log_z": estimates["acceptance_ratio"]["value"],
        "log_z_estimates": estimates,
        "alarm": verdict(alarm) if len(results) == 1 else f"{verdict(alarm)} All of this is of the first seed.",
        "seeds": [{name: float(value) for name, value in health.items()} for health, _ in results],
    }


def _num_fresh(algorithm: CostLearning) -> int:
    return NUM_ON_HOST if isinstance(algorithm.env, HostEnvironment) else NUM_ROLLOUTS


def _share(algorithm: CostLearning, state: State) -> int:
    """Fresh roll-outs for each demonstration."""
    return max(4, _num_fresh(algorithm) // state.data.start.shape[0])


@eqx.filter_jit
def _trajectory_health(algorithm: CostLearning, state: State, batch: Trajectory) -> tuple[dict[str, Array], Alarm]:
    """r = -c - log q, centered start by start on one half of the roll-outs; estimates and alarm on the other half, pooled.

    The estimates are of the mean over starts of log Z(start): the mean center is added to what is left.
    """
    on_data, on_drawn, centers = _centered_ratios(algorithm, state, batch)
    alarm = three_way_alarm(on_data, on_drawn, state.data_log_weight)
    log_nu = jnp.log(on_drawn.shape[0]) - jax.nn.logsumexp(state.data_log_weight)
    overlap = jnp.exp(log_mean_exp(-jax.nn.softplus(on_data - alarm.symmetric.value - log_nu), state.data_log_weight))
    health = {"ess_fraction": effective_sample_size(on_drawn) / on_drawn.shape[0], "overlap": overlap}
    names = ("forward", "symmetric", "reciprocal")
    shifted = {name: (each := getattr(alarm, name))._replace(value=each.value + jnp.mean(centers)) for name in names}
    return health, alarm._replace(**shifted)


def _centered_ratios(algorithm: CostLearning, state: State, batch: Trajectory):
    num_data, share = state.data.start.shape[0], _share(algorithm, state)
    batch = jax.tree.map(lambda leaf: leaf[: share * num_data], batch)
    view = WholeTrajectory()
    log_probs = jax.vmap(lambda one: action_log_probs(state.policy, one))(state.data)
    energy = view.energy(state.cost)
    on_data = log_ratio(energy, view.samples(state.data, log_probs, state.data_log_weight))
    on_drawn = log_ratio(energy, view.samples(batch, batch.log_prob)).reshape(num_data, share)
    if isinstance(algorithm.level, Trajectories):
        return on_data, on_drawn.reshape(-1), jnp.zeros(())
    half = share // 2
    centers = jax.vmap(log_mean_exp)(on_drawn[:, :half])
    return on_data - centers, (on_drawn[:, half:] - centers[:, None]).reshape(-1), centers


def _step_health(algorithm: CostLearning, state: State, batch: Trajectory) -> dict[str, float]:
    """Of single steps: E_p[1 - D] at nu = 1, and the effective sample size of exp(-c)/pi over fresh roll-outs."""
    # Of these alone: past samplers drew with other policies, and other numbers of roll-outs.
    level: Any = dataclasses.replace(algorithm.level, num_past_samplers=1, max_staleness=0)  # pyright: ignore[reportArgumentType]

    @eqx.filter_jit
    def ratios(state: State, batch: Trajectory):
        past = level.remember(state.past, state.policy, batch, state.data)
        data, drawn = level.samples(past, state.data, state.data_log_weight)
        energy = level.density(state.cost, data, drawn).energy
        on_data, on_drawn = log_ratio(energy, data), log_ratio(energy, drawn)
        overlap = jnp.exp(log_mean_exp(-jax.nn.softplus(on_data), data.log_weight))
        return effective_sample_size(on_drawn + drawn.log_weight) / jnp.sum(~jnp.isneginf(drawn.log_weight)), overlap

    fraction, overlap = ratios(state, batch)
    return {"ess_fraction": float(fraction), "overlap": float(overlap)}


def _one(states: State, index: int) -> State:
    return jax.tree.map(lambda leaf: leaf[index], states)


def _num_seeds(states: State) -> int:
    return states.iteration.shape[0]
