"""scikit-learn's interface: ``DensityEstimator(...).fit(X)`` learns a density with an energy, a sampler, and a log Z with its error.

    generator q_0 by likelihood;   p_theta(x) = q_0(x) exp(-f(x))/Z by the density-aware discriminator;   log Z on fresh draws

Needs the extra ``sklearn``. Rows of X are samples; columns are put on the scale of their standard deviations inside, and every result is
given back in the units of X.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError

try:
    from sklearn.base import BaseEstimator, DensityMixin
    from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data
except ImportError as error:
    raise ConfigError('expected the package scikit-learn, got none installed; do pip install "triality[sklearn]"') from error

from triality.algorithms.density_estimation import default_generator, estimate_log_z, fit_energy, fit_generator, resample, tilted
from triality.algorithms.energy_learning import EnergyLearning, Objective
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.energies.mlp import MLPEnergy
from triality.energies.sum import NegativeLogDensity
from triality.energy import Energy
from triality.loaded_programs import make_room_for_programs
from triality.objectives.discriminator import DiscriminatorLoss
from triality.partition.alarm import verdict
from triality.runs.checkpoint import read_checkpoint, write_checkpoint
from triality.runs.checkpoint_file import read_leaves
from triality.sampler import AbstractSampler
from triality.updates.sampler.gradient import Fixed, SamplerGradient

MakeGenerator = Callable[[Key[Array, ""], Float[Array, "n dim"]], AbstractSampler[Any]]
MakeEnergy = Callable[[Key[Array, ""], int], Energy[Any]]
BLOCK = 256


class DensityEstimator(DensityMixin, BaseEstimator):
    """A density of the rows of a table, as an energy and a sampler.

    Args:
        generator: (key, X) to a Sampler, X with mean 0 and standard deviation 1 in every column; a mixture of Gaussians if None.
            ``lambda key, x: real_nvp(key, x.shape[1])`` makes a flow.
        energy: (key, dim) to f of the tilt, which should begin near zero; a perceptron if None.
        objective: of the energy; the density-aware discriminator if None.
        sampler_gradient: how the generator improves while the energy is learned; if None it stays: noise-contrastive estimation.
        generator_steps: gradient steps of the likelihood; 0 leaves them out.
        energy_steps: gradient steps of the energy; 0 leaves them out.
        batch_size: rows of a step.
        learning_rate: Adam step of both stages.
        validation_fraction: share of the rows that choose the best step and estimate log Z, and train nothing.
        num_drawn: fresh draws that log Z is estimated on.
        random_state: seed, or None.

    After ``fit``: ``log_z_`` and ``log_z_stderr_``, log Z of the energy by importance sampling, in nats (0 where no tilt was better than
    the generator); ``alarm_``, the verdict of three estimates in words; ``validation_curve_``, validation log likelihood after each chunk
    of both stages, nats a row of standardized columns; ``n_features_in_``.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal([1.0, -2.0], [0.5, 3.0], (1000, 2))
        >>> density = DensityEstimator(generator_steps=300, energy_steps=0, random_state=0).fit(X)
        >>> bool(abs(density.score_samples([[1.0, -2.0]])[0] + np.log(2 * np.pi * 0.5 * 3.0)) < 0.5)
        True
        >>> density.sample(3).shape
        (3, 2)
    """

    def __init__(
        self,
        generator: MakeGenerator | None = None,
        energy: MakeEnergy | None = None,
        objective: Objective | None = None,
        sampler_gradient: SamplerGradient | None = None,
        generator_steps: int = 3000,
        energy_steps: int = 3000,
        batch_size: int = 256,
        learning_rate: float = 3e-3,
        validation_fraction: float = 0.1,
        num_drawn: int = 10_000,
        random_state: int | None = None,
    ):
        self.generator = generator
        self.energy = energy
        self.objective = objective
        self.sampler_gradient = sampler_gradient
        self.generator_steps = generator_steps
        self.energy_steps = energy_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.num_drawn = num_drawn
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> DensityEstimator:
        """Learn from the rows of X; y is ignored.

        Raises:
            ValueError: X is no table of finite numbers, or has a constant column, or fewer than two rows.
            NonFiniteError: parameters became NaN or infinite.
        """
        del y
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self._refuse(X)
        make_room_for_programs()
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        rows = np.random.default_rng(seed).permutation(len(X))
        held_out = max(1, round(self.validation_fraction * len(X)))
        self.shift_, self.scale_ = X.mean(axis=0), _scale(X)
        standardized = jnp.asarray((X - self.shift_) / self.scale_, float)
        train, valid = standardized[rows[held_out:]], standardized[rows[:held_out]]
        keys = jax.random.split(jax.random.key(seed), 5)
        likelihood = LikelihoodLearning(DataSet(train), learning_rate=self.learning_rate, batch_size=self.batch_size)
        first = fit_generator(
            likelihood, keys[1], self._generator(keys[0], train), valid, self.generator_steps, _chunk(self.generator_steps)
        )
        learning = EnergyLearning(
            DataSet(train),
            DiscriminatorLoss() if self.objective is None else self.objective,
            Fixed() if self.sampler_gradient is None else self.sampler_gradient,
            energy_learning_rate=self.learning_rate,
            sampler_learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            num_drawn=self.batch_size,
        )
        energy = tilted(first.best, self._energy(keys[2], X.shape[1]))
        second = fit_energy(learning, keys[3], energy, first.best, valid, self.energy_steps, _chunk(self.energy_steps))
        self.tilted_ = second.num_steps > 0
        self.sampler_ = second.best.sampler
        self.energy_ = second.best.density.energy if self.tilted_ else NegativeLogDensity(first.best)  # no tilt was better than none
        self.num_trained_on_ = len(train)
        self.validation_curve_ = np.asarray(first.curve + second.curve)
        self._estimate(keys[4], valid)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """log p_theta of every row, in nats, in the units of X."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        x = jnp.asarray((X - self.shift_) / self.scale_, float)
        return -_energies(self.energy_, x) - self.log_z_ - np.log(self.scale_).sum()

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log likelihood of the rows, nats a row: larger is better."""
        del y
        return float(np.mean(self.score_samples(X)))

    def sample(self, n_samples: int = 1, random_state: int | None = None) -> np.ndarray:
        """Rows from p_theta: draws of the generator, twenty for each, resampled by their importance weights."""
        check_is_fitted(self)
        seed = check_random_state(self.random_state if random_state is None else random_state).randint(np.iinfo(np.int32).max)
        key_draw, key_pick = jax.random.split(jax.random.key(seed))
        x, log_q = jax.jit(jax.vmap(self.sampler_.sample_and_log_prob))(jax.random.split(key_draw, 20 * n_samples))
        log_ratio = -jax.jit(jax.vmap(self.energy_))(x) - log_q
        picked = x[resample(key_pick, log_ratio, n_samples)]
        return np.asarray(picked, float) * self.scale_ + self.shift_

    def save(self, path: str | PathLike[str]) -> None:
        """Write what was learned: arrays only, in a file that is replaced all at once and holds nothing that could run."""
        check_is_fitted(self)
        facts = {"num_features": int(self.n_features_in_), "num_rows": self.num_trained_on_, "tilted": self.tilted_, "alarm": self.alarm_}
        write_checkpoint(path, self._learned(), step=0, config=facts)

    def load(self, path: str | PathLike[str]) -> DensityEstimator:
        """Read what an estimator with the same parameters saved; code is never read, so that ``generator`` and ``energy`` must be given.

        Raises:
            StorageError: a damaged file, or one of an estimator with other parameters; every difference is named.
        """
        facts = read_leaves(Path(path)).config
        self.n_features_in_, self.num_trained_on_, self.tilted_ = facts["num_features"], facts["num_rows"], facts["tilted"]
        self.alarm_ = facts["alarm"]
        learned = read_checkpoint(path, jax.eval_shape(self._template))
        self.energy_, self.sampler_ = learned["energy"], learned["sampler"]
        self.shift_, self.scale_ = (np.asarray(learned[name], float) for name in ("shift", "scale"))
        self.log_z_, self.log_z_stderr_ = (float(value) for value in learned["log_z"])
        return self

    def _learned(self) -> dict[str, Any]:
        scales = {"shift": jnp.asarray(self.shift_, float), "scale": jnp.asarray(self.scale_, float)}
        return {"energy": self.energy_, "sampler": self.sampler_, "log_z": jnp.asarray([self.log_z_, self.log_z_stderr_]), **scales}

    def _template(self) -> dict[str, Any]:
        key, dim = jax.random.key(0), self.n_features_in_
        sampler = self._generator(key, jnp.zeros((self.num_trained_on_, dim)))
        energy = tilted(sampler, self._energy(key, dim)) if self.tilted_ else NegativeLogDensity(sampler)
        return {"energy": energy, "sampler": sampler, "log_z": jnp.zeros(2), "shift": jnp.zeros(dim), "scale": jnp.zeros(dim)}

    def _refuse(self, X: np.ndarray) -> None:
        if not 0 < self.validation_fraction < 1:
            raise ValueError(f"expected validation_fraction between 0 and 1, got {self.validation_fraction}; 0.1 is a good start")
        if len(X) < 2:
            raise ValueError(f"expected at least 2 samples, got n_samples = {len(X)}; a density needs many more")

    def _generator(self, key: Key[Array, ""], x: Float[Array, "n dim"]) -> AbstractSampler[Any]:
        return (default_generator if self.generator is None else self.generator)(key, x)

    def _energy(self, key: Key[Array, ""], dim: int) -> Energy[Any]:
        return MLPEnergy(key, dim, output_scale=0.01) if self.energy is None else self.energy(key, dim)

    def _estimate(self, key: Key[Array, ""], valid: Float[Array, "n dim"]) -> None:
        alarm, _ = estimate_log_z(key, self.energy_, self.sampler_, valid, self.num_drawn)
        self.log_z_, self.log_z_stderr_ = float(alarm.forward.value), float(alarm.forward.stderr)
        self.alarm_ = verdict(jax.tree.map(np.asarray, alarm))


def _scale(X: np.ndarray) -> np.ndarray:
    """Standard deviations; a constant column, which has no density, is refused."""
    scale = X.std(axis=0)
    constant = np.flatnonzero(~(scale > 1e-12 * np.maximum(1.0, np.abs(X).max(axis=0))))
    if constant.size:
        raise ValueError(f"expected columns that vary, got constant ones: {constant.tolist()}; leave them out")
    return scale


def _energies(energy: Energy[Any], x: Float[Array, "n dim"]) -> np.ndarray:
    """Block by block of one size, so that a row's energy does not hang on which rows stand beside it, and nothing is compiled twice."""
    padded = jnp.pad(x, ((0, -len(x) % BLOCK), (0, 0)), mode="edge")
    blocks = [_block_energies(energy, padded[at : at + BLOCK]) for at in range(0, len(padded), BLOCK)]
    return np.concatenate([np.asarray(block, float) for block in blocks])[: len(x)]


@eqx.filter_jit
def _block_energies(energy: Energy[Any], x: Float[Array, "n dim"]) -> Float[Array, " n"]:
    return jax.vmap(energy)(x)


def _chunk(num_steps: int) -> int:
    """Steps between two looks at the validation rows."""
    return max(1, min(250, num_steps))
