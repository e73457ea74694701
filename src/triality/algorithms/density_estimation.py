"""From a table to an energy, a sampler and a log Z that can be believed: likelihood first, then a tilt of it, both judged on held-out data.

    1. q by maximum likelihood, the best on validation data kept
    2. p_theta(x) = q_0(x) exp(-f(x))/Z: f by the objective, q by its gradient (fixed by default: noise-contrastive estimation)
    3. log Z on fresh draws from q, by all estimators, with the alarm

A tilt begins at q_0 with log Z = 0, so that step 2 can only be as bad as step 1 where validation is listened to: where no tilt is better,
f = 0 stays. Validation charges each tilt the larger of two estimates of log Z, from draws alone and from both sides: the first is low where
q misses something.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from triality.algorithms.contrastive_divergence import ContrastiveDivergence
from triality.algorithms.energy_learning import EnergyLearning
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.algorithms.stages import Progress, Stage, best_of, mean_log_prob, no_progress
from triality.algorithms.tilt_learning import TiltLearning
from triality.energies.sum import NegativeLogDensity, SumEnergy
from triality.energy import Constant, Energy, UnnormalizedDensity
from triality.numerics import log_mean_exp
from triality.partition.acceptance_ratio import solve_log_z
from triality.partition.alarm import Alarm, three_way_alarm
from triality.sampler import AbstractSampler, Samples, draw_in_pieces, in_pieces
from triality.samplers.gaussian_mixture import gaussian_mixture

ROWS_A_COMPONENT, MOST_COMPONENTS = 25, 50
"""Of the default generator."""


def default_generator(key: Key[Array, ""], x: Float[Array, "n dim"]) -> AbstractSampler[Any]:
    """A mixture of Gaussians, one for every 25 rows, at most 50, begun at centers far apart."""
    return gaussian_mixture(key, x, int(np.clip(x.shape[0] // ROWS_A_COMPONENT, 1, MOST_COMPONENTS)))


def fit_generator(
    learning: LikelihoodLearning,
    key: Key[Array, ""],
    sampler: AbstractSampler[Any],
    valid: Any,
    num_steps: int,
    chunk: int = 250,
    progress: Progress = no_progress,
    name: str = "likelihood",
) -> Stage:
    """The learning's loss, the sampler of greatest validation likelihood kept; ``num_steps`` 0 returns the sampler as it came.

    ``name`` is the stage's, for ``progress`` and errors.

    Raises:
        NonFiniteError: parameters became NaN or infinite.
    """

    def value(state: Any) -> float:
        return float(mean_log_prob(state.sampler, valid))

    stage = best_of(learning, learning.init(key, sampler), value, num_steps, chunk, name, progress)
    return stage._replace(best=stage.best.sampler, last=stage.last.sampler)


def fit_energy(
    learning: EnergyLearning,
    key: Key[Array, ""],
    energy: Energy[Any],
    sampler: AbstractSampler[Any],
    valid: Any,
    num_steps: int,
    chunk: int = 250,
    num_drawn: int = 4096,
    progress: Progress = no_progress,
) -> Stage:
    """Energy and generator together, the pair of greatest validation likelihood of the *energy* kept.

    Raises:
        NonFiniteError: parameters became NaN or infinite.
    """
    key_run, key_validate = jax.random.split(key)

    def value(state: Any) -> float:
        return float(validated(key_validate, state.density, state.sampler, valid, num_drawn))

    return best_of(learning, learning.init(key_run, energy, sampler), value, num_steps, chunk, "energy", progress)


def fit_energy_by_chains(
    learning: ContrastiveDivergence,
    key: Key[Array, ""],
    energy: Energy[Any],
    sampler: AbstractSampler[Any],
    valid: Any,
    num_steps: int,
    chunk: int = 250,
    num_drawn: int = 4096,
    progress: Progress = no_progress,
) -> Stage:
    """The energy alone, by contrastive divergence; the sampler stays as it is, and serves the log Z by which validation judges.

    Raises:
        NonFiniteError: parameters became NaN or infinite.
    """
    key_run, key_validate = jax.random.split(key)

    def value(state: Any) -> float:
        density = UnnormalizedDensity(state.energy, Constant(jnp.zeros(())))
        return float(validated(key_validate, density, sampler, valid, num_drawn))

    return best_of(learning, learning.init(key_run, energy), value, num_steps, chunk, "energy", progress)


def fit_tilt(
    learning: TiltLearning,
    key: Key[Array, ""],
    network: Energy[Any],
    sampler: AbstractSampler[Any],
    valid: Any,
    num_steps: int,
    chunk: int = 250,
    num_drawn: int = 20_000,
    progress: Progress = no_progress,
) -> Stage:
    """f of p_theta(x) = q(x) exp(-f(x))/Z, q frozen; its stock of ``num_drawn`` draws is renewed after each chunk, another judges it.

    The best state's energy is f: ``tilted`` adds q.

    Raises:
        NonFiniteError: parameters became NaN or infinite.
    """
    of_sampler = float(mean_log_prob(sampler, valid))
    return fit_tilt_of_draws(learning, key, network, partial(_stock, sampler), of_sampler, valid, num_steps, chunk, num_drawn, progress)


def fit_tilt_of_draws(
    learning: TiltLearning,
    key: Key[Array, ""],
    network: Energy[Any],
    draws: Callable[[Key[Array, ""], int], Any],
    of_sampler: float,
    valid: Any,
    num_steps: int,
    chunk: int = 250,
    num_drawn: int = 20_000,
    progress: Progress = no_progress,
) -> Stage:
    """The same of a generator that runs elsewhere: its draws are asked for between chunks, its density is never.

    Args:
        draws: so many draws, from a key.
        of_sampler: mean log q of the validation data, nats; only shifts the curve.

    Raises:
        NonFiniteError: parameters became NaN or infinite.
    """
    key_run, key_draw, key_validate = jax.random.split(key, 3)
    judging = Samples.unweighted(draws(key_validate, num_drawn), jnp.zeros(num_drawn))
    data = Samples.unweighted(valid, jnp.zeros(valid.shape[0]))

    def value(state: Any) -> float:
        return of_sampler + float(_gain(state.density.energy, data, judging))

    def renewed(learning: Any, done: int) -> Any:
        stock = draws(jax.random.fold_in(key_draw, done), num_drawn)
        return eqx.tree_at(lambda learning: learning.drawn, learning, DataSet(stock))

    return best_of(learning, learning.init(key_run, network), value, num_steps, chunk, "energy", progress, renewed)


def held_out_likelihood(energy: Energy[Any], data: Samples, drawn: Samples) -> Float[Array, ""]:
    """mean -E(data) minus the larger of two log Z, from the draws alone and from both sides; nats a sample."""
    on_data, on_drawn = (-in_pieces(energy, side.x) - side.log_q for side in (data, drawn))
    log_z = jnp.maximum(log_mean_exp(on_drawn), solve_log_z(on_data, on_drawn))
    return jnp.mean(on_data + data.log_q) - log_z


def tilted(sampler: AbstractSampler[Any], energy: Energy[Any]) -> SumEnergy[Any]:
    """E(x) = -log q_0(x) + f(x), q_0 the sampler as it is now, frozen."""
    return SumEnergy((NegativeLogDensity(sampler), energy))


@eqx.filter_jit
def estimate_log_z(
    key: Key[Array, ""], energy: Energy[Any], sampler: AbstractSampler[Any], data: Any, num_drawn: int
) -> tuple[Alarm, Samples]:
    """Three estimates of log Z on ``num_drawn`` fresh draws and on data that trained nothing; with the draws."""
    drawn = draw_in_pieces(sampler, key, num_drawn)
    on_data = -in_pieces(energy, data) - in_pieces(sampler.log_prob, data)
    return three_way_alarm(on_data, -in_pieces(energy, drawn.x) - drawn.log_q), drawn


def resample(key: Key[Array, ""], log_ratio: Float[Array, " n"], num_samples: int) -> Any:
    """Indices of draws picked by their importance weights, with replacement: nearer p_theta than q, once there are many more draws."""
    return jax.random.choice(key, log_ratio.shape[0], (num_samples,), p=jax.nn.softmax(log_ratio))


@eqx.filter_jit
def validated(
    key: Key[Array, ""], density: UnnormalizedDensity, sampler: AbstractSampler[Any], valid: Any, num_drawn: int
) -> Float[Array, ""]:
    """What ``fit_energy`` judges a state by: held-out likelihood of the energy, log Z on fresh draws; nats a sample."""
    drawn = draw_in_pieces(sampler, key, num_drawn)
    return held_out_likelihood(density.energy, Samples.unweighted(valid, in_pieces(sampler.log_prob, valid)), drawn)


@eqx.filter_jit
def _stock(sampler: AbstractSampler[Any], key: Key[Array, ""], num_drawn: int) -> Any:
    return draw_in_pieces(sampler, key, num_drawn).x


_gain = eqx.filter_jit(held_out_likelihood)
