"""Every sabotage of the mathematics is noticed by the tests that are named for it (``python -m tests.mutants`` does the same)."""

import pytest

from tests.mutants.every import MUTANTS
from tests.mutants.mutant import Mutant
from tests.mutants.table import page
from tests.mutants.workshop import Outcome, Workshop

HARMLESS = Mutant(
    "a docstring is changed",
    "numerics.py",
    "Weighted means and sums in log space.",
    "Weighted sums and means in log space.",
    ("partition/test_importance.py::test_error_is_the_delta_method",),
    "nothing",
)
NAMELESS = HARMLESS._replace(name="a name is wrong", old="return upper - lower", new="return upper - lover")
UNREADABLE = HARMLESS._replace(name="the syntax is wrong", old="if log_weight is None:", new="if log_weight is:")


def test_every_mutant_can_be_put_in_and_its_tests_exist():
    assert [problem for each in MUTANTS for problem in each.problems()] == []


def test_names_are_unique_and_there_are_enough():
    assert len({each.name for each in MUTANTS}) == len(MUTANTS) >= 45
    assert len({(each.file, each.old, each.new) for each in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize(
    "broken", [{"old": "nowhere to be found"}, {"old": "log"}, {"new": HARMLESS.old}, {"tests": ()}, {"tests": ("a::b",)}]
)
def test_a_mutant_that_cannot_be_tried_is_named(broken):
    problems = HARMLESS._replace(**broken).problems()
    assert len(problems) == 1
    assert problems[0].startswith("a docstring is changed: expected")


def test_the_page_has_a_line_for_every_mutant_and_shows_who_is_alive():
    outcomes = {each.name: Outcome("killed", each.tests[0]) for each in MUTANTS}
    outcomes[MUTANTS[0].name] = Outcome("SURVIVED", "3 tests passed")
    text = page(outcomes)
    assert all(f"| {each.name} | `{each.file}` |" in text for each in MUTANTS)
    assert "**SURVIVED**: 3 tests passed" in text
    assert f"**{len(MUTANTS) - 1} of {len(MUTANTS)} are killed.**" in text


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("mutants"))


@pytest.mark.faults
def test_a_harmless_change_survives_and_code_that_does_not_run_is_no_kill(workshop):
    """Negative controls: without them every mutant might be killed by the harness itself."""
    assert workshop.outcome(HARMLESS).verdict == "SURVIVED"
    assert workshop.outcome(NAMELESS) == Outcome("BROKEN", f"{HARMLESS.tests[0]} ended in a NameError")
    assert workshop.outcome(UNREADABLE).verdict == "BROKEN"
    assert workshop.outcome(HARMLESS).verdict == "SURVIVED"


@pytest.mark.faults
def test_the_named_tests_pass_without_a_mutant(workshop):
    assert workshop.sound(list(dict.fromkeys(test for each in MUTANTS for test in each.tests))).verdict == "SURVIVED"


@pytest.mark.faults
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name.replace(" ", "-"))
def test_the_mutant_is_killed(workshop, mutant):
    assert workshop.outcome(mutant).verdict == "killed"
