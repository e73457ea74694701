"""``--sweep`` through the command: points are the runs they would be alone, fail alone, and are folders like any other."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.faults.kept_runs import some_text
from triality.algorithms.guarded import LIMIT, Guarded
from triality.cli.experiment import build_algorithm
from triality.cli.failing import FAILED, EndsThePoint
from triality.cli.irl import task_of
from triality.cli.irl_defaults import resolve
from triality.cli.irl_points import check_points
from triality.cli.machine_limits import rows_at_once
from triality.cli.main import main
from triality.cli.names import CLONING
from triality.cli.options import IrlOptions
from triality.cli.sweep_options import Point
from triality.cli.swept_settings import sweepable, swept_settings
from triality.errors import ConfigError, NonFiniteError
from triality.runs.checkpoint_file import read_leaves
from triality.runs.folder import RunFolder
from triality.runs.keeper import kept_run
from triality.runs.keeping import Keeping

DEMOS = Path(__file__).parents[2] / "examples" / "pendulum_demos.npz"
TINY = ("--num-demos", "2", "--num-rollouts", "4", "--iterations", "7", "--seeds", "2", "--policy-epochs", "1", "--policy-minibatches", "2")
IRL = ("irl", "--env", "TwoRooms-v0", "--level", "step", *TINY)
RATES = ("0.0001", "0.003")
ALGORITHMS = ("gan-gcl", "guided-cost", "airl", "gail", "sqil", "iq-learn", "f-irl", "bc", "dagger")


def build(options):
    return build_algorithm(options, task_of(options))


def resolved(out="runs/s", **others):
    options = IrlOptions("Pendulum-v1", DEMOS, Path(out), **others)
    return resolve(options, task_of(options))


def points(name, values, **others):
    base = resolved(**others)
    return [Point(f"{name}={value}", {name: value}, replace(base, **{name: value})) for value in values]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_made_twice_is_one_program(algorithm):
    """Else no two points of a sweep could be one."""
    of_policy = {"init_policy": "cloned"} if algorithm in ("gan-gcl", "guided-cost") else {}
    made = points("policy_learning_rate", (1e-4, 1e-3), algorithm=algorithm, **of_policy)
    settings = swept_settings(made, build)
    leaves = jax.tree.leaves(settings.varied)
    assert [leaf.shape for leaf in leaves] == [(2,)]
    np.testing.assert_allclose(np.asarray(leaves[0]), [1e-4, 1e-3], rtol=1e-6)
    assert algorithm in CLONING or len(jax.tree.leaves(settings.shared)) > 3


def test_what_can_be_swept_is_found_by_trying():
    assert sweepable(resolved(), build) == ("cost_learning_rate", "policy_learning_rate", "gradient_penalty", "temperature", "max_kl")
    assert sweepable(resolved(algorithm="bc"), build) == ("policy_learning_rate",)


def test_what_is_no_number_of_the_algorithm_is_refused_and_the_others_are_named():
    can = "With these options --cost-learning-rate, .* can be swept"
    with pytest.raises(ConfigError, match=f"got --clip-margin, with which the algorithm is the same; start a run for each value. {can}"):
        swept_settings(points("clip_margin", (0.01, 0.02)), build)
    with pytest.raises(ConfigError, match=f"got --shaping-discount with values that make other programs; start a run for each. {can}"):
        swept_settings(points("shaping_discount", (0.9, 0.99), algorithm="airl"), build)


def test_a_point_that_fails_is_alone_in_it(tmp_path):
    """Three points of two seeds; the second seed of the middle one gives NaN. Its folder holds what a run of its own would leave."""
    swept = [Point(f"a={i}", {"a": float(i)}, replace(resolved(str(tmp_path / "s" / f"a={i}")), iterations=9)) for i in range(3)]
    states = {"x": jnp.arange(6.0)}
    guarded = jax.vmap(Guarded(None).init)(states)
    bad = jnp.array([[False]] * 3 + [[True]] + [[False]] * 2)
    failing = guarded._replace(in_row=jnp.array([0, 1, 0, LIMIT, 0, LIMIT - 1]), bad=bad)
    said = []
    with kept_run(tmp_path / "s", "irl sweep", {"a": 1}, Keeping(every=1e9), said.append) as keeper:
        ends = EndsThePoint(keeper, swept, 2, "irl", "lower it", said.append)
        keeper.look({"x": np.zeros(1), **ends.parts}, 0)
        for name in ("a=0", "a=1"):
            keeper.log({"point": name, "seed": 0, "iteration": 5})
        ends.look(guarded, "iterations 1-5", 0, 5)
        assert not ends.failed
        ends.look(failing, "iterations 6-9", 5, 9)
        assert list(ends.failed) == ["a=1"]
        keeper.look({"x": np.zeros(1), **ends.parts}, 9, final=True)
        everywhere = failing._replace(in_row=jnp.full(6, LIMIT))
        with pytest.raises(NonFiniteError, match=r"got NaN or infinity in .* within iterations 10-11; lower it"):
            ends.look(everywhere, "iterations 10-11", 9, 11)
    folder = tmp_path / "s" / "a=1"
    assert json.loads((folder / "failed.json").read_text())["leaves"] == ["['x']"]
    stored = read_leaves(folder / "failed.ckpt")
    assert (stored.step, [float(leaf.array) for leaf in stored.leaves]) == (5, [3.0])
    assert RunFolder(folder).metrics.read() == [{"seed": 0, "iteration": 5}]
    assert said[0].startswith("a=1 has failed, the other points go on: expected finite parameters")
    with kept_run(tmp_path / "s", "irl sweep", {"a": 1}, Keeping(resume=True), said.append) as keeper:
        again = EndsThePoint(keeper, swept, 2, "irl", "lower it", said.append)
        assert list(again.failed) == ["a=1"]
        assert "['x']" in again.failed["a=1"]
        assert again.parts[FAILED].tolist() == [0, 9, 0]


def arrays(folder):
    return {leaf.path: leaf.array for leaf in read_leaves(folder / "state.ckpt").leaves}


def differ(one, other):
    """The largest difference of any number of two states."""
    assert one.keys() == other.keys()
    pairs = [(one[name], other[name]) for name in one if one[name].dtype.kind == "f"]
    return max(float(np.max(np.abs(np.where(np.isfinite(a) & np.isfinite(b), a - b, 0.0)), initial=0.0)) for a, b in pairs)


def as_alone(words, option, values, out):
    """The sweep, and a run of each value; returns the folders of both."""
    sweep = out / "sweep"
    assert main([*words, "--sweep", f"{option}={','.join(values)}", "--out", str(sweep)]) == 0
    for value in values:
        assert main([*words, f"--{option.replace('_', '-')}", value, "--out", str(out / value)]) == 0
    return [(sweep / f"{option}={float(value):.12g}", out / value) for value in values]


def check_alone(pairs, tolerance=1e-10):
    """Every number of every point is that of a run with its value; those of the points in another order are not."""
    for of_sweep, alone in pairs:
        assert differ(arrays(of_sweep), arrays(alone)) < tolerance
        lines = [[json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()] for folder in (of_sweep, alone)]
        assert [sorted(line) for line in lines[0]] == [sorted(line) for line in lines[1]]
        for one, other in zip(*lines, strict=True):
            for name in one.keys() - {"seconds"}:
                if one[name] is not None:
                    assert one[name] == pytest.approx(other[name], rel=1e-6, abs=1e-8), name
        configs = [json.loads((folder / "config.json").read_text())["config"] for folder in (of_sweep, alone)]
        assert {name for name in configs[0] if configs[0][name] != configs[1][name]} == {"out"}
        assert configs[0].keys() == configs[1].keys()
    permuted = differ(arrays(pairs[0][0]), arrays(pairs[1][1]))
    assert permuted > 1e-4


@pytest.fixture(scope="module")
def irl(tmp_path_factory):
    """The words of a small run, on walks to the upper right; nothing is judged in Gymnasium, which has no such rooms."""
    draw, path = np.random.default_rng(0), tmp_path_factory.mktemp("data") / "walks.npz"
    steps = np.clip(draw.normal((0.3, 0.1), 0.2, (3, 100, 2)), -0.9, 0.9)
    places = np.clip(-0.8 + 0.03 * np.cumsum(steps, axis=1), -1.0, 1.0)
    flat = [array.reshape(-1, 2) for array in (places, steps)]
    np.savez(path, observations=flat[0], actions=flat[1], lengths=np.full(3, 100), rewards=flat[0].sum(axis=1))
    return (*IRL, "--demos", str(path))


@pytest.fixture(scope="module")
def irl_pairs(irl, tmp_path_factory):
    return as_alone(irl, "cost_learning_rate", RATES, tmp_path_factory.mktemp("irl"))


@pytest.mark.slow
def test_every_point_of_irl_is_the_run_alone(irl_pairs):
    check_alone(irl_pairs)


@pytest.mark.slow
def test_a_point_is_a_run_like_any_other(irl_pairs, capsys):
    folders = [str(of_sweep) for of_sweep, _ in irl_pairs]
    sweep = str(irl_pairs[0][0].parent)
    for words in (["eval", folders[0], "--episodes", "1"], ["retrain", folders[1], "--iterations", "1", "--episodes", "1"]):
        assert main(words) == 0
    assert main(["compare", *folders, "--out", f"{sweep}.html"]) == 0
    capsys.readouterr()
    assert main(["runs", "list", sweep]) == 0
    listed = capsys.readouterr().out
    assert all(Path(folder).name in listed for folder in folders)
    assert "best of 2" in listed
    assert main(["report", sweep]) == 0
    assert main(["report", folders[0]]) == 0
    assert main(["runs", "verify", sweep]) == 0
    assert main(["eval", sweep]) == 6
    assert "got one of 'irl sweep'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_sweep_says_which_point_is_best_and_what_that_is_worth(irl_pairs):
    folder = irl_pairs[0][0].parent
    result = json.loads((folder / "sweep.json").read_text())
    values = {row["folder"]: row["value"] for row in result["points"]}
    assert result["best"] == max(values, key=values.get)
    for row in result["points"]:
        summary = json.loads((folder / row["folder"] / "summary.json").read_text())
        assert row["value"] == summary["iqm"]["return_normalized"]
    page = (folder / "sweep.html").read_text()
    assert "looks better than it is" in page
    assert "--seed 2 --seeds 5" in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("generator", "objective", "swept"),
    [
        ("real-nvp", "gan", "energy_learning_rate"),
        ("gaussian", "nce", "generator_learning_rate"),
        ("gaussian", "cd", "energy_learning_rate"),
        ("gaussian", "mle", "generator_learning_rate"),
    ],
)
def test_every_point_of_ebm_is_the_run_alone(generator, objective, swept, tmp_path):
    words = ["ebm", "--target", "two-moons", "--num-data", "500", "--generator", generator, "--objective", objective, "--energy-steps", "9"]
    words += ["--generator-steps", "9", "--num-drawn", "100", "--temperatures", "0", "--batch-size", "16"]
    check_alone(as_alone(words, swept, ("0.0003", "0.01"), tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["nce", "gan", "seqgan", "mixer", "actor-critic"])
def test_every_point_of_seq_is_the_run_alone(objective, tmp_path):
    words = ["seq", "--data", str(some_text(tmp_path / "lines.txt")), "--objective", objective, "--hidden", "8", "--length", "8"]
    words += ["--generator-steps", "8", "--energy-steps", "10", "--num-drawn", "200", "--batch-size", "16"]
    words += ["--num-rollouts", "2"] if objective == "seqgan" else []
    swept = "sampler_learning_rate" if objective in ("gan", "seqgan", "mixer") else "energy_learning_rate"
    check_alone(as_alone(words, swept, ("0.0003", "0.01"), tmp_path), 1e-8)


@pytest.mark.slow
def test_a_point_that_fails_leaves_the_others_their_numbers(irl, tmp_path, capsys):
    """A rate at which the cost overflows: that point ends, the other is the run that it would be alone."""
    words, swept = irl, ("--sweep", "cost_learning_rate=0.001,0.01", "--sweep", "gradient_penalty=0.003,1e308")
    assert main([*words, *swept, "--out", str(tmp_path / "sweep")]) == 0
    result = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    failed = {row["folder"] for row in result["points"] if row["failed"]}
    assert failed
    assert all("gradient_penalty=1e+308" in name for name in failed)
    assert result["best"] not in failed
    good = "cost_learning_rate=0.001,gradient_penalty=0.003"
    assert good not in failed
    assert main([*words, "--cost-learning-rate", "0.001", "--gradient-penalty", "0.003", "--out", str(tmp_path / "alone")]) == 0
    assert differ(arrays(tmp_path / "sweep" / good), arrays(tmp_path / "alone")) < 1e-10
    assert (tmp_path / "sweep" / min(failed) / "failed.ckpt").is_file()
    assert "has failed, the other points go on" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_blocks_of_seeds_change_no_number_of_a_run(irl, tmp_path):
    for name, at_once in (("whole", "0"), ("blocks", "2")):
        assert main([*irl, "--seeds", "3", "--seeds-at-once", at_once, "--out", str(tmp_path / name)]) == 0
    assert differ(arrays(tmp_path / "whole"), arrays(tmp_path / "blocks")) < 1e-10


def test_what_a_sweep_left_can_be_overwritten_and_nothing_else(tmp_path):
    """Folders of points count as its own only where they hold what a run leaves."""
    out = tmp_path / "s"
    point = RunFolder.create(out / "temperature=1")
    point.write_config("irl", {})
    RunFolder(out).write_config("irl sweep", {"sweep": {"temperature": [1.0]}})
    RunFolder.check(out, overwrite=True)
    (out / "temperature=1" / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match=r"expected only the files of a run to overwrite, got temperature=1 as well"):
        RunFolder.check(out, overwrite=True)
    (out / "temperature=1" / "thesis.tex").unlink()
    (out / "other").mkdir()
    with pytest.raises(ConfigError, match=r"got other as well"):
        RunFolder.create(out, overwrite=True)
    shutil.rmtree(out / "other")
    assert not list(RunFolder.create(out, overwrite=True).path.iterdir())


def test_a_sweep_of_nothing_is_no_sweep(tmp_path):
    sweep = check_points(IrlOptions("Pendulum-v1", DEMOS, tmp_path / "s", sweep=("temperature=0.5",)))
    assert [point.name for point in sweep.points] == ["temperature=0.5"]


def test_as_many_seeds_at_once_as_fit():
    """Twice all rows, and those that are computed once more."""
    assert rows_at_once("a run", 1000, 10, "ask for fewer", total=3000) == 10
    assert rows_at_once("a run", 1000, 10, "ask for fewer", total=2999) == 9
    assert rows_at_once("a run", 1000, 10, "ask for fewer", total=2100) == 1
    assert rows_at_once("a run", 1000, 10, "ask for fewer", asked=4, total=2999) == 4
    assert rows_at_once("a run", 1000, 10, "ask for fewer", asked=40, total=9000) == 10
    with pytest.raises(ConfigError, match=r"expected a run that fit into .* GB of memory, got about .* GB; ask for fewer$"):
        rows_at_once("a run", 1000, 10, "ask for fewer", total=2099)
    with pytest.raises(ConfigError, match=r"ask for fewer$"):
        rows_at_once("a run", 1000, 10, "ask for fewer", asked=4, total=2399)
