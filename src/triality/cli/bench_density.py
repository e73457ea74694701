"""The profile of a run of ``triality ebm``: the program of likelihood, and that of the energy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from triality.algorithms.contrastive_divergence import ContrastiveDivergence
from triality.algorithms.density_estimation import held_out_likelihood, validated
from triality.algorithms.energy_learning import EnergyLearning
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.algorithms.stages import mean_log_prob
from triality.cli.density_names import is_relative
from triality.cli.density_parts import make_energy, make_generator, make_learning, make_loss, make_network, make_tilt_learning
from triality.cli.density_split import Split, split_of
from triality.cli.density_stages import STOCK, chunk
from triality.cli.ebm import DensityPlan
from triality.cli.options import EbmOptions
from triality.energy import Constant, UnnormalizedDensity
from triality.profiling.energy_learning_stages import energy_learning_stages, one_stage
from triality.profiling.learning_profile import profile_learning
from triality.profiling.program_profile import ProgramProfile
from triality.profiling.stage import StageRecord, profile_stage
from triality.sampler import Samples, draw_in_pieces

NUM_VALIDATED = 4096
"""Draws that log Z of a validation is estimated on, as ``fit_energy`` has it."""
MOST_RENEWALS = 5
"""Timed: many draws take long."""
SETTING = ("target", "objective", "generator", "energy", "sampler_gradient", "batch_size")


def profile_density(plan: DensityPlan, num_chunks: int, num_repeats: int) -> tuple[ProgramProfile, ...]:
    """Both programs of a run; the second begins at the generator that the first has got to."""
    options, split = plan.options, split_of(plan)
    keys = jax.random.split(jax.random.key(options.seed), 5)
    setting = {name: getattr(options, name) for name in SETTING} | {"dim": split.space.dim, "num_train": len(split.train)}
    begin = make_generator(options.generator, keys[0], split.train, split.space, options.head)
    likelihood = LikelihoodLearning(DataSet(split.train), options.generator_learning_rate, options.batch_size, make_loss(options.generator))
    steps = chunk(options.generator_steps)
    first = likelihood.init(keys[1], begin)
    profile, state = profile_learning("ebm, likelihood", setting, likelihood, first, steps, num_chunks, num_repeats, one_stage)
    judging, _ = profile_stage("validation", mean_log_prob, state.sampler, split.valid, num_repeats=num_repeats, per="chunk")
    profiles = (profile._replace(stages=(*profile.stages, judging)),)
    if options.objective == "mle":
        return profiles
    return (*profiles, _energy(options, split, state.sampler, keys[2:], setting, num_chunks, num_repeats))


def _energy(
    options: EbmOptions, split: Split, sampler: Any, keys: Any, setting: dict[str, Any], num_chunks: int, num_repeats: int
) -> ProgramProfile:
    """Of the energy, by whichever of the three algorithms the options ask for."""
    if is_relative(options.objective, options.base, options.sampler_gradient, options.gradient_penalty):
        learning: Any = make_tilt_learning(options, DataSet(split.train), split.space)
        state = learning.init(keys[0], make_network(options.energy, keys[1], split.space))
    else:
        learning, energy = make_learning(options, DataSet(split.train), split.space), make_energy(options, keys[1], sampler, split.space)
        is_chain = isinstance(learning, ContrastiveDivergence)
        state = learning.init(keys[0], energy) if is_chain else learning.init(keys[0], energy, sampler)
    stages_of = energy_learning_stages if isinstance(learning, EnergyLearning) else one_stage
    steps = chunk(options.energy_steps)
    profile, state = profile_learning("ebm, energy", setting, learning, state, steps, num_chunks, num_repeats, stages_of)
    return profile._replace(stages=(*profile.stages, *_between(learning, state, sampler, split, keys[2], num_repeats)))


def _between(learning: Any, state: Any, sampler: Any, split: Split, key: Any, num_repeats: int) -> tuple[StageRecord, ...]:
    """What lies between two chunks: new draws for a tilt, and the validation."""
    if not isinstance(learning, EnergyLearning | ContrastiveDivergence):
        return tilt_between(state, sampler, split.valid, STOCK, key, num_repeats)
    followed = state.sampler if isinstance(learning, EnergyLearning) else sampler
    density = state.density if isinstance(learning, EnergyLearning) else UnnormalizedDensity(state.energy, Constant(jnp.zeros(())))
    arguments = (key, density, followed, split.valid, NUM_VALIDATED)
    return (profile_stage("validation", validated, *arguments, num_repeats=num_repeats, per="chunk")[0],)


def tilt_between(state: Any, sampler: Any, valid: Any, num_drawn: int, key: Any, num_repeats: int) -> tuple[StageRecord, ...]:
    """Of a tilt: the stock of draws that is renewed, and the validation on as many."""
    few = min(num_repeats, MOST_RENEWALS)
    renewing, drawn = profile_stage("new draws", draw_in_pieces, sampler, key, num_drawn, num_repeats=few, per="chunk")
    data, stock = (Samples.unweighted(x, jnp.zeros(len(x))) for x in (valid, drawn.x))
    judging, _ = profile_stage("validation", held_out_likelihood, state.density.energy, data, stock, num_repeats=num_repeats, per="chunk")
    return renewing, judging
