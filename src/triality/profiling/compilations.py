"""What jax traces and compiles while somebody watches: the proof that a run compiles once and never again."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from jax import monitoring

PHASES = {
    "/jax/core/compile/jaxpr_trace_duration": "trace",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower",
    "/jax/core/compile/backend_compile_duration": "compile",
}
"""Events of jax, and what each is the time of: the Python function, its translation, XLA's work (or the reading of what was kept)."""
FOUND_ON_DISK = "/jax/compilation_cache/cache_hits"


class Compilations:
    """Counts programs while it is entered.

    Fields:
        programs: names of the programs that were compiled or read from the persistent cache, in order. A run whose shapes stay the same
            adds none after its first chunk.
        num_traces: functions that were traced, those inside others included.
        num_from_disk: programs among them that the persistent cache held.
        seconds: of each phase: ``trace``, ``lower``, ``compile``.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> double = jax.jit(lambda x: 2 * x)
        >>> short, long = jnp.ones(2), jnp.ones(3)
        >>> with Compilations() as first:
        ...     _ = double(short)
        >>> with Compilations() as again:
        ...     _ = double(short)
        >>> with Compilations() as other_shape:
        ...     _ = double(long)
        >>> len(first.programs), len(again.programs), len(other_shape.programs)
        (1, 0, 1)
    """

    def __init__(self):
        self.programs: list[str] = []
        self.num_traces = 0
        self.num_from_disk = 0
        self.seconds = dict.fromkeys(PHASES.values(), 0.0)

    def __enter__(self) -> Compilations:
        """Begins to count."""
        monitoring.register_event_duration_secs_listener(self._took)
        monitoring.register_event_listener(self._happened)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Counts no more."""
        monitoring.unregister_event_duration_listener(self._took)
        monitoring.unregister_event_listener(self._happened)

    def _took(self, event: str, duration_secs: float, **kwargs: Any) -> None:
        phase = PHASES.get(event)
        if phase is None:
            return
        self.seconds[phase] += duration_secs
        if phase == "compile":
            self.programs.append(str(kwargs.get("fun_name", "a program")))
        self.num_traces += phase == "trace"

    def _happened(self, event: str, **kwargs: Any) -> None:
        del kwargs
        self.num_from_disk += event == FOUND_ON_DISK
