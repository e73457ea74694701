"""Where jax's runtime ends the process by ``abort``, as it does when the leading process is gone: a sentence and an exit code instead.

The runtime's own callback for that cannot be a function of Python's, and an abort leaves a stack of native code and a core. ``abort``
raises SIGABRT in the thread that calls it: a handler that is installed beside Python's, which would note the signal and return, runs right
there, and ends the process in the library's way.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_kept: list[Callable[[int], None]] = []
"""Handlers that are installed: C knows their addresses alone."""


def end_instead_of_aborting(words: str, code: int) -> None:
    """From here on an abort prints ``words`` and ends the process with ``code``. Without effect where C has no ``signal``."""

    def end(number: int) -> None:
        del number
        try:
            print(f"triality: {words}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)

    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(end)
    try:
        install = ctypes.CDLL(None).signal
    except (OSError, TypeError, AttributeError):  # Windows
        return
    install.restype, install.argtypes = ctypes.c_void_p, [ctypes.c_int, type(handler)]
    install(signal.SIGABRT, handler)
    _kept.append(handler)
