"""A plugin of pytest that writes down what failed, by which error, and from where the library was imported."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

VARIABLE = "TRIALITY_MUTANTS_WITNESS"
"""Of the environment: the file to write to."""

failures: list[tuple[str, str]] = []


def pytest_exception_interact(node, call, report):
    """Node and type of the error, of tests and of what pytest cannot collect."""
    failures.append((report.nodeid or node.nodeid, call.excinfo.typename))


def pytest_sessionfinish(session, exitstatus):
    """All at the end; a session that hangs or dies leaves no record."""
    modules = {name: module.__file__ for name, module in list(sys.modules.items()) if name.split(".")[0] == "triality"}
    record = {"failures": failures, "num_tests": session.testscollected, "status": int(exitstatus), "modules": modules}
    Path(os.environ[VARIABLE]).write_text(json.dumps(record))
