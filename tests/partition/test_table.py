"""The table of estimates: what stands in it, and what its verdict says where the truth is known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.partition.paths import BITS_Q, MODEL, MODEL_LOG_Z, model_samples
from triality.kernels.gibbs import Gibbs
from triality.partition import table
from triality.partition.alarm import three_way_alarm
from triality.partition.annealed import anneal, from_reverse, sigmoid_temperatures, walk
from triality.partition.importance import importance
from triality.partition.mixture import mixture
from triality.partition.sequential_monte_carlo import tempered
from triality.sampler import draw


@pytest.fixture(scope="module")
def bits():
    """Every estimator of the log Z of one small Boltzmann model, on 2,000 exact samples and 2,000 draws."""
    return everything(jax.random.key(0))


@eqx.filter_jit
def estimates(key):
    keys = jax.random.split(key, 6)
    x, drawn, temperatures = model_samples(keys[0], 2000), draw(BITS_Q, keys[1], 2000), sigmoid_temperatures(20)

    def parts(x):
        neg_energy = -jax.vmap(MODEL)(x)
        return neg_energy, neg_energy - MODEL_LOG_Z, jax.vmap(BITS_Q.log_prob)(x)

    on_data, on_drawn = parts(x), parts(drawn.x)
    alarm = three_way_alarm(on_data[0] - on_data[2], on_drawn[0] - on_drawn[2])
    forward = anneal(keys[2], MODEL, BITS_Q, Gibbs(), temperatures, 500)
    backward = walk(keys[3], MODEL, BITS_Q, Gibbs(), temperatures[::-1], model_samples(keys[4], 500))
    population = jax.vmap(lambda key: tempered(key, MODEL, BITS_Q, Gibbs(), 300, 1, 0.8))(jax.random.split(keys[5], 10))
    return alarm, mixture(*on_data, *on_drawn), forward, backward, population


def everything(key):
    alarm, with_reference, forward, backward, population = estimates(key)
    more = [
        table.row(table.MIXTURE, with_reference, 4000),
        table.row(table.ANNEALED, importance(forward.log_weight), forward.num_energies),
        table.row(table.ANNEALED_REVERSE, from_reverse(backward), backward.num_energies),
        table.row(table.SEQUENTIAL_MONTE_CARLO, importance(population.log_z), population.num_energies),
        table.exact_row(MODEL_LOG_Z, 32),
    ]
    return table.log_z_table(alarm, 2000, 2000, more)


def test_all_estimators_agree_with_the_exact_value(bits):
    assert len(bits.rows) == 8
    assert len({row.method.name for row in bits.rows}) == 8
    for row in bits.rows[:-1]:
        assert abs(row.value - float(MODEL_LOG_Z)) < 4 * row.stderr + 1e-9, row
        assert row.high - row.low == pytest.approx(2 * 1.96 * row.stderr)
        assert row.method.assumes
    assert bits.rows[-1].value == pytest.approx(float(MODEL_LOG_Z))
    assert bits.verdict.startswith("too few effective samples for 0.05 nats")  # 2,000 draws know it to 0.05 at one standard error


def test_costs_are_counted(bits):
    """Of the walks, 18 stages of 1 (weight) + 1 (start) + 5 (a sweep), and a last weight."""
    costs = {row.method: row.num_energies for row in bits.rows}
    assert costs[table.IMPORTANCE] == 2000
    assert costs[table.ACCEPTANCE_RATIO] == 4000
    assert costs[table.ANNEALED] == costs[table.ANNEALED_REVERSE] == 500 * (18 * 7 + 1)
    assert costs[table.SEQUENTIAL_MONTE_CARLO] % (300 * 7) == 0
    assert costs[table.SEQUENTIAL_MONTE_CARLO] > 0


def test_a_collapsed_sampler_is_in_the_verdict():
    """The same three rows with q's draws and data moved apart by a model that they do not fit."""
    x = jax.random.normal(jax.random.key(1), (4000,))
    data = jnp.where(jax.random.bernoulli(jax.random.key(2), 0.5, (4000,)), -5.0, 5.0) + jax.random.normal(jax.random.key(3), (4000,))

    def log_ratio(x):
        modes = jnp.logaddexp(-0.5 * (x - 5.0) ** 2, -0.5 * (x + 5.0) ** 2) - jnp.log(2.0)
        return modes + 0.5 * ((x - 5.0) / 1.1) ** 2 + jnp.log(1.1)

    found = table.log_z_table(three_way_alarm(log_ratio(data), log_ratio(5.0 + 1.1 * x)), 4000, 4000)
    assert abs(found.rows[0].value + np.log(2)) < 0.01
    assert found.rows[0].ess > 3000
    assert not found.verdict.startswith("agree")


def test_text_and_markdown_show_every_row(bits):
    text, markdown = str(bits), bits.markdown()
    for row in bits.rows:
        assert f"{row.value:.4f}" in text
        assert f"| {row.method.name} |" in markdown
    lines = text.splitlines()
    assert (
        len({line.index("assumes" if line is lines[0] else row.method.assumes) for line, row in zip(lines[1:9], bits.rows, strict=True)})
        == 1
    )
    assert lines[-1] == bits.verdict
    assert len({line.count("|") for line in markdown.splitlines()[:10]}) == 1
    assert "overlap" in text
