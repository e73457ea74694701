"""The page on environments: its code runs as it stands, and its table says what the code says."""

import re
from pathlib import Path

from triality.data.reference_returns import RANDOM_RETURNS
from triality.envs.gymnasium_eval import REGISTERED
from triality.specs import MUJOCO_SPECS, SPECS

PAGE = (Path(__file__).parents[2] / "docs" / "environments.md").read_text()


def rows():
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row for row in cells}


def test_the_code_on_the_page_runs():
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 7
    exec(compile("\n".join(blocks), "environments.md", "exec"), {"__name__": "environments_page"})


def test_the_table_has_every_environment_and_its_numbers():
    table, specs = rows(), SPECS | {name: MUJOCO_SPECS[name] for name in REGISTERED}
    assert set(table) == set(specs)
    for name, row in table.items():
        assert int(row[4]) == specs[name].time_limit
        mean, stderr = (float(number) for number in row[6].split(" ± "))
        assert abs(mean - RANDOM_RETURNS[name].mean) <= 0.051
        assert abs(stderr - RANDOM_RETURNS[name].stderr) <= 0.051
