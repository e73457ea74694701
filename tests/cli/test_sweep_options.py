"""``--sweep`` as it is read: the points, their names, and everything that is refused before jax is imported."""

from pathlib import Path

import pytest

from triality.cli.irl_points import check_points
from triality.cli.options import EbmOptions, IrlOptions
from triality.cli.seq_options import SeqOptions
from triality.cli.sweep_options import name_of, number_options, points_of, swept_values
from triality.errors import ConfigError

DEMOS = Path(__file__).parents[2] / "examples" / "pendulum_demos.npz"


def irl(out, *sweep, **others):
    return IrlOptions("Pendulum-v1", DEMOS, Path(out), sweep=sweep, **others)


def test_points_are_the_cross_product_the_last_option_fastest():
    points = points_of(irl("runs/s", "cost-learning-rate=1e-4,3e-4", "temperature=0.5,1", seeds=3))
    assert [point.name for point in points] == [
        "cost_learning_rate=0.0001,temperature=0.5",
        "cost_learning_rate=0.0001,temperature=1",
        "cost_learning_rate=0.0003,temperature=0.5",
        "cost_learning_rate=0.0003,temperature=1",
    ]
    last = points[-1].options
    assert (last.cost_learning_rate, last.temperature, last.seeds, last.sweep) == (3e-4, 1.0, 3, ())
    assert last.out == Path("runs/s") / points[-1].name
    assert swept_values(irl("runs/s", "temperature=0.5,1")) == {"temperature": (0.5, 1.0)}


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        (("temperature",), r"expected --sweep OPTION=VALUE,VALUE, got 'temperature'; as in --sweep cost_learning_rate=0.001,0.01$"),
        (("temprature=1,2",), r"expected --sweep of an option, got 'temprature'; did you mean 'temperature'\?"),
        (("algorithm=airl,gail",), r"expected --sweep of an option that is a number, got --algorithm: .* start a run each"),
        (("num_rollouts=6,12",), r"got --num-rollouts: .* Numbers are .*cost_learning_rate"),
        (("out=a,b",), r"expected --sweep of an option, got 'out'"),
        (("temperature=1,nan",), r"expected numbers in --sweep temperature, got 'nan'"),
        (("temperature=1,,2",), r"expected numbers in --sweep temperature, got ''"),
        (("temperature=1,1.0",), r"expected different values in --sweep temperature, got 1,1.0"),
        (("temperature=1", "temperature=2"), r"expected each option in one --sweep, got temperature twice"),
        (("temperature=1,1.00000000000001",), r"differ in their first twelve digits"),
        (("temperature=" + ",".join(map(str, range(1, 300))),), r"expected at most 256 points of a sweep, got 299"),
    ],
)
def test_what_is_no_sweep_is_refused(sweep, said):
    with pytest.raises(ConfigError, match=said):
        points_of(irl("runs/s", *sweep))


def test_all_problems_are_listed_together():
    with pytest.raises(ConfigError, match=r"2 options cannot be used:\n.*'temprature'.*\n.*got 'x'"):
        points_of(irl("runs/s", "temprature=1", "temperature=x"))


def test_a_value_beside_the_swept_ones_is_refused():
    with pytest.raises(ConfigError, match=r"^expected --temperature or --sweep temperature, got both; leave the first out"):
        points_of(irl("runs/s", "temperature=1,2", temperature=3.0))


def test_words_are_not_asked_to_be_numbers_where_none_would_do():
    with pytest.raises(ConfigError, match=r"^expected --sweep of an option that is a number, got --objective: .*max_kl, patience$"):
        points_of(irl("runs/s", "objective=plain,normalized"))


def test_a_point_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"^temperature=-1: expected --temperature above 0, got -1.0"):
        check_points(irl(tmp_path / "s", "temperature=1,-1"))
    assert not (tmp_path / "s").exists()


def test_on_the_host_there_is_no_sweep(tmp_path):
    with pytest.raises(ConfigError, match=r"expected a compiled environment with --sweep, got Pendulum-v1 on the host"):
        check_points(irl(tmp_path / "s", "temperature=1,2", host=True))


def test_points_are_resolved_as_runs_of_their_own(tmp_path):
    sweep = check_points(irl(tmp_path / "s", "temperature=1,2", num_demos=3))
    assert sweep.plan.options.out == tmp_path / "s"
    options = sweep.points[1].options
    assert (options.temperature, options.objective, options.iterations, options.num_demos) == (2.0, "normalized", 100, 3)
    assert sweep.plan_of(sweep.points[1]).options.out == tmp_path / "s" / "temperature=2"


@pytest.mark.parametrize(
    ("kind", "some"),
    [(IrlOptions, "policy_learning_rate"), (EbmOptions, "weight_decay"), (SeqOptions, "payoff_temperature")],
)
def test_numbers_of_every_command_are_found_and_counts_are_not(kind, some):
    names = number_options(kind)
    assert some in names
    assert not {"seeds", "seed", "iterations", "batch_size", "objective", "sweep", "host"} & {*names}


def test_names_are_short_and_exact():
    assert name_of({"a": 1e-5, "b": 0.1 + 0.2}) == "a=1e-05,b=0.3"
