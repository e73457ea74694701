"""An energy relative to a frozen generator, learned from data and from a stock of the generator's draws.

    p_theta(x) = q(x) exp(-f(x))/Z:     r = -E - log q = -f

The ratio that an objective sees is -f, so q's density is never called, and q itself only to make a stock of draws for many minibatches.
The same stationary point as ``EnergyLearning`` with a fixed generator and the energy ``tilted(q, f)``, at a fraction of the work where a
draw or a density is slow (autoregressive generators, mixtures over orders). A stock that is used for too long can be learned by heart:
``fit_tilt`` renews it.
Reference: Gutmann, Hyvärinen, Noise-contrastive estimation, AISTATS 2010; Deng et al., Residual energy-based models, arXiv:2004.11714.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from triality.algorithms.energy_learning import Objective, health
from triality.algorithms.likelihood_learning import all_finite, clipped_adam
from triality.algorithms.log_z_rules import LearnedLogZ, LogZRule
from triality.algorithms.minibatch import DataSet
from triality.energy import Constant, Energy, UnnormalizedDensity
from triality.objectives.discriminator import DiscriminatorLoss
from triality.regularizers.penalty import Penalties, Penalty
from triality.sampler import Samples


class TiltState(NamedTuple):
    """What the next step needs, but data and draws.

    Fields:
        density: f and log Z, relative to q.
        optimizer: of f's parameters.
        log_z_memory: of the rule that sets log Z.
        key: randomness from here on.
        iteration: steps done.
    """

    density: UnnormalizedDensity
    optimizer: PyTree
    log_z_memory: PyTree
    key: Key[Array, ""]
    iteration: Int[Array, ""]


class TiltMetrics(NamedTuple):
    """Never needed next; of the step's minibatches.

    Fields:
        loss, penalty, is_finite: as of ``EnergyMetrics``.
        log_z: relative to q, nats; 0 = no tilt.
        energy_data, energy_drawn: mean f, nats.
        ess_fraction: effective share of q's draws as samples of p_theta; 1 = no tilt.
        log_weight_std: spread of f over q's draws, nats.
        overlap: E_p[1 - D] at nu = 1; 1/2 = cannot be told apart.
    """

    loss: Float[Array, ""]
    penalty: Float[Array, ""]
    log_z: Float[Array, ""]
    energy_data: Float[Array, ""]
    energy_drawn: Float[Array, ""]
    ess_fraction: Float[Array, ""]
    log_weight_std: Float[Array, ""]
    overlap: Float[Array, ""]
    is_finite: Bool[Array, ""]


class TiltLearning(eqx.Module):
    """Adam on f.

    Args:
        data: what is learned from.
        drawn: the stock of the generator's draws.
        objective: called as ``objective(density, data, drawn)``, with log q = 0.
        log_z_rule: where log Z comes from.
        penalty: regularizer of f.
        learning_rate: Adam step.
        max_gradient_norm: where the gradient is clipped.
        batch_size: data of one step.
        num_drawn: draws of one step.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from triality.energies.linear import LinearEnergy
        >>> from triality.run import run
        >>> x = jax.random.normal(jax.random.key(0), (5000, 1))  # q = N(0, 1); p = N(1/2, 1) is q tilted by f = -x/2
        >>> learning = TiltLearning(DataSet(x + 0.5), DataSet(x), learning_rate=0.02)
        >>> state = learning.init(jax.random.key(1), LinearEnergy(lambda x: x, jnp.zeros(1)))
        >>> state, _, _ = jax.jit(lambda s: run(learning, s, 1, 600))(state)
        >>> bool(abs(state.density.energy.weights[0] + 0.5) < 0.1)
        True
    """

    data: DataSet
    drawn: DataSet
    objective: Objective = DiscriminatorLoss()
    log_z_rule: LogZRule = LearnedLogZ()
    penalty: Penalty = Penalties()
    learning_rate: Float[Array, ""] = eqx.field(default=1e-3, converter=jnp.asarray)
    max_gradient_norm: Float[Array, ""] = eqx.field(default=10.0, converter=jnp.asarray)
    batch_size: int = eqx.field(default=256, static=True)
    num_drawn: int = eqx.field(default=256, static=True)

    def init(self, key: Key[Array, ""], energy: Energy[Any]) -> TiltState:
        """A first state; log Z begins at zero, that of no tilt."""
        log_z = Constant(jnp.zeros(()))
        optimizer = self._optimizer().init(eqx.filter(energy, eqx.is_inexact_array))
        return TiltState(UnnormalizedDensity(energy, log_z), optimizer, self.log_z_rule.init(log_z), key, jnp.zeros((), jnp.int32))

    def step(self, state: TiltState) -> tuple[TiltState, TiltMetrics]:
        """One minibatch of each."""
        key, key_data, key_drawn, key_penalty = jax.random.split(state.key, 4)
        data = Samples.unweighted(self.data.minibatch(key_data, self.batch_size), jnp.zeros(self.batch_size))
        drawn = Samples.unweighted(self.drawn.minibatch(key_drawn, self.num_drawn), jnp.zeros(self.num_drawn))
        density = self.log_z_rule.place(state.density, data, drawn)

        def total(density: UnnormalizedDensity) -> tuple[Float[Array, ""], Any]:
            loss, _ = self.objective(density, data, drawn)
            penalty = self.penalty(key_penalty, density.energy, data, drawn)
            return loss + penalty, (loss, penalty)

        gradient, (loss, penalty) = eqx.filter_grad(total, has_aux=True)(density)
        updates, optimizer = self._optimizer().update(gradient.energy, state.optimizer)
        log_z, memory = self.log_z_rule.update(state.log_z_memory, density.log_z, gradient.log_z)
        after = UnnormalizedDensity(eqx.apply_updates(density.energy, updates), log_z)
        seen = {name: value for name, value in health(density, data, drawn).items() if name in TiltMetrics._fields}
        metrics = TiltMetrics(loss=loss, penalty=penalty, is_finite=all_finite(after), **seen)
        return TiltState(after, optimizer, memory, key, state.iteration + 1), metrics

    def _optimizer(self):
        return clipped_adam(self.learning_rate, self.max_gradient_norm)
