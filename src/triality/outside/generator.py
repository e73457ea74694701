"""What a generator outside jax has to offer, and the check that it tells the truth about its own density.

    sample(num_samples) -> tokens, log_q        log_prob(tokens) -> log_q        update(tokens, reward): one step toward the reward

All arrays are numpy's: tokens whole numbers of shape (n, T), places after the end token filled with it; log q the natural logarithm of the
probability of the whole sequence, end token included, with respect to counting measure. Everything here learns from that: an energy
compiled by jax, log Z with its error, the generator itself by the reward it is handed.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from triality.errors import DataError


@runtime_checkable
class OutsideGenerator(Protocol):
    """See the module."""

    def sample(self, num_samples: int) -> tuple[Int[np.ndarray, "n length"], Float[np.ndarray, " n"]]: ...

    def log_prob(self, tokens: Int[np.ndarray, "n length"]) -> Float[np.ndarray, " n"]: ...

    def update(self, tokens: Int[np.ndarray, "n length"], reward: Float[np.ndarray, " n"]) -> None: ...


TOLERANCE = 1e-3
"""Of log q, relative to its size, in single precision over a few hundred tokens."""
NUM_CHECKED = 8


def check_generator(generator: OutsideGenerator, length: int, vocabulary: int, num_samples: int = NUM_CHECKED) -> None:
    """Nothing, where a first batch is as it should be: to be called before anything is trained.

    Args:
        generator: that runs elsewhere.
        length: places of a sequence.
        vocabulary: number of tokens.
        num_samples: of the batch.

    Raises:
        DataError: tokens of another shape or type, out of range, log q that is not finite or above zero, or that differs from what
            ``log_prob`` says of the same tokens.
    """
    tokens, log_q = generator.sample(num_samples)
    name = type(generator).__name__
    if not isinstance(tokens, np.ndarray) or tokens.dtype.kind not in "iu" or tokens.shape != (num_samples, length):
        raise DataError(
            f"{name}.sample: expected whole numbers of shape ({num_samples}, {length}), got {_told(tokens)}; return such an array"
        )
    if tokens.min() < 0 or tokens.max() >= vocabulary:
        raise DataError(f"{name}.sample: expected tokens 0 .. {vocabulary - 1}, got {tokens.min()} .. {tokens.max()}; check its vocabulary")
    for method, values in (("sample", log_q), ("log_prob", generator.log_prob(tokens))):
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.shape != (num_samples,):
            raise DataError(
                f"{name}.{method}: expected log q as floats of shape ({num_samples},), got {_told(values)}; return a number a sequence"
            )
        if not np.all(np.isfinite(values)) or np.any(values > TOLERANCE):
            wrong = values[~np.isfinite(values) | (values > TOLERANCE)][0]
            raise DataError(f"{name}.{method}: expected log q finite and at most 0, got {wrong}; return log probabilities")
    again = generator.log_prob(tokens)
    worst = int(np.argmax(np.abs(log_q - again)))
    if abs(log_q[worst] - again[worst]) > TOLERANCE * max(1.0, abs(again[worst])):
        raise DataError(
            f"{name}: expected sample and log_prob to agree, got {log_q[worst]:.6g} and {again[worst]:.6g} for the same tokens; "
            "a temperature, a truncation such as top-k, or a dropout that only one of them knows has to go from the other too"
        )


def _told(value: object) -> str:
    return f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
