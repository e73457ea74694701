"""The ordinary GAN discriminator, as baseline: D(x) = sigmoid(f(x) - log nu), f free, the sampler's density ignored (section 2.1)."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
from jaxtyping import Array, Float, PyTree

from triality.objectives.discriminator import DiscriminatorMetrics, discriminator_loss, discriminator_metrics
from triality.objectives.masking import filled
from triality.sampler import Samples, log_noise_ratio


class FreeDiscriminatorLoss(eqx.Module):
    """Cross-entropy of a discriminator that does not know q. Its optimum is f* = log p - log q: no energy can be read off it (7.3).

    ``critic`` maps one sample to f. Positive = looks like data. ``data.log_q`` and ``drawn.log_q`` are never read.
    """

    def __call__(
        self, critic: Callable[[PyTree], Float[Array, ""]], data: Samples, drawn: Samples
    ) -> tuple[Float[Array, ""], DiscriminatorMetrics]:
        data, drawn = filled(data), filled(drawn)
        log_nu = log_noise_ratio(data, drawn)
        on_data, on_drawn = jax.vmap(critic)(data.x) - log_nu, jax.vmap(critic)(drawn.x) - log_nu
        arrays = (on_data, on_drawn, data.log_weight, drawn.log_weight)
        return discriminator_loss(*arrays), discriminator_metrics(*arrays)
