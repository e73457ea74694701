"""Error bars and the alarm, over thousands of independent draws. The figures in docs/log_z.md are printed here (``pytest -s``)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.partition.acceptance_ratio import acceptance_ratio
from triality.partition.alarm import ENOUGH_SAMPLES, three_way_alarm, verdict
from triality.partition.diagnostics import pareto_k_threshold
from triality.partition.fusion import fused_log_density, own_density
from triality.partition.importance import importance

REPEATS = 2000


def keys(seed: int, count: int = REPEATS):
    return jax.random.split(jax.random.key(seed), count)


def log_normal(x, location, scale):
    return -0.5 * ((x - location) / scale) ** 2 - jnp.log(scale) - 0.5 * jnp.log(2 * jnp.pi)


def covered(value, stderr, truth=0.0):
    return float(jnp.mean(jnp.abs(value - truth) <= 1.959964 * stderr))


def test_interval_of_the_acceptance_ratio_covers():
    """Energy fixed, p = p_theta = N(0, 1), q = N(.5, 1.3^2), n_p = 200, n_q = 300."""

    def one(key):
        of_data, of_drawn = jax.random.split(key)
        x, y = jax.random.normal(of_data, (200,)), 0.5 + 1.3 * jax.random.normal(of_drawn, (300,))
        estimate = acceptance_ratio(*(log_normal(a, 0.0, 1.0) - log_normal(a, 0.5, 1.3) for a in (x, y)))
        overlap = estimate.diagnostics.overlap
        return estimate.value, estimate.stderr, jnp.sqrt(1 / (200 * overlap) - 1 / 200 - 1 / 300)

    value, stderr, closed_form = jax.jit(jax.vmap(one))(keys(0))
    print(f"acceptance ratio: {covered(value, stderr):.1%}, spread {value.std():.5f}, mean error bar {stderr.mean():.5f}")
    assert 0.935 <= covered(value, stderr) <= 0.965
    assert covered(value, 0.7 * stderr) < 0.90  # the test can fail: an error bar of 70 %
    assert float(stderr.mean()) == pytest.approx(float(value.std()), rel=0.06)
    assert float(stderr.mean()) == pytest.approx(float(closed_form.mean()), rel=0.02)  # D2, the realizable case


LOCATION, SCALE = jnp.array([-3.0, 0.0, 2.0]), jnp.array([0.7, 1.5, 0.8])


def three_samplers(key):
    """Data of p = N(0, 1), drawn samples of three past samplers (their number fixed), and the K x N matrix of log q at both."""
    of_data, of_drawn = jax.random.split(key)
    stratum = jnp.repeat(jnp.arange(3), 100)
    drawn = LOCATION[stratum] + SCALE[stratum] * jax.random.normal(of_drawn, (300,))
    data = jax.random.normal(of_data, (200,))
    matrices = [log_normal(x[None], LOCATION[:, None], SCALE[:, None]) for x in (data, drawn)]
    return data, drawn, *matrices, stratum


def test_stratified_error_of_several_past_samplers_covers_and_the_pooled_one_over_covers():
    def one(key):
        data, drawn, q_data, q_drawn, stratum = three_samplers(key)
        on_data = log_normal(data, 0.0, 1.0) - fused_log_density(q_data, jnp.zeros(3))
        on_drawn = log_normal(drawn, 0.0, 1.0) - fused_log_density(q_drawn, jnp.zeros(3))
        stratified = acceptance_ratio(on_data, on_drawn, stratum_drawn=stratum, num_strata=3)
        alone = importance(on_drawn, None, stratum, 3)
        own = own_density(log_normal(drawn, 0.0, 1.0), q_drawn, stratum)
        pooled = acceptance_ratio(on_data, on_drawn).stderr, importance(on_drawn).stderr
        return stratified[:2], alone[:2], own.value, pooled

    symmetric, fused, own, pooled = jax.jit(jax.vmap(one))(keys(1))
    print(f"acceptance ratio, 3 samplers: stratified {covered(*symmetric):.1%}, pooled {covered(symmetric[0], pooled[0]):.1%}")
    print(f"fusion, 3 samplers: stratified {covered(*fused):.1%}, pooled {covered(fused[0], pooled[1]):.1%}")
    assert 0.935 <= covered(*symmetric) <= 0.965
    assert 0.935 <= covered(*fused) <= 0.965
    # The broken twins: the number of samples of each sampler is no accident.
    assert covered(symmetric[0], pooled[0]) > 0.97
    assert covered(fused[0], pooled[1]) > 0.99
    # And the drift case of footnote 3: own densities are far noisier.
    assert float(jnp.var(jnp.exp(own))) > 5 * float(jnp.var(jnp.exp(fused[0])))


def false_alarms(key, num_data, num_drawn):
    """One well-specified case: p = p_theta = N(0, 1), q = N(0, v), v uniform between .9^2 and 1.6^2."""
    of_data, of_drawn, of_variance = jax.random.split(key, 3)
    scale = jnp.sqrt(jax.random.uniform(of_variance, minval=0.81, maxval=2.56))
    x, y = jax.random.normal(of_data, (num_data,)), scale * jax.random.normal(of_drawn, (num_drawn,))
    alarm = three_way_alarm(*(log_normal(a, 0.0, 1.0) - log_normal(a, 0.0, scale) for a in (x, y)))
    return alarm.fired, alarm.gaps


def test_alarm_is_silent_where_the_model_is_right():
    """At most one false alarm in a thousand seeds."""
    fired, gaps = jax.jit(jax.vmap(lambda key: false_alarms(key, 300, 400)))(keys(2)[:1000])
    print(f"false alarms: {int(fired.sum())} in 1,000; spread of the gaps {gaps.std(0)}")
    assert int(fired.sum()) <= 1
    # Gaps are in standard errors, or the threshold would mean nothing.
    np.testing.assert_allclose(gaps.std(0), 1.0, atol=0.2)


@pytest.mark.slow
@pytest.mark.parametrize(("num_data", "num_drawn"), [(100, 100), (1000, 1000)])
def test_alarm_is_silent_over_ten_thousand_seeds(num_data, num_drawn):
    batched = jax.jit(lambda batch: jax.lax.map(lambda key: false_alarms(key, num_data, num_drawn), batch, batch_size=500))
    fired, gaps = batched(keys(3, 10_000))
    print(f"false alarms at n = {num_data}: {int(fired.sum())} in 10,000; largest gaps {jnp.abs(gaps).max(0)}")
    assert int(fired.sum()) <= 15


jitted_alarm = jax.jit(three_way_alarm)


def two_modes(x):
    """Density with two equal modes, 8 apart."""
    return jnp.logaddexp(log_normal(x, -4.0, 1.0), log_normal(x, 4.0, 1.0)) - jnp.log(2.0)


def unequal_modes(x):
    """The same with a tenth of the mass on the right."""
    return jnp.logaddexp(log_normal(x, -4.0, 1.0) + jnp.log(0.9), log_normal(x, 4.0, 1.0) + jnp.log(0.1))


def samples(seed, modes, size=4000):
    of_mode, of_noise = jax.random.split(jax.random.key(seed))
    return jnp.asarray(modes)[jax.random.randint(of_mode, (size,), 0, len(modes))] + jax.random.normal(of_noise, (size,))


def test_collapsed_sampler_looks_healthy_and_raises_the_alarm():
    """X13: q = N(4, 1.1^2) sits on one of two equal modes. Its own weights see nothing; the data do."""
    data, drawn = samples(3, [-4.0, 4.0]), 4.0 + 1.1 * samples(4, [0.0])
    alarm = jitted_alarm(*(two_modes(x) - log_normal(x, 4.0, 1.1) for x in (data, drawn)))
    health = alarm.forward.diagnostics
    print(f"collapsed q: {alarm.forward.value:.3f} forward, {alarm.symmetric.value:.3f} symmetric, gaps {alarm.gaps}, {health}")
    assert float(health.ess_fraction) > 0.95
    assert float(health.pareto_k) < float(pareto_k_threshold(4000))
    assert float(health.largest_weight) < 1e-3
    assert float(alarm.forward.value) == pytest.approx(-np.log(2.0), abs=0.01)  # wrong by log 2, with a tiny error bar
    assert float(alarm.symmetric.value) == pytest.approx(0.0, abs=0.08)
    assert bool(alarm.fired)
    words = verdict(alarm)
    assert words.startswith("model misfit or missed mode")
    assert "q = p_theta" in words
    assert "neither data nor drawn" in words
    assert f"{float(alarm.gaps[0]):+.1f}" in words


def test_verdicts():
    data, drawn = samples(5, [0.0]), samples(6, [0.0])

    def alarm(x, y, proposal):
        return jitted_alarm(log_normal(x, 0.0, 1.0) - proposal(x), log_normal(y, 0.0, 1.0) - proposal(y))

    agree = alarm(data, 1.2 * drawn, lambda x: log_normal(x, 0.0, 1.2))
    assert not bool(agree.fired)
    assert verdict(agree).startswith("agree")
    assert "Blind spots" in verdict(agree)
    assert verdict(alarm(data + 0.8, 1.2 * drawn, lambda x: log_normal(x, 0.0, 1.2))).startswith("model misfit")
    few = [log_normal(x, 0.0, 1.0) - log_normal(x, 0.0, 1.2) for x in (data[:200], 1.2 * drawn[:200])]
    coarse = jitted_alarm(*few)
    assert verdict(coarse).startswith("too few effective samples for 0.05 nats")
    assert f"about {(3.0 * float(coarse.forward.stderr) / 0.05) ** 2:.1f} times as many draws" in verdict(coarse)
    assert verdict(jitted_alarm(*few, precision=0.5)).startswith("agree")
    # What is neither chance nor precise enough to be called a misfit: of 300 data, 20 lie on the mode that q misses.
    seen = jnp.where(jnp.arange(300) < 20, 4.0, -4.0) + data[:300]
    unsettled = jitted_alarm(*(unequal_modes(x) - log_normal(x, -4.0, 1.1) for x in (seen, 1.1 * drawn[:1000] - 4.0)))
    assert verdict(unsettled).startswith("too few effective samples to settle a gap of")
    apart = alarm(data, 9.0 + drawn, lambda x: log_normal(x, 9.0, 1.0))
    assert float(apart.effective_samples) < ENOUGH_SAMPLES
    assert verdict(apart).startswith("too few effective samples")
    broken = alarm(data * jnp.nan, drawn, lambda x: log_normal(x, 0.0, 1.0))
    assert bool(broken.fired)
    assert verdict(broken).startswith("no estimate")


def test_data_see_the_weights_that_draws_lack():
    """Both errors are the same where q is broad; draws of a narrow q whose tails have not come give too small a one alone."""
    data, drawn = samples(10, [0.0]), samples(11, [0.0])
    broad = jitted_alarm(*(log_normal(x, 0.0, 1.0) - log_normal(x, 0.0, 1.2) for x in (data, 1.2 * drawn)))
    assert float(broad.error) == pytest.approx(float(broad.forward.stderr), rel=0.1)
    lacking = 0.75 * jnp.clip(drawn, -2.0, 2.0)
    narrow = jitted_alarm(*(log_normal(x, 0.0, 1.0) - log_normal(x, 0.0, 0.75) for x in (data, lacking)))
    assert float(narrow.error) > 1.5 * float(narrow.forward.stderr)


def test_blind_spots_are_real():
    """What the verdict warns of: q = p_theta agrees on any data (also 0/0 in the errors), and so does a mode that no side visits."""
    data, drawn = samples(7, [2.0]), samples(8, [0.0])
    flat = jitted_alarm(jnp.full(4000, 0.7) + 1e-16 * data, jnp.full(4000, 0.7))
    assert not bool(flat.fired)
    assert float(flat.symmetric.value) == pytest.approx(0.7)

    unseen = [two_modes(x) - log_normal(x, 4.0, 1.1) for x in (samples(9, [4.0]), 4.0 + 1.1 * drawn)]
    alarm = jitted_alarm(*unseen)
    assert not bool(alarm.fired)
    assert abs(float(alarm.symmetric.value)) > 0.6  # wrong by log 2, all three of them
