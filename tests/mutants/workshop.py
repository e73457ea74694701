"""A copy of the sources in which one mutant at a time is put, and the mapped tests are run against that copy.

A test that fails kills the mutant only if the test's own claim failed: code that no longer runs, or arrays that no longer fit, would be
found by any test at all, and say nothing of the mathematics. That a run really had the copy before it, and not the sources themselves, is
checked each time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.mutants import witness
from tests.mutants.mutant import ROOT, Mutant

TIME_LIMIT, TIME_LIMIT_A_TEST = 240, 60
"""Seconds of one run; who hangs is broken, not killed."""
CRASHES = {
    "AttributeError", "ImportError", "IndexError", "KeyError", "ModuleNotFoundError", "NameError", "SyntaxError", "TypeCheckError",
    "TypeError", "UnboundLocalError", "ValueError",
}  # fmt: skip
"""Errors that say that the code does not run."""
ALL_PASSED, SOME_FAILED = 0, 1


class Outcome(NamedTuple):
    """Of one run of the mapped tests.

    Fields:
        verdict: "killed", "SURVIVED", or "BROKEN" where the sabotaged code does not run.
        by: the first test that failed, without its parameters; else what happened.
    """

    verdict: str
    by: str


class Workshop:
    """The copy; ``folder`` is empty, and its owner removes it.

    A run reads the compilation cache of the tests: only programs that a mutant changes are compiled anew.
    """

    def __init__(self, folder: Path):
        self._sources = folder / "src"
        self._record = folder / "witness.json"
        shutil.copytree(ROOT / "src", self._sources, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))

    def outcome(self, mutant: Mutant) -> Outcome:
        """What the mapped tests say of it; the copy is sound again afterwards."""
        with self._sabotaged(mutant):
            return self._run(mutant.tests, mutant.file)

    def sound(self, tests: Sequence[str]) -> Outcome:
        """Of the same tests without a mutant: they have to pass, which is called SURVIVED here as well."""
        return self._run(tests, "__init__.py")

    @contextmanager
    def _sabotaged(self, mutant: Mutant) -> Iterator[None]:
        path = self._sources / "triality" / mutant.file
        sound = path.read_text()
        self._write(path, mutant.applied_to(sound))
        try:
            yield
        finally:
            self._write(path, sound)

    def _write(self, path: Path, text: str) -> None:
        """Compiled code goes by a time in whole seconds and by the size, which two mutants may share."""
        path.write_text(text)
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()

    def _run(self, tests: Sequence[str], file: str) -> Outcome:
        command = [
            sys.executable, "-m", "pytest", "-x", "--no-header", "-p", "no:cacheprovider", "-p", witness.__name__,
            "-o", f"pythonpath={self._sources} {ROOT}", *(f"tests/{test}" for test in tests),
        ]  # fmt: skip
        self._record.unlink(missing_ok=True)
        places = os.pathsep.join([str(self._sources), str(ROOT)])
        limit = TIME_LIMIT + TIME_LIMIT_A_TEST * len(tests)
        environment = os.environ | {"PYTHONPATH": places, witness.VARIABLE: str(self._record)}
        try:
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return Outcome("BROKEN", f"no end after {limit} s")
        if not self._record.is_file():
            return Outcome("BROKEN", f"pytest ended with {done.returncode} and without a record: {(done.stdout + done.stderr)[-500:]}")
        record = json.loads(self._record.read_text())
        outcome = _judged(record)
        self._check_imports(record["modules"], file, outcome)
        return outcome

    def _check_imports(self, modules: dict[str, str], file: str, outcome: Outcome) -> None:
        """Raises where the tests had another triality before them, or never imported the file that is sabotaged, although it can be."""
        inside = self._sources / "triality"
        foreign = [place for place in modules.values() if not Path(place).is_relative_to(inside)]
        if foreign or (str(inside / file) not in modules.values() and outcome.verdict != "BROKEN"):
            raise RuntimeError(
                f"expected triality from the copy in {self._sources}, {file} in it, got {foreign[:1] or 'the rest alone'}; "
                "name a test that imports it, or look for what puts another copy first"
            )


def _judged(record: dict) -> Outcome:
    if record["status"] == ALL_PASSED and record["num_tests"]:
        return Outcome("SURVIVED", f"{record['num_tests']} tests passed")
    if record["status"] != SOME_FAILED or not record["failures"]:
        return Outcome("BROKEN", f"pytest ended with {record['status']}: {record['failures']}")
    test, error = record["failures"][0]
    name = test.partition("[")[0].removeprefix("tests/")
    return Outcome("BROKEN", f"{name} ended in a {error}") if error in CRASHES else Outcome("killed", name)
