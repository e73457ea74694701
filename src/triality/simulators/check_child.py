"""The process in which ``check_apart`` looks at an environment. It says where it is before each call, so that this is known if it dies.

It imports no jax. What it says is a line of JSON each: what ``Findings`` tells, then ``DONE``; or ``REFUSED`` where there is no such
environment for it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from triality.envs.gymnasium_eval import make_whatever_it_observes
from triality.errors import ConfigError
from triality.runs.lasting_output import LastingOutput
from triality.simulators.check import look
from triality.simulators.check_findings import Findings
from triality.simulators.named_function import function_of
from triality.simulators.worker import settle

if TYPE_CHECKING:
    import gymnasium

DONE, REFUSED = "done", "refused"


class Settings(NamedTuple):
    """What it is told when it starts.

    Fields:
        env_id: Gymnasium's id, or what the environment is called.
        make: ``module:function`` that makes one, or None for Gymnasium's ``make`` of the id.
        num_steps, seed: as of ``check_simulator``.
        says: descriptor of the socket.
        life: descriptor of the pipe that closes when who asked is gone.
        stacks: descriptor of the file for stacks.
    """

    env_id: str
    make: str | None
    num_steps: int
    seed: int
    says: int
    life: int
    stacks: int


class Lines:
    """Makes events of what was received, however it was cut.

    Example:
        >>> lines = Lines()
        >>> list(lines.fed(b'["at", "reset to se')), list(lines.fed(b'ed 0"]\\n["done"]\\n'))
        ([], [['at', 'reset to seed 0'], ['done']])
    """

    def __init__(self) -> None:
        self._left = b""

    def fed(self, data: bytes) -> Iterator[list[str]]:
        """The events that are complete now."""
        *whole, self._left = (self._left + data).split(b"\n")
        return map(json.loads, whole)


def main() -> None:
    """Check the environment that the command line names, as JSON."""
    settings = Settings(**json.loads(sys.argv[2]))
    settle(settings.says, settings.life, settings.stacks)
    with socket.socket(fileno=settings.says) as connection, contextlib.suppress(BrokenPipeError, ConnectionResetError), LastingOutput():
        try:
            look(partial(_made, settings), settings.env_id, settings.num_steps, settings.seed, Findings(partial(_tell, connection)))
        except ConfigError:
            _tell(connection, REFUSED)
        _tell(connection, DONE)


def _made(settings: Settings) -> gymnasium.Env:
    return make_whatever_it_observes(settings.env_id) if settings.make is None else function_of(settings.make)()


def _tell(connection: socket.socket, *event: str) -> None:
    connection.sendall(json.dumps(event).encode() + b"\n")
