"""The Wasserstein critic, as baseline: L = E_q[f] - E_p[f], f 1-Lipschitz (Arjovsky, Chintala, Bottou 2017, arXiv:1701.07875).

By Kantorovich's duality -min L = W_1(p, q), in units of x. The constraint is not in here: wrap the critic in ``SpectrallyNormalized``, or
add a penalty that draws its gradients toward one (``LipschitzPenalty``, Gulrajani et al. 2017). Positive f = looks like data. The optimal f
is no log ratio and no energy: nothing about a density can be read off it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from triality.energy import Energy
from triality.numerics import weighted_mean
from triality.objectives.masking import filled
from triality.sampler import Samples


class WassersteinMetrics(NamedTuple):
    """Never needed next.

    Fields:
        distance: E_p[f] - E_q[f]; a lower bound on W_1 where f is 1-Lipschitz, in units of x.
    """

    distance: Float[Array, ""]


class WassersteinLoss(eqx.Module):
    """The critic's loss; ``critic`` maps one sample to f.

    Example:
        >>> import jax.numpy as jnp
        >>> data, drawn = (Samples.unweighted(jnp.array(x), jnp.zeros(len(x))) for x in ([3.0, 5.0], [1.0]))
        >>> float(WassersteinLoss()(lambda x: x, data, drawn)[1].distance)
        3.0
    """

    def __call__(
        self, critic: Callable[[PyTree], Float[Array, ""]], data: Samples, drawn: Samples
    ) -> tuple[Float[Array, ""], WassersteinMetrics]:
        data, drawn = filled(data), filled(drawn)
        on_data = weighted_mean(jax.vmap(critic)(data.x), data.log_weight)
        on_drawn = weighted_mean(jax.vmap(critic)(drawn.x), drawn.log_weight)
        return on_drawn - on_data, WassersteinMetrics(on_data - on_drawn)


class LipschitzPenalty(eqx.Module):
    """weight * E[(|df/dx| - 1)^2] on lines between data and draws: a soft constraint for ``WassersteinLoss``, and for nothing else here.

    Args:
        weight: of the penalty; 10 as in Gulrajani et al. 2017.
        num_points: points a call.
    """

    weight: Float[Array, ""] = eqx.field(default=10.0, converter=jnp.asarray)
    num_points: int = eqx.field(default=256, static=True)

    def __call__(self, key: Key[Array, ""], energy: Energy[Any], data: Samples, drawn: Samples) -> Float[Array, ""]:
        key_data, key_drawn, key_mix = jax.random.split(key, 3)
        x = data.x[jax.random.categorical(key_data, data.log_weight, shape=(self.num_points,))]
        y = drawn.x[jax.random.categorical(key_drawn, drawn.log_weight, shape=(self.num_points,))]
        mix = jax.random.uniform(key_mix, (self.num_points,) + (1,) * (x.ndim - 1))
        gradients = jax.vmap(jax.grad(energy))(mix * x + (1.0 - mix) * y).reshape(self.num_points, -1)
        # The square root has no derivative at zero, where a fresh critic may well be.
        norm = jnp.sqrt(jnp.sum(gradients**2, axis=-1) + jnp.finfo(gradients.dtype).tiny)
        return self.weight * jnp.mean((norm - 1.0) ** 2)
