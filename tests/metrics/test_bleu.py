"""BLEU by hand, and by the reference implementation's own numbers."""

import math

import pytest

from triality.errors import ConfigError
from triality.metrics.bleu import bleu, self_bleu

REFERENCES = [text.split() for text in ("the cat is on the mat", "there is a cat on the mat", "a dog ran")]


def test_counts_are_clipped_by_one_reference():
    """Papineni's example: of seven the, two are credited."""
    assert bleu([["the", "the", "the", "the", "the", "the", "the"]], REFERENCES[:2], order=1) == pytest.approx(2 / 7)


def test_a_sentence_of_the_references_is_perfect():
    assert bleu([REFERENCES[0]], REFERENCES, order=4) == pytest.approx(1.0)


def test_a_short_candidate_pays():
    """Three words; the nearest reference has as many or more; all grams known up to order two."""
    assert bleu([["the", "cat"]], REFERENCES[:1], order=2) == pytest.approx(math.exp(1 - 6 / 2))


def test_an_unknown_gram_counts_a_tenth_and_unknown_words_nothing():
    found = bleu([["cat", "the"]], [["the", "cat"]], order=2)
    assert found == pytest.approx(math.sqrt(1.0 * 0.1))
    assert bleu([["fish", "bird"]], REFERENCES, order=2) == 0.0


CANDIDATES = [text.split() for text in ("the cat ran on the mat", "a dog is a dog", "mat the on")]
MIXED = [*CANDIDATES, *REFERENCES, ["a", "a", "a"], ["the", "the"]]
# By nltk 3.10.4: sentence_bleu with SmoothingFunction().method1 and equal weights, averaged over the candidates; MIXED among themselves.
BY_NLTK = {
    2: (0.48221358965848843, 0.5033434254418047),
    3: (0.29290569096056285, 0.31464577606834443),
    4: (0.17929282544857358, 0.19212114157888666),
}


@pytest.mark.parametrize("order", BY_NLTK)
def test_numbers_are_those_of_nltk(order):
    assert bleu(CANDIDATES, REFERENCES, order) == pytest.approx(BY_NLTK[order][0], rel=1e-12)
    assert self_bleu(MIXED, order) == pytest.approx(BY_NLTK[order][1], rel=1e-12)


def test_self_bleu_leaves_the_sample_itself_out():
    samples = [text.split() for text in ("a b c d", "a b c e", "a b c d")]
    expected = sum(bleu([s], samples[:i] + samples[i + 1 :], order=3) for i, s in enumerate(samples)) / 3
    assert self_bleu(samples, order=3) == pytest.approx(expected, rel=1e-12)
    assert self_bleu([["a", "b"], ["c", "d"]], order=2) == 0.0
    for order in (1, 2, 3, 4):
        expected = sum(bleu([s], MIXED[:i] + MIXED[i + 1 :], order) for i, s in enumerate(MIXED)) / len(MIXED)
        assert self_bleu(MIXED, order) == pytest.approx(expected, rel=1e-12)


def test_nothing_to_compare_is_refused():
    with pytest.raises(ConfigError, match="expected candidates, references and an order of one or more, got 1, 0 and 2"):
        bleu([["a"]], [], order=2)
    with pytest.raises(ConfigError, match="got 1, 0 and 2"):
        self_bleu([["a"]], order=2)
