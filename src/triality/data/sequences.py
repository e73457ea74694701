"""Token sequences as an array, and what can be wrong with them. Imports no jax.

An array has a row a sequence and T places; where there is an end token, the places after a sequence's own hold it. A sequence of T tokens
needs none. No token is repaired: what is out of range, empty or over-long is refused, with the sequences that are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from triality.data.demonstrations import problem_report
from triality.errors import DataError

LEAST_SEQUENCES = 20
SHARES = (0.8, 0.9)
"""Where training and validation end in sequences that come unsplit."""
SHARES_BESIDE_TEST = (0.9, 1.0)
MOST_NAMED = 5


class SequenceData(NamedTuple):
    """Sequences apart by what they are for.

    Fields:
        train, valid, test: rows of tokens.
        vocabulary: number of tokens, the end token included.
        end: the token that ends a sequence; None where all have one length.
        words: what each token stands for; empty for bare numbers.
        joiner: what stands between two words when a sequence is written out.
        notes: what the user should know, one sentence each.
    """

    train: Int[np.ndarray, "n length"]
    valid: Int[np.ndarray, "v length"]
    test: Int[np.ndarray, "t length"]
    vocabulary: int
    end: int | None
    words: tuple[str, ...] = ()
    joiner: str = " "
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """T."""
        return self.train.shape[1]

    def written(self, row: Int[np.ndarray, " length"]) -> str:
        """One sequence as people read it; without its end token.

        Example:
            >>> rows = np.array([[1, 0, 2]])
            >>> SequenceData(rows, rows, rows, 3, 2, ("a", "b", "."), "").written(rows[0])
            'ba'
        """
        tokens = [int(token) for token in row]
        if self.end is not None and self.end in tokens:
            tokens = tokens[: tokens.index(self.end)]
        return self.joiner.join(self.words[token] if self.words else str(token) for token in tokens)


def padded(sequences: Sequence[Sequence[int]], length: int, vocabulary: int, end: int | None, source: str) -> Int[np.ndarray, "n length"]:
    """Rows of ``length`` places, what is left of each filled with the end token.

    Raises:
        DataError: an empty or an over-long sequence, one of another length where there is no end token, a token out of range, or one that
            follows the end token; of lengths all that is wrong is listed, of tokens the first.

    Example:
        >>> padded([[1, 2], [2]], 3, 3, 0, "here").tolist()
        [[1, 2, 0], [2, 0, 0]]
        >>> padded([[1, 5]], 2, 3, None, "here")
        Traceback (most recent call last):
        triality.errors.DataError: here: expected tokens 0 .. 2, got 5 in sequence 0; use a larger vocabulary, or check the file
    """
    problems = _length_problems(sequences, length, end) + _token_problems(sequences, vocabulary, end)
    if problems:
        raise DataError(problem_report(source, problems))
    rows = np.full((len(sequences), length), 0 if end is None else end, np.int32)
    for row, sequence in zip(rows, sequences, strict=True):
        row[: len(sequence)] = sequence
    return rows


def split(rows: Int[np.ndarray, "n length"], seed: int, source: str, has_test: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A permutation that ``seed`` fixes: 80 % to train, 10 % to choose, 10 % to judge; with a test file 90 % and 10 %, and none to judge.

    Raises:
        DataError: too few sequences.
    """
    if len(rows) < LEAST_SEQUENCES:
        raise DataError(f"{source}: expected at least {LEAST_SEQUENCES} sequences, got {len(rows)}; a density needs many more")
    rows = rows[np.random.default_rng(seed).permutation(len(rows))]
    train, valid, test = np.split(rows, [round(share * len(rows)) for share in (SHARES_BESIDE_TEST if has_test else SHARES)])
    return train, valid, test


def _length_problems(sequences: Sequence[Sequence[int]], length: int, end: int | None) -> list[str]:
    lengths = np.array([len(sequence) for sequence in sequences], int)
    problems = []
    if not len(lengths):
        return ["expected sequences, got none; check the file"]
    if np.any(lengths == 0):
        problems.append(f"expected sequences of one token or more, got empty ones: {_named(lengths == 0)}; leave them out")
    if np.any(lengths > length):
        problems.append(
            f"expected at most {length} tokens, got {lengths.max()} in sequence {int(lengths.argmax())} "
            f"({int(np.sum(lengths > length))} are too long); use a greater --length, or cut them"
        )
    elif end is None and np.any(lengths != length):
        problems.append(
            f"expected {length} tokens in every sequence where there is no end token, got others: "
            f"{_named(lengths != length)}; name the end token"
        )
    return problems


def _token_problems(sequences: Sequence[Sequence[int]], vocabulary: int, end: int | None) -> list[str]:
    for number, sequence in enumerate(sequences):
        tokens = np.asarray(sequence)
        if not tokens.size:
            continue
        wrong = tokens[(tokens < 0) | (tokens >= vocabulary)]
        if wrong.size:
            return [
                f"expected tokens 0 .. {vocabulary - 1}, got {wrong[0]} in sequence {number}; use a larger vocabulary, or check the file"
            ]
        if end is not None:
            ended = np.flatnonzero(tokens == end)
            if ended.size and np.any(tokens[ended[0] :] != end):
                return [
                    f"expected nothing after the end token {end}, got more in sequence {number}; split it there, or use another end token"
                ]
    return []


def _named(which: np.ndarray) -> str:
    found = np.flatnonzero(which)
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(str(number) for number in found[:MOST_NAMED]) + more
