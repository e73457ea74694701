"""The oracle of SeqGAN's synthetic task as a generator: a fixed random LSTM whose draws are the data, and whose density judges.

T = 20 places, 5,000 tokens, no end token; the first input is the embedding of token 0. Entropy 5.750 nats a token. Since it is normalized
and can be sampled, both KL divergences between it and a generator of known density are exact to estimate.

Reference: Yu, Zhang, Wang, Yu, SeqGAN, arXiv:1609.05473, section 5; the parameters are those of the authors' repository.
"""

from __future__ import annotations

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.errors import DataError
from triality.runs.archive import ArchiveError, read_arrays
from triality.samplers.autoregressive.heads import CategoricalHead
from triality.samplers.tokens.core import LstmCore
from triality.samplers.tokens.token_sampler import TokenSampler

LENGTH = 20
GATES = ("i", "f", "c", "og")
"""In the order of ``eqx.nn.LSTMCell``: input, forget, cell, output."""
FIRST_TOKEN = 0


def read_seqgan_oracle(path: Path, length: int = LENGTH) -> TokenSampler:
    """The oracle in a file of arrays ``embedding``, ``w*`` (inputs), ``u*`` (hidden units), ``b*``, for * in i, f, c, og; ``wo``, ``bo``.

    Args:
        path: npz file; nothing in it is unpickled.
        length: places of a sequence.

    Raises:
        DataError: the file cannot be read, an array is missing, of the wrong shape, or not finite.
    """
    arrays = _arrays(path)
    embedding = np.concatenate([arrays["embedding"], arrays["embedding"][FIRST_TOKEN : FIRST_TOKEN + 1]])
    inputs, hidden = arrays["wi"].shape
    cell = eqx.nn.LSTMCell(inputs, hidden, key=jax.random.key(0))
    stacked = [np.concatenate([arrays[f"{kind}{gate}"] for gate in GATES], axis=-1).T for kind in "wub"]
    weights = tuple(jnp.asarray(part, float) for part in stacked)
    cell = eqx.tree_at(lambda cell: (cell.weight_ih, cell.weight_hh, cell.bias), cell, weights)
    head = CategoricalHead(jnp.asarray(arrays["wo"], float), jnp.asarray(arrays["bo"], float))
    return TokenSampler(jnp.asarray(embedding, float), LstmCore(cell), head, length)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    needed = ["embedding", *(f"{kind}{gate}" for kind in "wub" for gate in GATES), "wo", "bo"]
    try:
        arrays = read_arrays(path)
        missing = [name for name in needed if name not in arrays]
        if missing:
            raise DataError(f"expected arrays {', '.join(needed)} in {path}, got none of {', '.join(missing)}; check the file")
    except (ArchiveError, OSError) as error:
        raise DataError(f"expected an npz file of the oracle's arrays at {path}, got {error}; check the path") from error
    texts = [name for name in needed if arrays[name].dtype.kind not in "fiu"]
    if texts:
        raise DataError(f"expected numbers in array {texts[0]} of {path}, got {arrays[texts[0]].dtype}; check the file")
    flat = [name for name in ("embedding", "ui") if arrays[name].ndim != 2]
    if flat:
        raise DataError(f"expected array {flat[0]} of two axes in {path}, got shape {arrays[flat[0]].shape}; check the file")
    (vocabulary, inputs), hidden = arrays["embedding"].shape, len(arrays["ui"])
    shapes = {"embedding": (vocabulary, inputs), "wo": (hidden, vocabulary), "bo": (vocabulary,)}
    shapes |= {f"w{gate}": (inputs, hidden) for gate in GATES}
    shapes |= {f"u{gate}": (hidden, hidden) for gate in GATES} | {f"b{gate}": (hidden,) for gate in GATES}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise DataError(f"expected array {name} of shape {shape} in {path}, got {arrays[name].shape}; check the file")
        if not np.all(np.isfinite(arrays[name])):
            raise DataError(f"expected finite numbers in array {name} of {path}, got NaN or infinity; check the file")
    return arrays
