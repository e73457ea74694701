"""BLEU and self-BLEU of generated text, by the definitions of Texygen. Imports no jax.

    BLEU-n(c) = brevity * exp( (1/n) sum_k log p_k ),     p_k: share of c's k-grams that a reference has, each as often as one reference
    does

    of samples:    mean of BLEU-n, all held-out sentences as references: how likely text looks
    self-BLEU-n:   mean of BLEU-n of each sample, the other samples as references: how alike samples are; lower is more diverse

A count of zero becomes 0.1 (Chen, Cherry 2014, method 1), a candidate without a known word has 0. Neither says whether the law of the data
was learned: a generator that repeats one sentence of the data has the best BLEU. References: Papineni et al. 2002; Zhu et al., Texygen,
arXiv:1802.01886.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import partial

from triality.errors import ConfigError

SMALL = 0.1
"""In place of a count of zero."""

Sentence = Sequence[Hashable]


def bleu(candidates: Sequence[Sentence], references: Sequence[Sentence], order: int = 4) -> float:
    """Mean BLEU-``order`` of the candidates, each against all references; in [0, 1].

    Raises:
        ConfigError: no candidate, no reference, or an order below one.

    Example:
        >>> round(bleu(["the cat sat".split()], ["the cat sat down".split()], order=2), 4)
        0.7165
    """
    _check(candidates, references, order)
    most = [_most(references, k).__getitem__ for k in range(1, order + 1)]  # of a counter: zero for what it lacks
    lengths = Counter(len(reference) for reference in references)
    return sum(_score(each, most, _closest(len(each), lengths)) for each in candidates) / len(candidates)


def self_bleu(samples: Sequence[Sentence], order: int = 4) -> float:
    """Mean BLEU-``order`` of each sample against the others; in [0, 1].

    Raises:
        ConfigError: fewer than two samples, or an order below one.

    Example:
        >>> self_bleu([["a", "b"], ["a", "b"]], order=2), round(self_bleu([["a", "b"], ["c", "d"]], order=2), 4)
        (1.0, 0.0)
    """
    _check(samples, samples[1:], order)
    tables = [_two_most(samples, k) for k in range(1, order + 1)]
    lengths = Counter(len(sample) for sample in samples)
    total = 0.0
    for number, sample in enumerate(samples):
        most = [partial(_among_others, table, number) for table in tables]
        others = lengths - Counter([len(sample)])
        total += _score(sample, most, _closest(len(sample), others))
    return total / len(samples)


def _score(candidate: Sentence, most: Sequence[Callable[[tuple], int]], reference_length: int) -> float:
    """``most``: for every order, how often one reference has a k-gram."""
    total = 0.0
    for k, allowed in enumerate(most, 1):
        counts = _grams(candidate, k)
        known = sum(min(count, allowed(gram)) for gram, count in counts.items())
        if k == 1 and known == 0:
            return 0.0
        total += math.log((known or SMALL) / max(1, sum(counts.values())))
    length = len(candidate)
    brevity = 0.0 if length >= reference_length else 1.0 - reference_length / length
    return math.exp(brevity + total / len(most))


def _grams(sentence: Sentence, k: int) -> Counter:
    return Counter(tuple(sentence[i : i + k]) for i in range(len(sentence) - k + 1))


def _most(references: Sequence[Sentence], k: int) -> Counter:
    most: Counter = Counter()
    for reference in references:
        for gram, count in _grams(reference, k).items():
            most[gram] = max(most[gram], count)
    return most


def _two_most(samples: Sequence[Sentence], k: int) -> dict[tuple, tuple[int, int, int]]:
    """For every k-gram its largest count, whose that is, and the largest of the others."""
    found: dict[tuple, tuple[int, int, int]] = {}
    for number, sample in enumerate(samples):
        for gram, count in _grams(sample, k).items():
            first, owner, second = found.get(gram, (0, -1, 0))
            found[gram] = (count, number, first) if count > first else (first, owner, max(second, count))
    return found


def _among_others(table: dict[tuple, tuple[int, int, int]], number: int, gram: tuple) -> int:
    first, owner, second = table.get(gram, (0, -1, 0))
    return second if owner == number else first


def _closest(length: int, lengths: Counter) -> int:
    """The reference length nearest to the candidate's, the shorter of two that are as near."""
    return min((each for each, count in lengths.items() if count > 0), key=lambda each: (abs(each - length), each))


def _check(candidates: Sequence[Sentence], references: Sequence[Sentence], order: int) -> None:
    if not len(candidates) or not len(references) or order < 1:
        raise ConfigError(
            f"expected candidates, references and an order of one or more, got {len(candidates)}, {len(references)} and {order}; give some"
        )
