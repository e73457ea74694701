"""Beside the PDF: one test for each numbered claim of sections 2 to 4, in the paper's order, float64, 100 random draws.

Each test restates the bound that it wants, so that a slack ledger cannot pass. ``measured(id)`` is the largest residual over all spaces.
"""

import dataclasses
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from triality.claims import check_paper, controls, ledger
from triality.claims.spaces import ENUMERABLE, GRID, SAMPLES, TRAJECTORIES
from triality.cli.paper import PaperOptions, run
from triality.errors import ConfigError

EXACT = {ENUMERABLE, GRID}
EVERYWHERE = {*EXACT, SAMPLES}


@pytest.fixture(scope="module")
def claims():
    return check_paper(seed=0, num_draws=100)


@pytest.fixture
def measured(claims):
    def largest(id, spaces):
        rows = [claim for claim in claims if claim.id == id and not claim.is_control]
        assert {claim.space for claim in rows} == set(spaces)
        assert all(claim.draws == 100 for claim in rows)
        return max(claim.residual for claim in rows)

    return largest


# Section 2.1


def test_discriminator_loss_is_minus_log_probability_of_the_right_class(measured):
    assert measured("2.1 discriminator", EVERYWHERE) <= 1e-10


def test_generator_loss_is_minimax_plus_non_saturating(measured):
    assert measured("2.1 generator", EVERYWHERE) <= 1e-10


def test_generator_gradients_at_the_optimal_discriminator_are_those_of_the_divergences(measured):
    assert measured("2.1 divergences", EXACT) <= 1e-10


# Section 2.2


def test_eq_1_integrates_to_one(measured):
    assert measured("eq. 1", EXACT) <= 1e-12
    assert measured("eq. 1, closed form", EXACT) <= 1e-10


# Section 2.3.1 and footnote 2


def test_partition_function_over_trajectories(measured):
    assert measured("2.3.1 Z", {TRAJECTORIES}) <= 1e-12


def test_footnote_2_dynamics_cancel(measured):
    assert measured("footnote 2", {TRAJECTORIES}) <= 1e-12


def test_footnote_2_no_policy_reaches_the_model_when_dynamics_are_stochastic(measured):
    assert measured("footnote 2, gap", {TRAJECTORIES}) <= 1e-9


# Section 2.3.2 and footnote 3


def test_cost_loss_by_importance_sampling(measured):
    assert measured("2.3.2 cost loss", EVERYWHERE) <= 1e-10


def test_cost_loss_is_the_likelihood_in_expectation(measured):
    assert measured("2.3.2 likelihood", EXACT) <= 1e-10


def test_optimal_proposal_has_no_variance(measured):
    assert measured("2.3.2 best q", EVERYWHERE) <= 1e-10


def test_eq_2_sampler_loss(measured):
    assert measured("eq. 2", EXACT) <= 1e-10


def test_mixture_weights(measured):
    assert measured("2.3.2 mixture", EVERYWHERE) <= 1e-12
    assert measured("2.3.2 mixture, Z", EXACT) <= 1e-12


def test_footnote_3_fusion_of_past_samplers(measured):
    assert measured("footnote 3", EXACT) <= 1e-12
    assert measured("footnote 3, facts", EVERYWHERE) <= 1e-10


# Section 3.1


def test_eq_3_optimal_discriminator(measured):
    assert measured("eq. 3", EVERYWHERE) <= 1e-12
    assert measured("eq. 3, optimum", EXACT) <= 1e-12


def test_optimal_energy_does_not_depend_on_the_generator(measured):
    assert measured("3.1 truth", EXACT) <= 1e-10
    assert measured("3.1 independence", EXACT) <= 1e-6


# Section 3.2


def test_eq_4_cost_loss_with_any_reference(measured):
    assert measured("eq. 4", EVERYWHERE) <= 1e-12


def test_eq_5_cost_loss_with_the_model_as_reference(measured):
    assert measured("eq. 5", EVERYWHERE) <= 1e-12


def test_eqs_6_to_8_decomposition_with_its_constant(measured):
    assert measured("eqs. 6-8", EVERYWHERE) <= 1e-12


def test_stationary_z(measured):
    assert measured("3.2.1 slope", EVERYWHERE) <= 1e-12


def test_fact_1_the_minimizing_z_is_the_importance_sampling_estimate(measured):
    assert measured("fact 1", EVERYWHERE) <= 1e-10
    assert measured("fact 1, minimum", EVERYWHERE) <= 1e-10


def test_fact_2_discriminator_and_maxent_objective_have_the_same_gradient(measured):
    assert measured("fact 2", EVERYWHERE) <= 1e-10


def test_fact_3_generator_loss_is_the_maxent_policy_loss(measured):
    assert measured("fact 3", EVERYWHERE) <= 1e-12
    assert measured("fact 3, log-odds", EVERYWHERE) <= 1e-12


# Section 4


def test_z_of_an_energy_model(measured):
    assert measured("4 Z, drawn alone", EXACT) <= 1e-12
    assert measured("4 Z, mixture", EXACT) <= 1e-12
    assert measured("4 Z, q = p_theta", EXACT) <= 1e-10
    assert measured("4 weights", EVERYWHERE) <= 1e-10


def test_energy_loss_discriminator_and_generator_loss_in_corrected_signs(measured):
    assert measured("4 energy loss", EXACT) <= 1e-10
    assert measured("4 discriminator", EVERYWHERE) <= 1e-12
    assert measured("4 generator loss", EVERYWHERE) <= 1e-12


def test_consistency_with_an_imperfect_generator(measured):
    assert measured("4 consistency", EXACT) <= 1e-10


def test_kim_and_bengio_need_the_generator_to_be_right(measured):
    assert measured("4 Kim & Bengio", EXACT) <= 1e-10
    assert measured("4 Kim & Bengio, bias", EXACT) <= 1e-10


# The ledger itself


@pytest.mark.parametrize(
    ("id", "breaks", "least"),
    [
        ("attached weights", "fact 2", 1e-2),
        ("wrong Z", "fact 2", 1e-3),
        ("no log q", "fact 1", 1e-3),
        ("no log q", "fact 2", 1e-3),
        ("no log q", "fact 3", 1e-3),
        ("no log q", "3.1 independence", 1e-3),
        ("no log nu", "fact 1", 1e-3),
        ("sign of X3", "fact 2", 1.99),
        ("sign of X4", "fact 2", 1e-3),
        ("sign of X6", "fact 3", 1.99),
        ("no weights", "4 consistency", 1e-3),
    ],
)
def test_each_control_breaks_the_claim_that_it_names(claims, id, breaks, least):
    rows = [claim for claim in claims if claim.is_control and (claim.id, claim.breaks) == (id, breaks)]
    assert {claim.space for claim in rows} in (EVERYWHERE, EXACT)
    assert all(claim.passed and claim.draws >= 50 and claim.residual > least for claim in rows)
    bound = max(claim.tolerance for claim in claims if claim.id == breaks)
    assert min(claim.residual for claim in rows) > 1e3 * bound


def test_every_statement_is_measured_and_passes(claims):
    wanted = {(s.id, s.breaks, space) for s in (*ledger.CLAIMS, *controls.CONTROLS) for space in s.spaces}
    assert {(claim.id, claim.breaks, claim.space) for claim in claims} == wanted
    assert len(claims) == len(wanted)
    assert all(claim.passed for claim in claims)


def statement_that_is(value, breaks=""):
    """A statement whose residual is ``value`` on every draw, in place of a real one."""
    template = (controls.CONTROLS if breaks else ledger.CLAIMS)[0]
    return dataclasses.replace(template, measure=lambda instance: jnp.asarray(value), breaks=breaks, bound=1e-3, spaces=(SAMPLES,))


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.1e-3])
def test_a_claim_fails_on_a_large_residual_and_on_nan(monkeypatch, value):
    monkeypatch.setattr(ledger, "CLAIMS", (statement_that_is(value),))
    monkeypatch.setattr(ledger.controls, "CONTROLS", ())
    assert [claim.passed for claim in check_paper(num_draws=2)] == [False]


@pytest.mark.parametrize("value", [math.nan, 0.0, 1e-3])
def test_a_control_that_does_not_break_its_claim_fails(monkeypatch, value):
    monkeypatch.setattr(ledger, "CLAIMS", ())
    monkeypatch.setattr(ledger.controls, "CONTROLS", (statement_that_is(value, breaks="fact 2"),))
    assert [claim.passed for claim in check_paper(num_draws=2)] == [False]


def test_a_control_without_enough_overlap_has_shown_nothing(monkeypatch):
    monkeypatch.setattr(ledger, "CLAIMS", ())
    monkeypatch.setattr(ledger.controls, "CONTROLS", (statement_that_is(1.0, breaks="fact 2"),))
    monkeypatch.setattr(ledger.controls, "overlap", lambda instance: jnp.asarray(0.009))
    (claim,) = check_paper(num_draws=2)
    assert (claim.passed, claim.draws) == (False, 0)


@pytest.fixture
def float32_by_default():
    jax.config.update("jax_enable_x64", False)
    yield
    jax.config.update("jax_enable_x64", True)


def test_float64_whatever_jax_is_set_to(monkeypatch, float32_by_default):
    """In every thread, and jax is left as it was."""

    def is_float64(instance):
        return jnp.asarray(0.0 if instance.log_z.dtype == instance.data.x.dtype == jnp.float64 else 1.0)

    only = dataclasses.replace(statement_that_is(0.0), measure=is_float64)
    monkeypatch.setattr(ledger, "CLAIMS", (only,))
    monkeypatch.setattr(ledger.controls, "CONTROLS", ())
    assert [claim.passed for claim in check_paper(num_draws=2)] == [True]
    assert jnp.zeros(1).dtype == jnp.float32


# The command


def test_command_prints_every_claim_and_writes_the_ledger(monkeypatch, capsys, tmp_path, claims):
    monkeypatch.setattr("triality.claims.check_paper", lambda seed, num_draws: claims)
    assert run(PaperOptions(out=tmp_path / "ledger.json")) == 0
    printed = capsys.readouterr().out
    assert all(claim.id in printed for claim in claims)
    assert "exp(-c)/q" in printed  # brackets in a claim are no markup
    assert "Everything holds" in printed
    assert "FAILS" not in printed
    stored = json.loads((tmp_path / "ledger.json").read_text())
    assert [row["residual"] for row in stored["claims"]] == [claim.residual for claim in claims]


def test_command_fails_if_one_claim_does(monkeypatch, capsys, tmp_path, claims):
    broken = [dataclasses.replace(claim, passed=False, residual=math.nan) if claim.id == "fact 2" else claim for claim in claims]
    monkeypatch.setattr("triality.claims.check_paper", lambda seed, num_draws: broken)
    assert run(PaperOptions(out=tmp_path / "ledger.json")) == 1
    assert "fact 2 on samples" in capsys.readouterr().out
    assert None in [row["residual"] for row in json.loads((tmp_path / "ledger.json").read_text())["claims"]]


def test_command_fails_if_one_control_holds(monkeypatch, claims):
    weak = [dataclasses.replace(claim, passed=False) if claim.id == "no log nu" else claim for claim in claims]
    monkeypatch.setattr("triality.claims.check_paper", lambda seed, num_draws: weak)
    assert run(PaperOptions()) == 1


@pytest.mark.parametrize("options", [PaperOptions(num_draws=0), PaperOptions(seed=-1), PaperOptions(out=Path("/no/such/folder/x.json"))])
def test_command_refuses_bad_options_before_measuring(options):
    with pytest.raises(ConfigError, match="expected"):
        run(options)
