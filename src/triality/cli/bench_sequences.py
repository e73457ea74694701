"""The profile of a run of ``triality seq``: the program of the generator's own loss, and that of the energy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from triality.algorithms.density_estimation import validated
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.stages import mean_log_prob
from triality.cli.bench_density import NUM_VALIDATED, tilt_between
from triality.cli.density_stages import chunk
from triality.cli.seq import SeqPlan
from triality.cli.seq_names import OBJECTIVES, SCORED
from triality.cli.seq_parts import (
    as_data_set,
    make_game,
    make_generator,
    make_loss,
    make_network,
    make_tilt_learning,
    of_oracle,
    read_oracle,
)
from triality.cli.seq_stages import RENEWALS
from triality.data.sequences import SequenceData
from triality.energies.tilted_sequence import TiltedSequenceEnergy
from triality.profiling.energy_learning_stages import energy_learning_stages, one_stage
from triality.profiling.learning_profile import profile_learning
from triality.profiling.program_profile import ProgramProfile
from triality.profiling.stage import profile_stage

MOST_REPEATS = 5
"""Of what lies between chunks, which takes seconds."""
SETTING = ("objective", "generator", "hidden", "energy", "credit", "batch_size")


def profile_sequences(plan: SeqPlan, num_chunks: int, num_repeats: int) -> tuple[ProgramProfile, ...]:
    """The first two programs of a run; of mixer and actor-critic the third is like the first."""
    options, data = plan.options, _data(plan)
    keys = jax.random.split(jax.random.key(options.seed), 4)
    valid = jnp.asarray(data.valid, jnp.int32)
    setting = {name: getattr(options, name) for name in SETTING} | {"length": data.length, "vocabulary": data.vocabulary}
    loss = make_loss(options, len(data.train))
    learning = LikelihoodLearning(as_data_set(data.train), options.generator_learning_rate, options.batch_size, loss)
    first, steps = learning.init(keys[1], make_generator(options, keys[0], data)), chunk(options.generator_steps)
    profile, state = profile_learning("seq, likelihood", setting, learning, first, steps, num_chunks, num_repeats, one_stage)
    few = min(num_repeats, MOST_REPEATS)
    judging, _ = profile_stage("validation", mean_log_prob, state.sampler, valid, num_repeats=few, per="chunk")
    profiles = (profile._replace(stages=(*profile.stages, judging)),)
    if not OBJECTIVES[options.objective].has_energy and options.objective not in SCORED:
        return profiles
    energy = _game if options.objective in SCORED else _tilt
    return (*profiles, energy(plan, data, state.sampler, keys[2:], setting, num_chunks, num_repeats))


def _data(plan: SeqPlan) -> SequenceData:
    if plan.data is not None:
        return plan.data
    oracle = read_oracle(plan.options)
    assert oracle is not None, "the plan was checked"
    return of_oracle(oracle, plan.options)


def _game(
    plan: SeqPlan, data: SequenceData, sampler: Any, keys: Any, setting: dict[str, Any], num_chunks: int, num_repeats: int
) -> ProgramProfile:
    """The generator follows its energy, or SeqGAN's critic."""
    options, network = plan.options, make_network(plan.options, keys[0], data)
    energy = network if options.objective == "seqgan" else TiltedSequenceEnergy(sampler, network)
    game, steps = make_game(options, as_data_set(data.train)), chunk(options.energy_steps)
    first = game.init(keys[1], energy, sampler)
    profile, state = profile_learning("seq, energy", setting, game, first, steps, num_chunks, num_repeats, energy_learning_stages)
    arguments = (keys[1], state.density, state.sampler, jnp.asarray(data.valid, jnp.int32), NUM_VALIDATED)
    judging, _ = profile_stage("validation", validated, *arguments, num_repeats=min(num_repeats, MOST_REPEATS), per="chunk")
    return profile._replace(stages=(*profile.stages, judging))


def _tilt(
    plan: SeqPlan, data: SequenceData, sampler: Any, keys: Any, setting: dict[str, Any], num_chunks: int, num_repeats: int
) -> ProgramProfile:
    """A tilt of the generator that stands still."""
    options, valid = plan.options, jnp.asarray(data.valid, jnp.int32)
    learning, steps = make_tilt_learning(options, as_data_set(data.train)), max(1, options.energy_steps // RENEWALS)
    first = learning.init(keys[1], make_network(options, keys[0], data))
    profile, state = profile_learning("seq, energy", setting, learning, first, steps, num_chunks, num_repeats, one_stage)
    between = tilt_between(state, sampler, valid, options.num_drawn, keys[1], min(num_repeats, MOST_REPEATS))
    return profile._replace(stages=(*profile.stages, *between))
