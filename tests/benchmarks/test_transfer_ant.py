"""The benchmark of the disabled ant: its commands are accepted, its shares are those worked out by hand, and what is done is found."""

import argparse
import dataclasses
import json
from pathlib import Path

import pytest

RANDOM, TRUTH = -300.0, 1700.0
SIZES = {"iterations": 600, "num_rollouts": 4, "fresh_iterations": 300}
RECORD = {
    "num_demos": 50,
    "expert_iterations": 330,
    "random": RANDOM,
    "truth": TRUTH,
    "truth_as_long": 1300.0,
    "still": 1000.0,
    "taken_along": 600.0,
    "expert": 4500.0,
    "rows": {
        "airl-state": {
            **SIZES,
            "learned": [0.75, 0.5],
            "fresh": {"1": [1200.0, 200.0], "0.1": [1700.0]},
            "sampled": {"1": [900.0, 100.0], "0.1": [1500.0]},
        },
        "constant": {**SIZES, "iterations": 20, "learned": [0.0], "fresh": {"1": [-320.0]}, "sampled": {"1": [-300.0]}},
    },
}


@pytest.fixture
def transfer_ant(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import transfer_ant

    return transfer_ant


@pytest.fixture
def options(tmp_path):
    sizes = {"num_demos": 50, "expert_iterations": 330}
    return argparse.Namespace(folder=tmp_path, out=tmp_path / "record.json", only=["airl-state", "constant"], seeds=[0, 1], **sizes)


def test_the_shares_are_those_worked_out_by_hand(transfer_ant):
    """(1200 + 300) / 2000 = 0.75 and (200 + 300) / 2000 = 0.25; above standing still 200 / 700 = 0.29 and -800 / 700 = -1.14."""
    text = "\n".join(transfer_ant.page(RECORD))
    shares = "0.62 (0.75, 0.50) | 1 | 700.0 | 0.50 (0.75, 0.25) | 0.40 (0.60, 0.20) | -0.43 (0.29, -1.14) | 130.3, 0.41 |"
    assert f"| AIRL, cost of the state | 2.4 + 1.2 | {shares}" in text
    assert "| AIRL, cost of the state | 2.4 + 1.2 | 0.62 (0.75, 0.50) | 0.1 | 1,700.0 | 1.00 | 0.90 | 1.00 |" in text
    assert "| a constant cost | 0.1 + 1.2 | 0.00 | 1 | -320.0 | -0.01 | 0.00 | -1.89 | - |" in text
    assert "| the true reward | 5.3 | - | 0.001 | 1,700.0 | - | 1.00 | 1.00 | 315.5, 1.00 |" in text
    assert "| the true reward, as long as the fresh policies | 1.2 | - | 0.001 | 1,300.0 | - | 0.80 | 0.43 | - |" in text
    assert "| none: standing still | - | - | - | 1,000.0 | 0.65 | - | 0.00 | - |" in text
    assert "taken along | - | 1 | - | 600.0 | - | 0.45 | -0.57 | - |" in text
    before = {name: value for name, value in RECORD["rows"]["constant"].items() if name != "sampled"} | {"commit": "abc"}
    text = "\n".join(transfer_ant.page({**RECORD, "rows": {"constant": before}}))
    assert "| a constant cost \\* | 0.1 + 1.2 | 0.00 | 1 | -320.0 | -0.01 | - | -1.89 | - |" in text
    assert "\\* a constant cost: measured at commit abc" in text
    lazy = "\n".join(transfer_ant.page({**RECORD, "truth": 900.0}))
    assert "| the true reward | 5.3 | - | 0.001 | 900.0 | - | 1.00 | - | 315.5, 1.00 |" in lazy, (
        "an expert that does not walk measures no walking"
    )
    with pytest.raises(SystemExit, match="expected an expert of DisabledAnt-v0 above random actions"):
        transfer_ant.page({**RECORD, "truth": RANDOM - 1.0})


def test_a_cost_and_a_fresh_policy_for_every_method_of_a_seed(transfer_ant, options):
    from triality.cli.irl import check_options
    from triality.cli.options import IrlOptions

    jobs = transfer_ant.runs(options, 1)
    learned = ["airl-state_600_1", "constant_20_1"]
    assert [job.name for job in jobs] == learned + [f"{name}_at_{temperature}" for name in learned for temperature in ("1", "0.1")]
    assert not any(job.is_done() for job in jobs)
    assert [job.is_ready() for job in jobs] == [True, True] + 4 * [False], "there is no cost to take along yet"
    assert [job.command.count("--temperature 0.1 ") for job in jobs] == [0, 0, 0, 1, 0, 1]
    for name, row in transfer_ant.ROWS.items():
        check_options(IrlOptions(env="Ant-v5", demos=Path("demos.npz"), out=options.folder / name, actions="clip", **row.chosen))
    assert "--iterations 20 " in jobs[1].command, "a constant cost has nothing to learn"


def test_what_is_done_is_found_and_another_length_or_temperature_is_not_the_same(transfer_ant, options, monkeypatch):
    """``retrain`` writes over its file: the first temperature's result is still there after the second's."""
    folder = options.folder / "airl-state_600_0"
    folder.mkdir()
    rows = [{"who": "random actions", "return": RANDOM}, {"who": "fresh policy, cost of seed 0", "return": 512.0, "sampled": 400.0}]
    written = {"learned_in": "Ant-v5", "env": "DisabledAnt-v0", "iterations": 300, "temperature": 1.0, "rows": rows}
    (folder / "transfer.json").write_text(json.dumps(written))
    (folder / "summary.json").write_text(json.dumps({"seeds": [{"return_normalized": 0.75}]}))
    jobs = transfer_ant.runs(options, 0)
    assert [jobs[index].is_done() for index in (2, 3)] == [True, False]
    of_first = {**SIZES, "learned": [0.75], "fresh": {"1": [512.0]}, "sampled": {"1": [400.0]}, "asks": []}
    assert transfer_ant.earned(options, "airl-state") == of_first
    rows[1] |= {"return": 700.0, "sampled": 650.0}
    (folder / "transfer.json").write_text(json.dumps(written | {"temperature": 0.1}))
    assert [jobs[index].is_done() for index in (2, 3)] == [True, True]
    of_both = {"fresh": {"1": [512.0], "0.1": [700.0]}, "sampled": {"1": [400.0], "0.1": [650.0]}}
    assert transfer_ant.earned(options, "airl-state") == of_first | of_both
    assert not transfer_ant.runs(options, 1)[2].is_done()
    for other in ("fresh", "iterations"):
        changed = dataclasses.replace(transfer_ant.ROWS["airl-state"], **{other: 100})
        monkeypatch.setitem(transfer_ant.ROWS, "airl-state", changed)
        assert not transfer_ant.runs(options, 0)[2].is_done()
        assert transfer_ant.earned(options, "airl-state")["fresh"] == {}


def test_experts_that_the_record_has_are_not_trained_again(transfer_ant, options):
    """And another length of their training is another expert."""
    words = [job.name for job in transfer_ant.experts(options)]
    changed = ["expert_taken_along", "expert_of_the_changed_body", "expert_trained_as_long"]
    assert words == ["expert", "whole_demonstrations", *changed]
    options.out.write_text(json.dumps(RECORD))
    assert [job.name for job in transfer_ant.experts(options)] == words[:2]
    assert transfer_ant.without_cost(options, RECORD)["truth"] == TRUTH
    options.expert_iterations = 100
    assert [job.name for job in transfer_ant.experts(options)] == [*words[:2], "expert_of_the_changed_body"]


def test_what_a_linear_cost_asks_for_is_told_in_meters_a_second(transfer_ant):
    """Speed is worth 8 nats a standard deviation of 2, so 4 a m/s; efforts cost 10 times 0.4, 1 of these; the end is worked out below."""
    import jax.numpy as jnp

    from triality.energies.linear_cost import LinearBoxCost
    from triality.policies.scaling import PartialScaling, Scaling
    from triality.specs import MUJOCO_SPECS

    spec = MUJOCO_SPECS["Ant-v5"]
    size = spec.observation_size + 1
    scale, weights = jnp.ones(size).at[13].set(2.0), jnp.zeros(size).at[13].set(-8.0).at[17].set(2.0).at[20].set(-1.0).at[-1].set(6.0)
    scaling = PartialScaling(Scaling(jnp.zeros(size).at[13].set(3.0), scale), (*range(13, 27), size - 1))
    asked = transfer_ant.ant_costs.asks(LinearBoxCost(weights, jnp.full(8, 0.4), scaling, jnp.ones(8)), spec)
    assert asked["effort"] == pytest.approx(-1.0)
    assert asked["other"] == pytest.approx(0.5), "the greatest of them, whichever way"
    over = -(6.0 + 8 * 4.0 / 3.0) / 4.0  # the indicator, and the effort of uniform actions
    assert asked["end"] == pytest.approx(over, abs=0.05)
    lines = transfer_ant.ant_costs.table({"mine": [asked, {"effort": -0.5, "end": -1.0, "other": 0.25}]})
    assert lines[2].startswith("| mine | -0.75 (-1.00, -0.50) | ")
    assert lines[-1] == "| the true reward | -0.50 | -1.00 | 0.00 |"
