"""The report as text: what it says of a whole run, of half a run, and of a damaged one; and that it needs nothing but itself."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.runs.report.run_folders import (
    CONFIG,
    EXPERT_RETURN,
    RANDOM_RETURN,
    cloning_run,
    finished_run,
    metrics_record,
    pictures,
    running_run,
    summary,
)
from triality.cli.irl import NOT_OF_CLONING, NOT_OF_DAGGER
from triality.errors import ConfigError, StorageError
from triality.runs.folder import RunFolder
from triality.runs.report.method import CLONING, DAGGER
from triality.runs.report.report import write_report

VOID = {"meta", "link", "path", "use", "image", "line", "rect", "br", "img"}


class Markup(HTMLParser):
    """Balanced tags, ids, headings, and every address that the page names."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.headings, self.addresses, self.tags, self.labels = [], [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.addresses += [values[name] for name in ("href", "src", "xlink:href", "srcset", "action") if name in values]
        self.labels += [values.get("aria-label")] if values.get("role") == "img" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def report_of(path):
    return write_report(path).read_text(encoding="utf-8")


def figures_of(text):
    return re.findall(r'<figure id="figure-([a-z-]+)">', text)


def plain(text):
    return re.sub(r"<[^>]+>", " ", text)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = finished_run(tmp_path_factory.mktemp("whole") / "run")
    return path, report_of(path)


def test_a_whole_run_says_whether_it_worked(whole):
    text = whole[1]
    value = np.mean([seed["return_normalized"] for seed in summary()["seeds"]])
    assert "It worked" in text
    assert f"Normalized return {value:.3f} (95 % interval 0.98" in text
    assert f"{EXPERT_RETURN}".replace("-", "\N{MINUS SIGN}") in text
    assert "cloning \N{MINUS SIGN}0.105, constant cost 0.036. The run does better than each of them." in text
    assert "Too few effective samples to tell" in text
    assert "triality eval " in text
    assert "triality retrain " in text


def test_a_whole_run_shows_every_figure(whole):
    expected = "comparison return-steps return-time episodes learned-cost true-cost paths-demonstrations paths-learned step-cost log-z ess "
    expected += "ess-fraction log-weight-std overlap accuracy estimates entropy kl clip-fraction explained-variance"
    assert sorted(figures_of(whole[1])) == sorted(expected.split())


def test_the_page_is_sound_and_accessible(whole):
    page = Markup(whole[1])
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.labels) == len(figures_of(whole[1]))
    assert all(label and len(label) > 30 for label in page.labels)


def test_the_page_needs_nothing_but_itself(whole):
    page = Markup(whole[1])
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert "script" not in page.tags
    style = whole[1][whole[1].index("<style>") : whole[1].index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert len(whole[1].encode()) < 3_000_000


def test_every_axis_of_every_figure_is_labeled_with_its_unit(whole):
    drawings = re.findall(r'<figure id="figure-([a-z-]+)">.*?(<svg.*?</svg>)', whole[1], re.DOTALL)
    units = r"\((nats[^)]*|rad|rad/s|s|millions|no unit|environment's reward|reward units per step|0 = .*?)\)"
    assert len(drawings) > 15
    for name, drawing in drawings:
        assert re.search(units, drawing) or "effective samples" in drawing, name


def test_rows_stand_in_the_order_of_their_returns(whole):
    listed = re.search(r'aria-label="Normalized returns: ([^"]*)\."', whole[1])
    assert listed is not None
    values = [float(row.split()[-1].replace("\N{MINUS SIGN}", "-")) for row in listed[1].split(", ")]
    assert len(values) == 7
    assert values == sorted(values, reverse=True)
    head = plain(whole[1])[plain(whole[1]).index("best first") :]
    assert head.index("demonstrations") < head.index("this run, mean action") < head.index("this run, sampled") < head.index("GAN-GCL 2018")


def drawing_of(text, name):
    return text[text.index(f'<figure id="figure-{name}">') :].split("</svg>")[0]


def test_published_results_are_named_where_they_stand_and_only_on_a_normalized_axis(whole, tmp_path):
    for name in ("return-steps", "return-time"):
        assert {drawing_of(whole[1], name).count(f">{method} 2018<") for method in ("GAN-GCL", "AIRL")} == {1}
    run = RunFolder(running_run(tmp_path / "run", 1, 2))
    content = summary(1)
    content["iqm"]["expert_return"] = None  # then there is no normalized axis
    run.write_summary(content)
    assert "2018" not in drawing_of(report_of(run.path), "return-steps")


def test_demonstrations_show_on_bright_ground_too(whole):
    assert all("stroke: #000000" in drawing_of(whole[1], name) for name in ("learned-cost", "true-cost"))


def test_the_page_points_to_no_file_that_its_reader_does_not_have(whole):
    assert "docs/" not in whole[1]


def test_the_same_run_gives_the_same_bytes(whole):
    assert report_of(whole[0]) == whole[1]


@pytest.mark.parametrize(("reached", "opening"), [(0.97, "It worked"), (0.8, "It mostly"), (0.4, "It worked in part"), (0.1, "It did not")])
def test_the_opening_follows_the_result(tmp_path, reached, opening):
    run = RunFolder(running_run(tmp_path / "run", 3, 0))
    content = summary(3)
    content["iqm"]["return_normalized"] = reached
    run.write_summary(content)
    assert f">{opening}" in report_of(run.path)


def test_a_control_that_does_as_well_is_named(tmp_path):
    run = RunFolder(running_run(tmp_path / "run", 3, 0))
    content = summary(3)
    content["iqm"]["baselines"]["constant cost"]["return_normalized"] = 0.99
    run.write_summary(content)
    assert "One of them does as well" in report_of(run.path)


@pytest.mark.parametrize(("reached", "sampled", "is_said"), [(0.97, 0.5, True), (0.97, 0.9, False), (0.3, 0.1, False)])
def test_a_mean_action_that_hides_its_distribution_is_told(tmp_path, reached, sampled, is_said):
    run = RunFolder(running_run(tmp_path / "run", 3, 0))
    content = summary(3)
    content["iqm"]["return_normalized"] = reached
    content["iqm"]["return_sampled"] = RANDOM_RETURN + sampled * (EXPERT_RETURN - RANDOM_RETURN)
    run.write_summary(content)
    text = report_of(run.path)
    assert (f"sampled actions, the policy as it was trained, earn only {sampled:.3f}" in text) == is_said
    assert ("result level-good" in text) == (reached > 0.95 and not is_said)


@pytest.mark.parametrize(
    ("alarm", "headline", "level"),
    [
        ("agree: log Z 1", "The three estimates agree", "good"),
        ("too few effective samples for 0.05 nats: log Z 1", "Nothing speaks against log Z", "caution"),
        ("too few effective samples to settle a gap of 4: log Z 1", "The estimates differ, and", "caution"),
        ("model misfit or missed mode: log Z 1", "The three estimates disagree", "bad"),
        ("no estimate: log Z nan", "No estimate exists", "bad"),
        (None, "No alarm for this run", "muted"),
        ({"verdict": "agree: log Z 1"}, "The three estimates agree", "good"),
    ],
)
def test_the_alarm_is_put_in_words(tmp_path, alarm, headline, level):
    run = RunFolder(running_run(tmp_path / "run", 1, 0))
    run.write_summary({**summary(1), "alarm": alarm})
    assert f'level-{level}"><strong>{headline}' in report_of(run.path)


def test_one_seed_has_no_interval(tmp_path):
    text = report_of(finished_run(tmp_path / "run", 1, False))
    assert "one seed, too few for an interval" in text
    assert "Compare with cloning from the same demonstrations (triality irl ... --algorithm bc" in text
    command = "triality irl --algorithm bc \\\n    --num-demos 5 --seeds 1 --seed 0 --env Pendulum-v1 --demos examples/pendulum_demos.npz"
    assert command in text
    assert "Seed by seed" not in text


def test_a_run_without_summary_that_nobody_writes_was_interrupted(tmp_path):
    path = running_run(tmp_path / "run", 2, 3)
    text = report_of(path)
    assert "Interrupted after 15 of 200 iterations of each seed" in text
    assert "--resume" not in text
    assert "triality eval" not in text
    assert f"triality report {path}" in text
    assert '<progress value="0.0750"' in text
    assert "return, last logged" in plain(text)
    assert {"return-steps", "ess", "entropy"} <= set(figures_of(text))
    assert "comparison" not in figures_of(text)


def test_a_run_that_has_logged_nothing_has_a_report(tmp_path):
    text = report_of(running_run(tmp_path / "run", 1, 0))
    assert "Interrupted before anything was logged" in text
    assert figures_of(text) == []
    assert Markup(text).open == []


def test_missing_and_null_metrics_leave_gaps_and_no_traceback(tmp_path):
    path = running_run(tmp_path / "run", 2, 0)
    log = RunFolder(path).metrics
    for chunk in range(6):
        for seed in range(2):
            record = metrics_record(seed, chunk)
            record["return_mean"] = float("nan") if chunk == 2 or seed == 1 else record["return_mean"]
            record["ess"] = None
            record["overlap"] = record["log_z"] = 0.0
            del record["kl"]
            log.append(record)
    log.append({"note": "no seed, no iteration"})
    shown = figures_of(report_of(path))
    assert "return-steps" in shown
    assert {"overlap", "log-overlap"} & set(shown)
    assert not {"ess", "kl", "power", "log-z"} & set(shown)


def test_cloning_has_curves_over_iterations(tmp_path):
    text = report_of(cloning_run(tmp_path / "run"))
    assert set(figures_of(text)) == {"comparison", "negative-log-likelihood", "entropy"}
    assert ">iteration<" in text


LEARNS_A_COST = ("--algorithm bc", "triality retrain", "trajectory level", "steps per second", "log Z", "scale of the cost", "overlap")


@pytest.mark.parametrize(("make", "learns"), [(cloning_run, False), (finished_run, True)])
def test_cloning_is_told_nothing_of_a_cost(tmp_path, make, learns):
    text = plain(report_of(make(tmp_path / "run", 3)))
    for words in LEARNS_A_COST:
        assert (words in text) == learns, words
    assert "triality eval" in text


def test_the_options_that_cloning_refuses_are_not_shown_for_it():
    assert {*NOT_OF_CLONING, "expert"} == CLONING.unused - {"level", "env_steps", "env_steps_per_second"}
    assert set(NOT_OF_DAGGER) == DAGGER.unused - {"level"}


def test_a_constant_cost_is_named_a_control(tmp_path):
    run = RunFolder.create(tmp_path / "run")
    run.write_config("irl", {**CONFIG, "cost": "constant"})
    run.write_summary(summary(3, False))
    text = report_of(run.path)
    assert "this run is itself a control" in text
    assert "triality retrain" not in text


def test_summary_numbers_may_all_be_null(tmp_path):
    run = RunFolder(running_run(tmp_path / "run", 2, 2))
    content = summary(2, False)
    for block in (*content["seeds"], content["iqm"]):
        block.update(dict.fromkeys(block))
    run.write_summary({**content, "log_z": None, "log_z_estimates": {"importance": {"value": None, "stderr": None}}, "alarm": None})
    text = report_of(run.path)
    assert "its normalized return is not known" in text
    assert "comparison" not in figures_of(text)
    assert "estimates" not in figures_of(text)


@pytest.mark.parametrize("name", ["summary.json", "metrics.jsonl", "figures.npz"])
def test_a_damaged_file_is_named_and_the_rest_is_shown(tmp_path, name):
    path = finished_run(tmp_path / "run", 1)
    (path / name).write_bytes(b"{damaged\n{")
    text = report_of(path)
    assert "What could not be read" in text
    assert name in plain(text)
    assert len(figures_of(text)) > 3


def test_a_summary_with_a_field_of_a_later_version_is_still_shown(tmp_path):
    path = running_run(tmp_path / "run", 1, 0)
    (path / "summary.json").write_text(json.dumps({**summary(1), "published": {"name": "AIRL", "value_normalized": 0.95}}))
    text = report_of(path)
    assert "published: expected no such field" in text
    assert "AIRL (published, on its own scale)" in text
    assert "It worked" in text


@pytest.mark.parametrize(
    "content", [{}, {"seeds": None, "iqm": 3, "log_z_estimates": [1], "alarm": 5}, {"seeds": ["x"], "iqm": {"return_mean": "x"}}]
)
def test_a_summary_of_any_content_does_not_stop_the_report(tmp_path, content):
    path = running_run(tmp_path / "run", 1, 0)
    (path / "summary.json").write_text(json.dumps(content))
    text = report_of(path)
    assert "expected the frozen fields of summary.json" in text
    assert "its normalized return is not known" in text


@pytest.mark.parametrize(
    ("key", "array", "gone"),
    [
        ("cost_grid", np.zeros((3, 4)), "learned-cost"),
        ("cost_grid", np.full((61, 61), np.nan), "learned-cost"),
        ("grid_x", np.zeros(61), "true-cost"),
        ("learned", np.zeros((2, 5, 3)), "paths-learned"),
        ("demonstrations", np.zeros((0, 5, 2)), "paths-demonstrations"),
        ("rewards_learned", np.array("text"), None),
    ],
)
def test_arrays_of_unexpected_shapes_are_passed_over(tmp_path, key, array, gone):
    path = running_run(tmp_path / "run", 1, 0)
    np.savez(path / "figures.npz", **{**pictures(), key: array})
    shown = set(figures_of(report_of(path)))
    assert gone not in shown
    assert len(shown) >= 2


def test_demonstrations_without_rewards_show_no_return(tmp_path):
    path = running_run(tmp_path / "run", 1, 0)
    arrays = pictures()
    for given, shown in ((arrays["rewards_demonstrations"], True), (np.zeros(20), False)):
        np.savez(path / "figures.npz", rewards_demonstrations=given, rewards_learned=arrays["rewards_learned"])
        text = report_of(path)
        assert figures_of(text) == ["episodes"]
        assert ("demonstrations " in text[text.index("Medians") :]) == shown


def test_trajectories_without_a_grid_find_their_own_frame(tmp_path):
    path = running_run(tmp_path / "run", 1, 0)
    arrays = pictures()
    arrays["learned"][0, 100:] = np.nan
    np.savez(path / "figures.npz", learned=arrays["learned"])
    assert figures_of(report_of(path)) == ["paths-learned"]


def test_text_from_the_run_is_never_markup(tmp_path):
    path = tmp_path / "run & <b>"
    run = RunFolder.create(path)
    run.write_config("irl", {"env": "<script>alert(1)</script>", "demos": '"><img src=x>'})
    for chunk in range(2):
        run.metrics.append(metrics_record(0, chunk))
    content = summary(1)
    content["iqm"]["published"] = {"name": r"<i>A</i> & $\frac$", "value_normalized": 0.5}
    run.write_summary({**content, "alarm": "<img src=x onerror=alert(1)>"})
    page = Markup(report_of(path))
    assert page.open == []
    assert not {"script", "img", "i", "b"} & set(page.tags)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.json"):
        write_report(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        write_report(tmp_path)


def test_a_report_replaces_the_one_before_it(tmp_path):
    path = running_run(tmp_path / "run", 1, 0)
    (path / "metrics.jsonl").touch()
    write_report(path)
    RunFolder(path).write_summary(summary(1))
    assert "Interrupted" not in report_of(path)
    assert sorted(entry.name for entry in path.iterdir()) == ["config.json", "metrics.jsonl", "report.html", "summary.json"]


def test_the_report_never_imports_jax_nor_opens_a_window():
    code = "import sys, triality.runs.report.report; print([n for n in ('jax', 'matplotlib.pyplot', 'tkinter') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_example_of_the_page_on_reports_runs():
    page = (Path(__file__).parents[3] / "docs" / "report.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(compile(code, "report.md", "exec"), {})
