"""Small runs of ``triality ebm``: folder, summary, report; every refusal before jax is imported."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.cli import density_names
from triality.cli.density_parts import Space, make_energy, make_generator
from triality.cli.density_pictures import reliability
from triality.cli.density_samples import sample_metrics
from triality.cli.density_split import split_of
from triality.cli.ebm import LEAST_TEST_ROWS, check
from triality.cli.keeping_options import without_keeping
from triality.cli.learning import print_note
from triality.cli.main import main
from triality.cli.options import EbmOptions
from triality.metrics.two_sample import LEAST_SAMPLES
from triality.partition.exact import binary_vectors
from triality.runs.checkpoint import read_checkpoint
from triality.runs.report.density import render_density
from triality.runs.report.record import read_record
from triality.runs.summary import check_summary
from triality.targets.catalog import TARGETS

RNG = np.random.default_rng(0)
TINY = ("--generator-steps", "40", "--energy-steps", "40", "--num-drawn", "400", "--batch-size", "64")
INDEPENDENT = ("--generator", "bernoulli", "--energy-learning-rate", "0.01")
"""A generator that misses how two columns depend on each other, so that an energy has something to add."""


def normals(path, rows=400):
    x = RNG.normal([1.0, -2.0], [0.5, 3.0], (rows, 2))
    path.write_text("left,right\n" + "\n".join(f"{a},{b}" for a, b in x))
    return path


def bits(path, dim=6):
    x = (RNG.random((300, dim)) < np.linspace(0.2, 0.8, dim)).astype(np.uint8)
    x[:, 1] = x[:, 0] ^ (RNG.random(300) < 0.1)
    np.savez(path, x=x)
    return path


@pytest.fixture(scope="module")
def of_bits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ebm")
    data = bits(folder / "bits.npz")
    assert main(["ebm", "--data", str(data), "--out", str(folder / "run"), *TINY, "--seeds", "2", "--temperatures", "5", *INDEPENDENT]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def of_numbers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ebm")
    data = normals(folder / "table.csv")
    options = ["--generator", "gaussian", "--objective", "gan", "--temperatures", "0", "--base", "none", "--energy", "quadratic"]
    assert main(["ebm", "--data", str(data), "--out", str(folder / "run"), *TINY, *options]) == 0
    return folder / "run"


def summary_of(run):
    return json.loads((run / "summary.json").read_text())


def test_folder_is_complete(of_bits):
    names = {path.name for path in of_bits.iterdir()}
    files = {"config.json", "metrics.jsonl", "state.ckpt", "summary.json", "figures.npz", "report.html"}
    assert names == {*files, "run.lock", "checkpoints"}
    summary = summary_of(of_bits)
    check_summary(summary)
    assert [seed["seed"] for seed in summary["seeds"]] == [0, 1]
    lines = [json.loads(line) for line in (of_bits / "metrics.jsonl").read_text().splitlines()]
    assert {line["seed"] for line in lines} == {0, 1}
    assert max(line["iteration"] for line in lines) == 80
    assert all(np.isfinite(line["validation"]) for line in lines)


def test_log_z_is_within_its_errors_of_the_sum_over_all_states(of_bits):
    for seed in summary_of(of_bits)["seeds"]:
        found = seed["log_z_estimates"]
        exact = found["exact"]["value"]
        for name, each in found.items():
            assert abs(each["value"] - exact) < max(5 * each["stderr"], 1e-3), name
        assert {"importance", "acceptance_ratio", "reciprocal", "annealed_forward", "sequential_Monte_Carlo"} <= found.keys()


def test_the_state_holds_a_normalized_model_of_the_reported_likelihood(of_bits):
    """Read back, the energy's probabilities over all states sum to exp of the exact log Z, and give the test likelihood again."""
    record = json.loads((of_bits / "config.json").read_text())["config"]
    given = {name: value for name, value in without_keeping(record).items() if name in EbmOptions.__dataclass_fields__}
    options = EbmOptions(**(given | {"data": Path(record["data"]), "out": of_bits / "new"}))
    plan = check(options)
    split = split_of(plan)
    seeds = summary_of(of_bits)["seeds"]
    assert all(seed["is_tilted"] and seed["metrics"]["gain"] > 0 for seed in seeds)
    first = make_generator(options.generator, jax.random.key(0), split.train, split.space)
    template = {"first": first, "sampler": first, "energy": make_energy(options, jax.random.key(0), first, split.space)}
    state = read_checkpoint(of_bits / "state.ckpt", {"seeds": [template, template], "shift": split.shift, "scale": split.scale})
    energy = state["seeds"][1]["energy"]
    log_z = float(jax.nn.logsumexp(-jax.vmap(energy)(binary_vectors(6))))
    assert log_z == pytest.approx(seeds[1]["log_z_estimates"]["exact"]["value"], abs=1e-5)
    assert float(jnp.mean(-jax.vmap(energy)(split.test))) - log_z == pytest.approx(seeds[1]["test_log_likelihood"], abs=1e-4)


def test_likelihoods_are_in_the_units_of_the_data(of_numbers):
    """The law's own entropy is log(2 pi e 0.5 * 3): a fitted Gaussian reaches it, on the scale of the data."""
    metrics = summary_of(of_numbers)["iqm"]["metrics"]
    entropy = np.log(2 * np.pi * np.e * 0.5 * 3.0)
    assert metrics["likelihood_generator_test_log_likelihood"] == pytest.approx(-entropy, abs=0.6)
    assert metrics["num_impossible"] == 0
    config = json.loads((of_numbers / "config.json").read_text())["config"]
    assert (config["sampler_gradient"], config["kind"], config["dim"]) == ("path", "continuous", 2)


def test_samples_are_held_against_test_data_by_what_their_kind_allows(of_bits, of_numbers):
    """A classifier for all; distances and the search for wells for numbers, of generator and of energy."""
    of_numbers, of_bits = (set(summary_of(run)["iqm"]["metrics"]) for run in (of_numbers, of_bits))
    tests, numbers = ("classifier_accuracy", "classifier_p_value"), ("mmd_p_value", "coverage", "spurious_mass", "spurious_mass_stderr")
    for prefix in ("", "generator_"):
        assert {f"{prefix}{name}" for name in (*tests, *numbers)} <= of_numbers
        assert {f"{prefix}{name}" for name in tests} <= of_bits
        assert not {f"{prefix}{name}" for name in numbers} & of_bits


def test_the_new_numbers_have_the_values_of_a_generator_that_fits(of_numbers):
    """A Gaussian fitted to normal data: told apart by nothing, and with no more mass far from data than the rim."""
    metrics = summary_of(of_numbers)["iqm"]["metrics"]
    assert metrics["generator_classifier_p_value"] > 0.001
    assert abs(metrics["generator_classifier_accuracy"] - 0.5) < 4 * 0.5 / np.sqrt(40)
    assert metrics["generator_spurious_mass"] < 0.01 + 3 * metrics["generator_spurious_mass_stderr"]


def test_wells_and_what_is_left_out_are_told(of_numbers):
    text, record = (of_numbers / "report.html").read_text(encoding="utf-8"), read_record(of_numbers)
    assert "Where there are no data: the energy puts" in text
    for absent in ("What to know first", ">notes<", "wells that data never asked for, the lowest"):
        assert absent not in text
    assert record.summary is not None
    overall = record.summary["iqm"]
    deep = {**overall["metrics"], "spurious_mass": 0.3, "spurious_mass_stderr": 0.01}
    summary = {**record.summary, "iqm": {**overall, "metrics": deep}}
    told = render_density(replace(record, summary=summary, config={**record.config, "notes": ['the test left out: pip install "x"']}))
    assert "What to know first" in told
    assert "<li>The test left out: pip install &quot;x&quot;</li>" in told
    assert "wells that data never asked for, the lowest place of the first seed at left = " in told


@pytest.mark.parametrize("which", ["of_bits", "of_numbers"])
def test_the_report_says_what_came_of_it(which, request):
    text = (request.getfixturevalue(which) / "report.html").read_text(encoding="utf-8")
    assert "nats a sample on test data" in text
    for heading in ("Do the samples look like the data?", "What was learned?", "Can log Z be trusted?", "All metrics", "How did it learn?"):
        assert heading in text
    assert "<script" not in text
    assert "nan" not in re.sub(r"<[^>]*>", " ", text).lower().split()


def test_speeds_reach_the_report(of_bits):
    metrics = summary_of(of_bits)["iqm"]["metrics"]
    assert metrics["energy_steps_per_second"] > 0
    assert "energy steps per second" in (of_bits / "report.html").read_text(encoding="utf-8")


def test_a_generator_that_knows_integers_is_not_told_to_expect_bits(tmp_path, capsys):
    data = normals(tmp_path / "table.csv")
    assert main(["ebm", "--data", str(data), "--generator", "made", "--out", str(tmp_path / "run")]) == 3
    told = capsys.readouterr().err
    assert "expected whole numbers from 0 to 255" in told
    assert "--generator auto chooses one" in told


def test_names_are_those_that_exist():
    assert set(density_names.TARGETS) == set(TARGETS)
    given = EbmOptions.__dataclass_fields__
    tables = {
        "generator": density_names.GENERATORS,
        "head": density_names.HEADS,
        "objective": density_names.OBJECTIVES,
        "sampler_gradient": density_names.GRADIENTS,
    }
    for field, table in tables.items():
        for name in table:
            assert repr(name) in str(given[field].type).replace('"', "'"), (field, name)


REFUSED = {
    "nothing to learn from": ((), "--data FILE or --target NAME, got neither"),
    "two sources": (("--data", "x.csv", "--target", "ring"), "got both"),
    "unknown target": (("--target", "rign"), "did you mean 'ring'?"),
    "no file": (("--data", "nothing.csv"), "no file there"),
    "range": (("--target", "ring", "--batch-size", "1", "--energy-learning-rate", "7"), "2 options cannot be used"),
    "generator of bits": (("--target", "ring", "--generator", "made"), "expected a generator of numbers, got --generator made"),
    "gradient of bits": (("--target", "ring", "--energy", "linear"), "expected columns of 0 and 1 for --energy linear"),
    "chains that follow": (("--target", "ring", "--objective", "pcd", "--sampler-gradient", "path"), "come from Markov chains"),
    "ebgan without code": (("--target", "ring", "--objective", "ebgan", "--energy", "mlp"), "--energy autoencoder and --base none"),
    "columns of a target": (("--target", "ring", "--columns", "a"), "with --data only"),
    "draws of a mixture": (("--target", "ring", "--generator", "mixture", "--objective", "fce"), "whose draws are differentiable"),
    "head of a mixture": (
        ("--target", "ring", "--head", "categorical"),
        "expected --generator causal-convolution or recurrent with --head",
    ),
    "no step": (("--target", "ring", "--objective", "mle", "--generator-steps", "0"), "expected gradient steps"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_options_are_refused_in_one_sentence(name, tmp_path, capsys):
    options, message = REFUSED[name]
    assert main(["ebm", *options, "--out", str(tmp_path / "run")]) in (2, 3)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_data_that_do_not_fit_the_generator_are_refused(tmp_path, capsys):
    data = bits(tmp_path / "bits.npz")
    for options, message in (
        (("--generator", "mixture"), "--dequantize"),
        (("--generator", "masked-convolution"), "expected images"),
        (("--objective", "fce"), "expected an objective for 0 and 1"),
        (("--sampler-gradient", "path"), "expected a gradient for 0 and 1"),
        (("--gradient-penalty", "1"), "which have no gradient"),
        (("--head", "categorical"), "with --head categorical, got made; name one of them, or leave --head out"),
        (("--generator", "recurrent", "--head", "discretized-logistic"), "expected integers of more than two levels for --head"),
    ):
        assert main(["ebm", "--data", str(data), *options, "--out", str(tmp_path / "run")]) in (2, 3)
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "generator", "gradient"),
    [
        ({}, "mixture", "fixed"),
        ({"objective": "gan"}, "mixture", "score"),
        ({"objective": "gan", "generator": "gaussian"}, "gaussian", "path"),
        ({"objective": "fce"}, "spline", "adversarial"),
        ({"sampler_gradient": "path"}, "spline", "path"),
        ({"objective": "hinge", "generator": "maf"}, "maf", "path"),
    ],
)
def test_what_is_left_open_is_decided_so_that_it_goes_together(options, generator, gradient, tmp_path):
    resolved = check(EbmOptions(out=tmp_path / "run", target="ring", **options)).options
    assert (resolved.generator, resolved.sampler_gradient) == (generator, gradient)


@pytest.mark.parametrize("generator", density_names.WITH_HEADS)
def test_a_head_begins_where_it_can(generator, tmp_path):
    """Categorical: at the shares of the levels over all places. Discretized logistic: spread over them, and another law."""
    levels = RNG.choice(4, (400, 5), p=[0.5, 0.3, 0.15, 0.05])
    np.savez(tmp_path / "levels.npz", x=levels.astype(np.uint8))
    plan = check(EbmOptions(out=tmp_path / "run", data=tmp_path / "levels.npz", generator=generator))
    assert plan.options.head == "categorical"
    assert check(plan.options).options == plan.options
    space, x = Space("integer", (5,), 4, (5,)), jnp.array([0, 0, 0, 3, 0])
    shares = jnp.log((np.bincount(levels.ravel(), minlength=4) + 0.5) / (levels.size + 2.0))
    begun, bells = (make_generator(generator, jax.random.key(0), jnp.asarray(levels), space, head) for head in density_names.HEADS)
    found = [float(eqx.filter_jit(generator.log_prob)(x)) for generator in (begun, bells)]
    assert found[0] == pytest.approx(float(jnp.sum(shares[x])), abs=1e-4)
    assert abs(found[1] - found[0]) > 0.5


def test_packages_that_are_absent_are_named_before_anything_starts(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(density_names, "find_spec", lambda package: None)
    assert main(["ebm", "--target", "ring", "--generator", "spline", "--out", str(tmp_path / "run")]) == 2
    assert 'pip install "triality[flows]"' in capsys.readouterr().err
    plan = check(EbmOptions(out=tmp_path / "run", target="ring"))
    assert len(plan.notes) == 3
    assert plan.notes[0] == 'the classifier two-sample test left out: pip install "triality[sklearn]"'
    assert "annealed and sequential estimates of log Z left out" in plan.notes[1]


def test_a_handful_of_test_rows_is_held_against_nothing(tmp_path):
    """And the plan says so, at the number of rows from which the tests are taken."""
    plan = check(EbmOptions(out=tmp_path / "run", data=normals(tmp_path / "few.csv", 190)))
    assert any("they need 20 test rows, and there are 19" in note for note in plan.notes)
    assert not any("test rows" in note for note in check(EbmOptions(out=tmp_path / "run", data=normals(tmp_path / "more.csv", 200))).notes)
    assert LEAST_TEST_ROWS == LEAST_SAMPLES
    assert sample_metrics(jax.random.key(0), split_of(plan), jnp.zeros((50, 2)), math.inf, "") == {}
    few = (jnp.zeros(2), jnp.zeros(2))
    assert reliability(few[0], few[1], 0.0) == {}


def test_a_note_keeps_its_brackets(capsys):
    """What stands in brackets is no markup of the terminal's."""
    print_note('left out: pip install "triality[samplers]"')
    assert 'pip install "triality[samplers]"' in capsys.readouterr().out
