"""What the README and the documentation say exists, exists: files, commands, options, functions, tests."""

import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMAND = Path(sys.executable).parent / "triality"


def links(text: str) -> set[str]:
    """Targets of the links to files, without the heading they point at."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)", prose)
    return {target.split("#")[0] for target in targets if not target.startswith(("http:", "https:", "#"))}


def commands(text: str) -> list[list[str]]:
    """Every `triality ...` line of the shell blocks, split into words."""
    blocks = re.findall(r"^```(?:bash|console)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [line for line in words if line[:1] == ["triality"]]


NESTED = ("demos",)
"""Commands that have commands of their own, with options of their own."""


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def documented() -> list[tuple[str, list[str]]]:
    return [(str(page.relative_to(ROOT)), line) for page in PAGES for line in commands(page.read_text())]


@cache
def help_of(*subcommand: str) -> str:
    done = subprocess.run([COMMAND, *subcommand, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"triality {' '.join(subcommand)} --help: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    missing = {target for target in links(page.read_text()) if not (page.parent / target).exists()}
    assert not missing


def test_a_broken_link_is_found():
    assert links("see [this](docs/nowhere.md#part), not [that](https://example.org) nor `[code](x.md)`") == {"docs/nowhere.md"}


@pytest.mark.parametrize(("page", "line"), documented(), ids=lambda value: value if isinstance(value, str) else " ".join(value[1:3]))
def test_documented_commands_and_options_exist(page, line):
    options = {word.split("=")[0] for word in line[2:] if word.startswith("--")}
    text = help_of(*line[1:3]) if line[1] in NESTED and not line[2].startswith("-") else help_of(line[1])
    assert not {option for option in options if option not in text}


def test_the_readme_has_commands_to_run():
    assert re.search(r"^```bash\nmake run\n```$", (ROOT / "README.md").read_text(), flags=re.MULTILINE)


def test_the_readmes_python_runs_and_shows_what_it_says(capsys):
    (block,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    shown: dict = {}
    exec(compile(block, "README.md", "exec"), shown)
    assert "log Z = " in capsys.readouterr().out
    assert max(shown["jax"].tree.leaves(shown["gaps"])) < 1e-12
    assert abs(shown["gan"].energy.net.layers[0].weight).max() > 1e-3
    # The broken twin: at another log Z the discriminator's gradient is not the likelihood's.
    eqx, other = shown["eqx"], shown["UnnormalizedDensity"](shown["energy"], shown["Constant"](shown["log_z"].value + 1.0))
    moved = eqx.filter_grad(lambda p: shown["DiscriminatorLoss"]()(p, shown["data"], shown["drawn"])[0])(other)
    expected = eqx.filter_grad(lambda p: shown["MixtureGuidedCostLoss"]()(p, shown["data"], shown["drawn"])[0])(other)
    assert abs(moved.energy.net.layers[0].weight - expected.energy.net.layers[0].weight).max() > 1e-3


def test_every_name_in_the_papers_table_can_be_imported():
    names = re.findall(r"\{py:(\w+)\}`[^`<]*<([\w.]+)>`", (ROOT / "docs" / "paper_table.md").read_text())
    assert len(names) > 20
    for role, name in names:
        module, _, attribute = (name, "", "") if role == "mod" else name.rpartition(".")
        imported = importlib.import_module(module)
        assert not attribute or hasattr(imported, attribute), name


def test_every_test_in_the_papers_table_exists():
    table = (ROOT / "docs" / "paper_table.md").read_text().split("## Corrections")[0]
    paths = re.findall(r"`((?:[\w]+/)*(?:test_\w+\.py|\w+/))`", table.split("## Equations")[1])
    assert len(paths) > 10
    assert not {path for path in paths if not (ROOT / "tests" / path).exists()}


def test_the_version_is_said_once_everywhere():
    version = importlib.import_module("triality").__version__
    assert f'\nversion = "{version}"\n' in (ROOT / "pyproject.toml").read_text()
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_constraints_are_names_and_versions_only():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    assert all(re.fullmatch(r"[\w.\-]+==[\w.]+", line) for line in lines)


def test_every_requirement_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(item for extra in project["optional-dependencies"].values() for item in extra)]
    pinned = {normalize(line.split("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert not {normalize(re.match(r"[\w.\-]+", item).group()) for item in wanted} - pinned
