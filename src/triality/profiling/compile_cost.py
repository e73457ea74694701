"""What compiling a program costs: cold, and when the persistent cache of an earlier process holds it.

Both are measured in this process. Cold: with an empty cache on disk. Warm: every program in memory is dropped, as a new process has none,
and the same one is asked for again; what remains is to trace, to translate, and to read. Starting Python and importing jax is in neither.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
from jax.experimental.compilation_cache import compilation_cache

from triality.profiling.compilations import Compilations

SETTINGS = {
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
    "jax_enable_compilation_cache": True,
}


class CompileCost(NamedTuple):
    """Seconds.

    Fields:
        trace: the Python functions, run on shapes.
        lower: translated for XLA.
        compile: XLA's own work.
        warm: all three, where the persistent cache holds the result; None where jax kept none on this machine.
    """

    trace: float
    lower: float
    compile: float
    warm: float | None

    @property
    def cold(self) -> float:
        """All three, where nothing is kept."""
        return self.trace + self.lower + self.compile


def compile_cost(lower: Callable[[], Any]) -> CompileCost:
    """Of the program that ``lower`` gives, as ``lambda: jax.jit(f).lower(x)``; drops every program that is compiled in this process.

    Example:
        >>> import jax.numpy as jnp
        >>> cost = compile_cost(lambda: jax.jit(lambda x: jnp.sin(x) + 1).lower(1.0))
        >>> cost.cold > cost.compile > 0
        True
    """
    with _empty_cache():
        with Compilations() as cold:
            _ = lower().compile()
        jax.clear_caches()
        begin = time.perf_counter()
        with Compilations() as warm:
            _ = lower().compile()
        seconds = time.perf_counter() - begin
    spent = cold.seconds
    return CompileCost(spent["trace"], spent["lower"], spent["compile"], seconds if warm.num_from_disk else None)


@contextlib.contextmanager
def _empty_cache() -> Iterator[None]:
    """A persistent cache that is empty, and the old one again afterwards."""
    changed = {**SETTINGS, "jax_compilation_cache_dir": None}
    before = {name: getattr(jax.config, name) for name in changed}
    with tempfile.TemporaryDirectory() as folder:
        _configure({**changed, "jax_compilation_cache_dir": folder})
        jax.clear_caches()
        try:
            yield
        finally:
            _configure(before)


def _configure(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
