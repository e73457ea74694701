"""Ratios out of records: by hand, and out of the repository's own, against the pages that were made from them."""

import json
import re
from pathlib import Path

import pytest

from triality.cli.side_by_sides import SIDE_BY_SIDES, ratios_of
from triality.errors import StorageError
from triality.profiling import recorded_ratios as read

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def test_a_peer_that_takes_twice_as_long_is_half_as_fast():
    runs = [
        {"triality": {"step_seconds": 1.0}, "peer": {"step_seconds": 2.0}},
        {"triality": {"step_seconds": 1.0}, "peer": {"step_seconds": 4.0}},
    ]
    (found,) = read.of_densities({"runs": {"nce, batch 64": runs}})
    assert found.ratios == (2.0, 4.0)
    assert found.peer == "ebmkit and torch"


def test_sides_are_paired_run_by_run_and_a_run_that_never_got_there_gives_no_ratio():
    scale = {"random": 0.0, "demonstrations": 100.0}

    def run(*evaluations):
        names = ("env_steps", "seconds", "return")
        return {"evaluations": [dict(zip(names, each, strict=True)) | {"seconds_before": 6.0} for each in evaluations]}

    slow, quick, never = run((100, 10.0, 95.0)), run((100, 2.0, 50.0), (200, 4.0, 91.0)), run((200, 4.0, 10.0))
    record = {"scale": scale, "runs": {"triality AIRL": {"0": quick, "1": never, "2": quick}, "imitation AIRL": {"0": slow, "1": slow}}}
    speed, good, whole = read.of_imitation_mujoco(record)[:3]
    assert speed.ratios == (5.0, 5.0)  # 50 steps a second over 10; seed 2 has no counterpart
    assert good.ratios == (2.5,)  # 10 s over 4 s
    assert whole.ratios == (1.6,)  # 16 s over 10 s
    record["runs"]["imitation AIRL, clipped"] = {"0": run((100, 8.0, 95.0)), "1": slow}
    speed, good, _ = read.of_imitation_mujoco(record)[:3]
    assert speed.ratios == (4.0, 5.0), "of two variants of a peer the quicker one counts"
    assert good.ratios == (2.0,)


def test_log_z_takes_the_cheapest_size_within_the_tolerance():
    def point(method, errors, seconds):
        return {"method": method, "errors": [[errors, -errors]], "seconds": [seconds]}

    ours = [point("importance sampling, mixture", 0.5, 0.001), point("importance sampling, mixture", 0.05, 0.002)]
    chains = [point(name, 0.05, seconds) for name, seconds in zip(read.CHAINS, (0.3, 0.1, 0.2), strict=True)]
    flows = [point("importance sampling, flow", 9.0, 0.1)]
    mixture, flow, *_ = read.of_log_z({"seeds": 1, "points": [*ours, *chains, *flows]})
    assert mixture.ratios == pytest.approx((50.0,))
    assert flow.ratios == ()  # at no size within the tolerance


@pytest.mark.parametrize("name", SIDE_BY_SIDES)
def test_the_repositorys_records_can_be_read(name):
    path = RESULTS / f"{SIDE_BY_SIDES[name].script}.json"
    if not path.is_file():
        pytest.skip("not on record yet")
    found = ratios_of(name, path)
    assert found
    machine = json.loads(path.read_text())["machine"]
    assert all(each.commit == machine["commit"] and min(each.ratios) > 0 for each in found)


def test_ratios_are_those_of_the_page():
    page = (ROOT / "docs" / "results" / "density_speed.md").read_text()
    for each in ratios_of("densities", RESULTS / "density_speed.json"):
        lines = [line for line in page.splitlines() if line.startswith(f"| {each.task}: {each.quantity.split()[0]}") or each.task in line]
        assert any(re.search(rf"\| {each.median:.1f} \(", line) for line in lines), each


def test_a_damaged_record_is_refused(tmp_path):
    path = tmp_path / "density_speed.json"
    path.write_text('{"runs": {"flow": [{}]}}')
    with pytest.raises(StorageError, match="density_speed"):
        ratios_of("densities", path)
