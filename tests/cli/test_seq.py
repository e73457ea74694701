"""Small runs of ``triality seq``: folder, summary, report; every refusal before jax is imported."""

import json
import math
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from tests.data.test_seqgan_oracle import small_oracle
from triality.algorithms.density_estimation import fit_energy
from triality.cli import seq_stages
from triality.cli.main import main
from triality.cli.seq import check
from triality.cli.seq_options import SeqOptions
from triality.cli.seq_parts import make_schedule
from triality.errors import ConfigError, DataError
from triality.runs.summary import check_summary

TINY = ("--generator-steps", "20", "--energy-steps", "12", "--num-drawn", "200", "--batch-size", "16", "--hidden", "8")
WORDS = ("a", "cat", "dog", "sat", "ran", "on", "the", "mat")


@pytest.fixture(scope="module")
def captions(tmp_path_factory):
    rng = np.random.default_rng(0)
    lines = [" ".join(["the", *rng.choice(WORDS, rng.integers(1, 5))]) for _ in range(120)]
    path = tmp_path_factory.mktemp("seq") / "captions.txt"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    path = tmp_path_factory.mktemp("seq") / "oracle.npz"
    small_oracle(path)
    return path


def run(out, *options):
    assert main(["seq", "--out", str(out), *TINY, *options]) == 0
    summary = json.loads((out / "summary.json").read_text())
    check_summary(summary)
    assert {path.name for path in out.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "state.ckpt",
        "summary.json",
        "figures.npz",
        "report.html",
        "run.lock",
        "checkpoints",
    }
    return summary


@pytest.mark.slow
def test_a_correction_of_captions(captions, tmp_path):
    summary = run(tmp_path / "run", "--data", str(captions), "--energy-learning-rate", "0.01", "--seeds", "2")
    metrics = summary["iqm"]["metrics"]
    assert metrics["perplexity"] == pytest.approx(math.exp(np.mean([seed["nll_test"] for seed in summary["seeds"]])), rel=0.05)
    assert 0.0 <= metrics["bleu_2"] <= 1.0
    assert 0.0 <= metrics["self_bleu_2"] <= 1.0
    assert summary["iqm"]["nll_oracle"] is None
    report = (tmp_path / "run" / "report.html").read_text()
    for words in ("nats a token on held-out sequences", "Drawn by the generator", "self-BLEU-4"):
        assert words in report
    assert "nan" not in report.lower().replace("nanmin", "")


def test_an_oracle_tells_both_divergences(oracle, tmp_path):
    options = ("--data", f"oracle:{oracle}", "--num-data", "200", "--length", "6", "--temperatures", "1.0", "0.5")
    summary = run(tmp_path / "run", *options, "--objective", "gan", "--sampler-learning-rate", "0.01")
    metrics = summary["iqm"]["metrics"]
    assert metrics["kl_forward"] == pytest.approx(metrics["nll_test"] - metrics["oracle_entropy"], rel=1e-4)
    assert metrics["kl_reverse"] == pytest.approx(metrics["nll_oracle"] - metrics["entropy"], rel=1e-4)
    assert metrics["kl_forward"] > 0
    assert metrics["kl_reverse"] > 0
    assert "Both likelihoods, by temperature" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--objective", "mle", "--generator", "transformer", "--weight-prior", "1.0"), marks=pytest.mark.slow),
        pytest.param(("--objective", "scheduled-sampling", "--schedule", "sigmoid", "--generator", "gru"), marks=pytest.mark.slow),
        pytest.param(("--objective", "reward-augmented"), marks=pytest.mark.slow),
        pytest.param(("--objective", "seqgan", "--num-rollouts", "2", "--generator-steps", "0"), marks=pytest.mark.slow),
        pytest.param(("--objective", "gan", "--energy", "by-token"), marks=pytest.mark.slow),
        pytest.param(("--objective", "gan", "--credit", "relaxed", "--energy", "attentive"), marks=pytest.mark.slow),
        pytest.param(("--objective", "mixer", "--schedule", "exponential", "--least-share", "0.2"), marks=pytest.mark.slow),
        pytest.param(("--objective", "actor-critic"), marks=pytest.mark.slow),
    ],
)
def test_every_objective_runs(oracle, tmp_path, options):
    shared = ("--data", f"oracle:{oracle}", "--num-data", "100", "--length", "5", "--temperatures", "1.0")
    summary = run(tmp_path / "run", *shared, *options)
    assert math.isfinite(summary["iqm"]["nll_test"])
    assert math.isfinite(summary["iqm"]["best_sum"])


BAD = {
    ("--generator", "transformer", "--hidden", "6"): "expected --hidden that 4 heads divide",
    ("--credit", "rollouts"): "expected --objective gan or seqgan with --credit rollouts, got nce",
    ("--objective", "seqgan", "--credit", "relaxed"): "expected --objective gan with --credit relaxed",
    ("--objective", "gan", "--credit", "by-token"): "expected --energy by-token and --objective gan with --credit by-token",
    ("--generator-steps", "0", "--objective", "mle"): "expected gradient steps, got --generator-steps 0",
    ("--least-share", "1.5", "--objective", "mixer"): "expected --least-share from 0 to 1, got 1.5",
    ("--least-share", "0.3"): "expected --objective scheduled-sampling or mixer with --least-share, got nce",
    ("--dropout", "1.0"): "expected --dropout from 0 to below 1, got 1.0",
    ("--temperatures", "0.0"): "expected --temperatures above zero",
    ("--temperatures", "0.7"): "expected an oracle, which judges them with --temperatures, got none",
    ("--schedule", "sigmoid"): "expected --objective scheduled-sampling or mixer with --schedule",
    ("--end-token", "3"): "expected an end token of sequences of numbers, got one for text",
    ("--objective", "reward-augmented"): "expected sequences of one length for --objective reward-augmented",
    ("--length", "2"): "expected at most 2 tokens",
    ("--vocabulary", "2"): "expected a vocabulary of at least 3 words",
    ("--batch-size", "1"): "expected --batch-size of at least 2",
}


@pytest.mark.parametrize("options", BAD)
def test_what_cannot_be_is_refused_before_anything_is_written(captions, tmp_path, options, capsys):
    assert main(["seq", "--data", str(captions), "--out", str(tmp_path / "run"), *options]) in (2, 3)
    assert BAD[options] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_an_oracle_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected the oracle's file, got none there"):
        check(SeqOptions(out=tmp_path / "run", data=f"oracle:{tmp_path}/none.npz"))
    with pytest.raises(ConfigError, match="expected --end-token with sequences of numbers, got an oracle"):
        check(SeqOptions(out=tmp_path / "run", data="oracle:none.npz", end_token=0))


def test_numbers_that_cannot_be_are_refused_before_anything_is_written(tmp_path, capsys):
    path = tmp_path / "numbers.txt"
    path.write_text("\n".join(["1 2 3"] * 30))
    for options, message in (
        (("--end-token", "-1"), "expected an end token 0 .. 3, got -1"),
        (("--end-token", "10", "--vocabulary", "5"), "expected an end token 0 .. 4, got 10"),
        (("--cut", "windows"), "expected one long text for windows, got sequences of numbers"),
    ):
        assert main(["seq", "--data", str(path), "--out", str(tmp_path / "run"), *options]) == 3
        assert message in capsys.readouterr().err
    path.write_text("\n".join(["1 2 5000000000"] * 30))
    assert main(["seq", "--data", str(path), "--out", str(tmp_path / "run")]) == 3
    assert "expected at most 1,000,000 different tokens" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_energy_that_validation_rejects_moves_nothing(oracle, tmp_path, monkeypatch):
    """Whatever the generator did meanwhile: the one by its own loss is the result."""

    def rejecting(*given, **named):
        return fit_energy(*given, **named)._replace(num_steps=0)

    monkeypatch.setattr(seq_stages, "fit_energy", rejecting)
    shared = ("--data", f"oracle:{oracle}", "--num-data", "100", "--length", "5", "--temperatures", "1.0")
    summary = run(tmp_path / "run", *shared, "--objective", "gan", "--sampler-learning-rate", "0.1")
    metrics = summary["iqm"]["metrics"]
    assert summary["seeds"][0]["is_tilted"] is False
    assert metrics["nll_test"] == pytest.approx(metrics["likelihood_nll_test"], rel=1e-6)
    assert "the generator by its own loss is the result" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.slow
def test_an_energy_whose_log_z_is_not_known_has_no_likelihood(oracle, tmp_path):
    """Steps so large that one draw carries all the weight: log Z is then anything, and a likelihood made with it could beat one."""
    shared = ("--data", f"oracle:{oracle}", "--num-data", "100", "--length", "5", "--temperatures", "1.0")
    summary = run(tmp_path / "run", *shared, "--objective", "gan", "--energy-learning-rate", "0.9", "--sampler-learning-rate", "0.9")
    metrics = summary["iqm"]["metrics"]
    assert summary["seeds"][0]["is_tilted"] is True
    assert metrics["ess_fraction"] * 200 < 20
    assert "energy_nll_test" not in metrics
    assert "a handful of draws carries all the weight" in (tmp_path / "run" / "report.html").read_text()


def test_refusals_need_no_jax(captions, tmp_path):
    code = (
        "import sys; from triality.cli.main import main; "
        f"code = main(['seq', '--data', {str(captions)!r}, '--out', {str(tmp_path / 'run')!r}, '--length', '2']); "
        "sys.exit(10 * ('jax' in sys.modules) + code)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 3


@pytest.mark.parametrize("schedule", ["linear", "exponential", "sigmoid"])
def test_schedules_end_at_the_least_share(tmp_path, schedule):
    options = SeqOptions(out=tmp_path, data="x", schedule=schedule, least_share=0.3)
    share = make_schedule(options, 1000)
    assert float(share(jnp.array(0))) > 0.99
    assert float(share(jnp.array(1000))) == pytest.approx(0.3, abs=1e-3)
