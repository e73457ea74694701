"""The Python of the pages is run, top to bottom, as a reader would."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("page", "count"), [("demonstrations.md", 3), ("runs.md", 4)])
def test_the_examples_run(page, count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == count
    exec(compile("\n".join(blocks), page, "exec"), {})
    assert any(tmp_path.iterdir())


def test_the_example_of_simulators_runs():
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / "simulators.md").read_text(), re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(compile("\n".join(blocks), "simulators.md", "exec"), names)
    assert names["rollouts"].observation.shape == (16, 1001, 17)


def test_the_example_of_sweeps_runs():
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / "sweeps.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    names: dict = {}
    exec(compile(blocks[0], "sweeps.md", "exec"), names)
    assert names["settings"].varied.learning_rate.shape == (3,)
