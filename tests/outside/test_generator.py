"""Generators that run elsewhere: one in numpy, whose law is known, is believed; those that lie are found out on the first batch."""

import jax
import numpy as np
import pytest

from triality.energies.sequence import token_energy
from triality.errors import DataError
from triality.outside.generator import check_generator
from triality.outside.learning import fit_outside_tilt, play_round

LENGTH, VOCABULARY = 3, 3


class Independent:
    """Tokens of one law, independent of each other, as somebody's own code may have them."""

    def __init__(self, logits, seed=0):
        self.logits, self.rng = np.array(logits, float), np.random.default_rng(seed)

    @property
    def law(self):
        return np.exp(self.logits) / np.exp(self.logits).sum()

    def sample(self, num_samples):
        tokens = self.rng.choice(VOCABULARY, size=(num_samples, LENGTH), p=self.law)
        return tokens, self.log_prob(tokens)

    def log_prob(self, tokens):
        return np.log(self.law)[tokens].sum(axis=1)

    def update(self, tokens, reward):
        counts = np.stack([(tokens == token).sum(axis=1) for token in range(VOCABULARY)], axis=1) - LENGTH * self.law
        self.logits += 0.3 * ((reward - reward.mean())[:, None] * counts).mean(axis=0)


def lying(**changes):
    generator = Independent([0.0, 0.5, 1.0])
    for name, change in changes.items():
        true = getattr(generator, name)
        setattr(generator, name, lambda given, true=true, change=change: change(true(given)))
    return generator


BAD = {
    "a temperature": (lying(sample=lambda found: (found[0], 0.9 * found[1])), "expected sample and log_prob to agree"),
    "a shape": (
        lying(sample=lambda found: (found[0][:, :2], found[1])),
        r"expected whole numbers of shape \(8, 3\), got int64 of shape \(8, 2\)",
    ),
    "a type": (lying(sample=lambda found: (found[0].astype(float), found[1])), "expected whole numbers"),
    "a range": (lying(sample=lambda found: (found[0] + 1, found[1])), r"expected tokens 0 \.\. 2, got"),
    "NaN": (lying(log_prob=lambda found: found * np.nan), "expected log q finite and at most 0, got nan"),
    "a sign": (lying(sample=lambda found: (found[0], -found[1])), "expected log q finite and at most 0"),
    "one for all": (lying(log_prob=lambda found: found.mean()), r"expected log q as floats of shape \(8,\), got float64"),
    "a list": (lying(log_prob=lambda found: list(found)), "got list"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_right_is_refused_before_training(name):
    generator, message = BAD[name]
    with pytest.raises(DataError, match=message):
        check_generator(generator, LENGTH, VOCABULARY)


def test_one_that_tells_the_truth_is_believed():
    check_generator(Independent([0.0, 0.5, 1.0]), LENGTH, VOCABULARY)


@pytest.mark.slow
def test_a_tilt_finds_what_the_generator_lacks_and_its_log_z():
    """The data are independent too, of another law: log(p/q) is a sum over tokens, and Z relative to it is one."""
    q, p = Independent([0.0, 0.5, 1.0]), Independent([0.8, 0.2, 0.0], seed=1)
    train, valid, test = (p.sample(n)[0] for n in (4000, 1000, 1000))
    energy = token_energy(jax.random.key(0), VOCABULARY, inputs=4, hidden=8)
    found = fit_outside_tilt(q, jax.random.key(1), energy, train, valid, test, num_steps=400, num_drawn=4000, learning_rate=5e-3)
    of_p, of_q = p.log_prob(valid).mean(), q.log_prob(valid).mean()
    assert found.curve[0] == pytest.approx(of_q, abs=0.06)
    assert max(found.curve) > of_q + 0.9 * (of_p - of_q)
    exact = np.log(p.law / q.law)[found.drawn].sum(axis=1)
    shifted = np.asarray(found.log_ratio_drawn)
    assert np.corrcoef(shifted, exact)[0, 1] > 0.97


def test_the_reward_drives_the_generator_to_the_tilted_law():
    q, before = Independent([0.0, 0.5, 1.0]), Independent([0.0, 0.5, 1.0])
    wanted = np.array([0.2, 0.3, 0.5])

    def energy(x):  # f = log q_0 - log p, so that the tilted law is p
        return jax.numpy.sum(jax.numpy.log(before.law / wanted)[x])

    spread = [play_round(q, energy, before, num_samples=400).log_weight_std for _ in range(150)]
    np.testing.assert_allclose(q.law, wanted, atol=0.03)
    assert spread[-1] < 0.2 * spread[0]
