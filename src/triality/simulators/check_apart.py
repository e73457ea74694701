"""``check_simulator`` in a process of its own: that an environment crashes in native code, or ends it, or hangs, is a fault like others.

What was found before it is kept. No jax.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from triality.envs.gymnasium_eval import full_id
from triality.errors import ConfigError
from triality.simulators.check import NUM_STEPS, Report, check_simulator, refuse_no_steps
from triality.simulators.check_child import DONE, REFUSED, Lines, Settings
from triality.simulators.check_findings import MAKING, Findings
from triality.simulators.child_process import ChildProcess, start_of
from triality.simulators.gymnasium_batch import PATIENCE
from triality.simulators.named_function import name_of_function
from triality.simulators.worker_process import START_PATIENCE
from triality.simulators.worker_wire import RECEIVED_AT_ONCE

if TYPE_CHECKING:
    import gymnasium

LOOK_AROUND = 1.0
"""Seconds between two looks at a process that says nothing: what it has started may hold its end of the socket."""


def check_apart(
    env_id: str, make: Callable[[], gymnasium.Env] | None = None, num_steps: int = NUM_STEPS, seed: int = 0, patience: float = PATIENCE
) -> Report:
    """The same as ``check_simulator``, and what would end this process is a fault that names the call.

    The environment is made anew in the other process. One that cannot be, as it is registered in the script that runs or made by a function
    without a name, is looked at in this process, by ``check_simulator``.

    Args: as those of ``check_simulator``, but for
        patience: making the environment may take a minute, if this is less.

    Raises:
        ConfigError: as of ``check_simulator``.

    Example:
        >>> report = check_apart("CartPole-v1", num_steps=50)
        >>> report.faults, report.facts["steps by one seed"]
        ((), 'the same each time')
    """
    refuse_no_steps(num_steps)
    try:
        name = None if make is None else name_of_function(make)
    except ConfigError:
        return check_simulator(env_id, make, num_steps, seed, patience)
    if make is None and _is_unknown(env_id):
        return check_simulator(env_id, make, num_steps, seed, patience)
    findings = Findings()
    child = ChildProcess(start_of("check_child"), lambda says, life, stacks: Settings(env_id, name, num_steps, seed, says, life, stacks))
    try:
        is_refused = _listen(child, findings, patience)
    finally:
        child.end()
    return check_simulator(env_id, make, num_steps, seed, patience) if is_refused else Report.of(env_id, findings)


def _is_unknown(env_id: str) -> bool:
    """Whether Gymnasium has no such id, nor where to find it: no process has to be started to say so."""
    if ":" in full_id(env_id):
        return False
    try:
        import gymnasium

        gymnasium.spec(env_id)
    except ImportError:
        return True
    except gymnasium.error.Error:
        return True
    return False


def _listen(child: ChildProcess, findings: Findings, patience: float) -> bool:
    """Takes down what it says, to its end of whatever kind; whether it has no such environment."""
    lines, spoke = Lines(), time.monotonic()
    while True:
        granted = max(patience, START_PATIENCE) if findings.place in ("", MAKING) else patience
        left = spoke + granted - time.monotonic()
        has_ended = child.process.poll() is not None  # asked first: what it has said by then can all be heard
        if wait([child.socket], 0.0 if has_ended else max(min(left, LOOK_AROUND), 0.0)):
            data = child.socket.recv(RECEIVED_AT_ONCE)
            for event in lines.fed(data):
                if event[0] in (DONE, REFUSED):
                    return event[0] == REFUSED
                findings.take(event)
            spoke, has_ended = time.monotonic(), not data
        elif left <= 0 and not has_ended:
            findings.hangs(granted, child.hung())
            return False
        if has_ended:
            findings.ends(*child.died())
            return False
