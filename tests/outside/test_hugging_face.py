"""A tiny GPT-2 with random weights as a generator: its law sums to one, draws follow it, and it learns from likelihood and from reward."""

import numpy as np
import pytest
from scipy import stats

from tests.samplers.tokens.spaces import every_string
from triality.errors import ConfigError
from triality.outside.generator import check_generator
from triality.outside.hugging_face import HuggingFaceGenerator

torch = pytest.importorskip("torch", reason="needs the extra torch")
transformers = pytest.importorskip("transformers", reason="needs the extra torch")

VOCABULARY, LENGTH, BEGIN, END = 4, 3, 3, 1


def tiny(length=LENGTH, end=END, **options):
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=8, n_embd=8, n_layer=2, n_head=2, bos_token_id=BEGIN, eos_token_id=END, initializer_range=0.8
    )
    return HuggingFaceGenerator(transformers.GPT2LMHeadModel(config), length, BEGIN, end, **options)


def test_its_law_sums_to_one_and_draws_follow_it():
    generator = tiny()
    check_generator(generator, LENGTH, VOCABULARY)
    strings = np.asarray(every_string(VOCABULARY, LENGTH, END))
    law = np.exp(generator.log_prob(strings))
    assert law.sum() == pytest.approx(1.0, abs=1e-5)
    tokens, log_q = generator.sample(4000)
    np.testing.assert_allclose(log_q, generator.log_prob(tokens), atol=1e-4)
    places = (VOCABULARY,) * LENGTH
    counts = np.bincount(np.ravel_multi_index(tokens.T, places), minlength=VOCABULARY**LENGTH)
    expected = np.zeros(VOCABULARY**LENGTH)
    expected[np.ravel_multi_index(strings.T, places)] = 4000 * law
    kept = expected > 5
    seen, wanted = np.append(counts[kept], counts[~kept].sum()), np.append(expected[kept], max(expected[~kept].sum(), 1e-9))
    assert stats.chi2.sf(np.sum((seen - wanted) ** 2 / wanted), kept.sum()) > 1e-6


def test_it_learns_from_likelihood_and_from_reward():
    generator = tiny(learning_rate=0.02)
    data = np.tile(np.array([[0, 2, END], [2, END, END]]), (8, 1))
    before = generator.log_prob(data).mean()
    for _ in range(30):
        generator.fit(data)
    assert generator.log_prob(data).mean() > before + 1.0
    generator = tiny(learning_rate=0.02)
    before = np.mean(generator.sample(500)[0] == 2)
    for _ in range(30):
        tokens, _ = generator.sample(200)
        generator.update(tokens, (tokens == 2).sum(axis=1).astype(float))
    assert np.mean(generator.sample(500)[0] == 2) > before + 0.2


def test_wrong_sizes_are_refused():
    with pytest.raises(ConfigError, match="expected a model of at least 20 positions, got 8"):
        tiny(length=20)
    with pytest.raises(ConfigError, match=r"expected end to be a token 0 \.\. 3, got 9"):
        tiny(end=9)
