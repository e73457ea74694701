"""Losses of generators of tokens: their ends are likelihood and REINFORCE exactly, and what each is the gradient of is enumerated."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.samplers.tokens.spaces import END, GENERATORS, VOCABULARY, every_array, generators, log_probs_of
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.objectives.generator_loss import Likelihood
from triality.objectives.sequence.dropout import DropoutLikelihood, _dropped
from triality.objectives.sequence.mixer import Mixer
from triality.objectives.sequence.reward_augmented import HammingPayoff, RewardAugmented
from triality.objectives.sequence.scheduled_sampling import ScheduledSampling
from triality.objectives.sequence.schedules import ConstantShare, ExponentialDecay, InverseSigmoidDecay, LinearDecay
from triality.run import run
from triality.sampler import Samples, draw
from triality.samplers.tokens.token_sampler import gru

KEY, START = jax.random.key(0), jnp.array(0)
FIXED = generators(end=None)
DATA = Samples.unweighted(draw(GENERATORS["lstm"], jax.random.key(5), 12).x, jnp.zeros(12))


def gradient_of(loss, q, data=DATA, key=KEY):
    return eqx.filter_jit(eqx.filter_grad(lambda q: loss(key, q, data, START)))(q)


@eqx.filter_jit
def value_of(loss, q, data=DATA):
    return loss(KEY, q, data, START)


def assert_close(found, wanted, atol=1e-12):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("gru", ScheduledSampling(ConstantShare(1.0))),
        ("transformer", ScheduledSampling(ConstantShare(1.0))),
        ("lstm", Mixer(jnp.sum, ConstantShare(1.0))),
        ("gru", DropoutLikelihood(0.0)),
    ],
)
def test_at_one_end_each_is_likelihood(name, loss):
    q = GENERATORS[name]
    np.testing.assert_allclose(value_of(loss, q), value_of(Likelihood(), q), rtol=1e-12)
    assert_close(gradient_of(loss, q), gradient_of(Likelihood(), q))


def test_with_no_token_given_mixer_is_reinforce():
    """Of the very draws that it makes: a leave-one-out mean as baseline, as in the score function."""
    q, reward = GENERATORS["gru"], lambda x: jnp.sum(jnp.sin(1.0 + x))
    found = gradient_of(Mixer(reward, ConstantShare(0.0)), q)
    y = eqx.filter_jit(lambda q: jax.vmap(q.sample)(jax.random.split(KEY, 12)))(q)
    signal = jax.vmap(reward)(y)
    centered = signal - (jnp.sum(signal) - signal) / 11

    def reinforce(q):
        return -jnp.mean(centered * jax.vmap(q.log_prob)(y))

    assert_close(found, eqx.filter_grad(reinforce)(q), 1e-10)


def test_in_between_mixer_learns_the_first_tokens_from_data_alone():
    """A constant reward leaves the likelihood of the given prefix."""
    q = GENERATORS["gru"]
    found = gradient_of(Mixer(lambda x: jnp.ones(()), ConstantShare(0.5)), q)

    def prefix(q):
        return -jnp.mean(jnp.sum(jax.vmap(q.token_log_probs)(DATA.x)[:, :2], axis=-1))

    assert_close(found, eqx.filter_grad(prefix)(q))


def test_a_payoff_is_normalized_and_drawn_from():
    x, tau, space = jnp.array([2, 0, 1, 1]), jnp.array(0.6), every_array()
    payoff = HammingPayoff(x, tau, VOCABULARY)
    wanted = jax.nn.log_softmax(-jnp.sum(space != x, axis=-1) / tau)
    np.testing.assert_allclose(log_probs_of(payoff, space), wanted, atol=1e-12)
    drawn, log_q, _ = jax.jit(lambda key: draw(payoff, key, 40_000))(KEY)
    np.testing.assert_allclose(log_q, log_probs_of(payoff, drawn), rtol=1e-12)
    share = np.mean(np.asarray(drawn) == np.asarray(x), axis=0)
    stay = 1.0 / (1.0 + 2.0 * np.exp(-1.0 / 0.6))
    np.testing.assert_array_less(np.abs(share - stay), 4.5 * np.sqrt(stay * (1 - stay) / 40_000))
    assert abs(float(np.mean(np.asarray(drawn)[:, 0] == 0)) - (1 - stay) / 2) < 0.012  # the others share what is left
    np.testing.assert_array_equal(HammingPayoff(x, jnp.array(1e-4), VOCABULARY).sample(KEY), x)


def test_reward_augmented_likelihood_is_the_forward_divergence_and_the_regularized_reward_tau_times_the_reverse():
    q, tau, center = FIXED["gru"], 0.6, jnp.array([2, 0, 1, 1])
    space = every_array()
    log_payoff = log_probs_of(HammingPayoff(center, jnp.array(tau), VOCABULARY), space)

    def forward(q):
        return jnp.sum(jnp.exp(log_payoff) * (log_payoff - log_probs_of(q, space)))

    def reverse(q):
        log_q = log_probs_of(q, space)
        return jnp.sum(jnp.exp(log_q) * (log_q - log_payoff))

    def minus_regularized_reward(q):
        log_q = log_probs_of(q, space)
        return jnp.sum(jnp.exp(log_q) * (jnp.sum(space != center, axis=-1) + tau * log_q))

    scaled = jax.tree.map(lambda leaf: tau * leaf, eqx.filter_grad(reverse)(q))
    assert_close(eqx.filter_grad(minus_regularized_reward)(q), scaled, 1e-10)
    data = Samples.unweighted(jnp.broadcast_to(center, (4000, 4)), jnp.zeros(4000))
    exact = eqx.filter_grad(forward)(q)
    keys = jax.random.split(KEY, 20)
    many = eqx.filter_jit(lambda q: jax.lax.map(lambda key: gradient_of(RewardAugmented(tau), q, data, key), keys))(q)
    for found, wanted in zip(jax.tree.leaves(many), jax.tree.leaves(exact), strict=True):
        stderr = np.std(found, axis=0, ddof=1) / np.sqrt(20)
        np.testing.assert_array_less(np.abs(np.mean(found, axis=0) - wanted), 6 * stderr + 1e-9)
    worst = max(float(jnp.max(jnp.abs(a - b))) for a, b in zip(jax.tree.leaves(exact), jax.tree.leaves(scaled), strict=True))
    assert worst > 1e-2  # the control: the two divergences differ


def learned_law(share):
    """Two tokens that are always equal, the first one three times as often 0 as 1: what a generator makes of them."""
    x = jnp.array([[0, 0], [0, 0], [0, 0], [1, 1]])
    learning = LikelihoodLearning(DataSet(x), 0.03, 128, ScheduledSampling(ConstantShare(share)))
    state = learning.init(jax.random.key(1), gru(jax.random.key(2), 2, 2, hidden=8, inputs=4))
    state = eqx.filter_jit(lambda state: run(learning, state, 1, 500)[0])(state)
    return np.exp(np.asarray(log_probs_of(state.sampler, every_array(2, 2))))


def test_scheduled_sampling_is_inconsistent():
    """Fed with its own first token alone, it ends at the product of the marginals; with the data's, at the data (4.5; Huszár 2015)."""
    np.testing.assert_allclose(learned_law(0.0), [0.5625, 0.1875, 0.1875, 0.0625], atol=0.05)
    np.testing.assert_allclose(learned_law(1.0), [0.75, 0.0, 0.0, 0.25], atol=0.05)


def test_own_tokens_are_drawn_from_the_model():
    """At share 0 the loss's mean over keys is the exact one, enumerated over what the model may feed itself."""
    q, x = FIXED["gru"], jnp.array([2, 0, 1, 1])
    space = every_array()
    fed = np.exp(np.asarray(log_probs_of(q, space)))
    of_fed = jax.vmap(lambda y: -jnp.sum(jax.vmap(lambda logits, token: jax.nn.log_softmax(logits)[token])(q.logits(y), x)))(space)
    data = Samples.unweighted(x[None], jnp.zeros(1))
    keys = jax.random.split(KEY, 4000)
    found = eqx.filter_jit(lambda q: jax.vmap(lambda key: ScheduledSampling(ConstantShare(0.0))(key, q, data, START))(keys))(q)
    assert abs(float(jnp.mean(found)) - fed @ np.asarray(of_fed)) < 4.5 * float(jnp.std(found)) / np.sqrt(4000)
    assert abs(float(-q.log_prob(x)) - fed @ np.asarray(of_fed)) > 0.05


def test_dropout_keeps_the_mean_of_what_goes_in():
    """Without the factor 1/(1 - rate) the mean would be 0.7 of it."""
    values = jnp.ones((4, 3))
    mean = jnp.mean(jax.vmap(lambda key: _dropped(key, values, jnp.array(0.3)))(jax.random.split(KEY, 20_000)), axis=0)
    np.testing.assert_allclose(mean, values, atol=4.5 * np.sqrt(0.3 / 0.7 / 20_000))
    q = FIXED["gru"]
    losses = [float(value_of(DropoutLikelihood(0.5), q, DATA._replace(x=jnp.maximum(DATA.x, 0)))), float(value_of(Likelihood(), q))]
    assert abs(losses[0] - losses[1]) > 1e-3


def test_schedules_fall_from_one():
    steps = jnp.arange(0, 2000, 100)
    for schedule in (LinearDecay(1000.0, 0.1), ExponentialDecay(0.999), InverseSigmoidDecay(100.0)):
        shares = np.asarray(jax.vmap(schedule)(steps))
        assert shares[0] > 0.98
        assert np.all(np.diff(shares) <= 0)
        assert 0.0 <= shares[-1] < 0.2
    np.testing.assert_allclose(InverseSigmoidDecay(100.0)(jnp.array(500)), 100.0 / (100.0 + np.exp(5.0)), rtol=1e-12)


def test_ended_sequences_are_only_charged_for_their_decisions():
    q = GENERATORS["gru"]
    short = Samples.unweighted(jnp.array([[2, END, END, END]]), jnp.zeros(1))
    for loss in (ScheduledSampling(ConstantShare(1.0)), Mixer(jnp.sum, ConstantShare(1.0)), Likelihood()):
        np.testing.assert_allclose(value_of(loss, q, short), -float(log_probs_of(q, short.x)[0]), rtol=1e-12)
