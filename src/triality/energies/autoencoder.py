"""The energy of an auto-encoder: how badly it reconstructs (Zhao, Mathieu, LeCun 2017, EBGAN, arXiv:1609.03126).

    E(x) = |x - decode(encode(x))|^2 >= 0

exp(-E) need not be normalizable: away from the data E is bounded by nothing but the network. The margin loss never asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.energies.mlp import MLP


class AutoencoderEnergy(eqx.Module):
    """Squared reconstruction error of one vector.

    Args:
        key: randomness of the initial weights.
        dim: size of a sample.
        code: size of the code. Not smaller than the data's own dimension makes every energy zero.
        hidden: layers of the encoder; the decoder has them in reverse.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> energy = AutoencoderEnergy(jax.random.key(0), 3, code=1)
        >>> bool(energy(jnp.ones(3)) >= 0), energy.code(jnp.ones(3)).shape
        (True, (1,))
    """

    encoder: MLP
    decoder: MLP

    def __init__(self, key: Key[Array, ""], dim: int, code: int = 2, hidden: Sequence[int] = (64,)):
        key_encoder, key_decoder = jax.random.split(key)
        self.encoder = MLP(key_encoder, (dim, *hidden, code))
        self.decoder = MLP(key_decoder, (code, *reversed(hidden), dim))

    def __call__(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        return jnp.sum((x - self.decoder(self.code(x))) ** 2)

    def code(self, x: Float[Array, " dim"]) -> Float[Array, " code"]:
        """The code of a sample, which the pull-away term compares."""
        return self.encoder(x)
