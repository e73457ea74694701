"""What every test and every doctest runs under. Nothing here may import ``triality``: the run-time type checks are installed on import."""

import ctypes
import gc
import os
from pathlib import Path

# Programs compiled by one test are read back by the next, by the commands that tests start, and by the next session. Ignored by git.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("MPLBACKEND", "Agg")
# XLA's CPU thread pool can wait for itself for ever on programs under vmap; with one thread it cannot, and results repeat bit for bit.
# The tests compile thousands of small programs once each: without optimization that takes less than half as long. The slow tests, which
# compute more than they compile, are run with it (make test-slow names the first flag alone).
os.environ.setdefault("NPROC", "1")
FAST_TO_COMPILE = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", f"--xla_cpu_multi_thread_eigen=false {FAST_TO_COMPILE}")

# Programs leave millions of objects that live as long as the process; to look through them all so often takes a twentieth of the time.
gc.set_threshold(200_000, 50, 100)

import jax

# float64, so that identities can be held to 1e-10; a float32 check says so itself.
jax.config.update("jax_enable_x64", True)

import pytest

SHARE_OF_MEMORY = 0.5
"""Of the machine's memory over its cores: compiled programs are let go when a test process is resident in more, and read back from disk if
they are needed again. Seldom is best: each time costs several seconds and the programs that later modules share."""
MOST_PLACES = 45_000
"""The same of places in its memory. A program takes a dozen, a process may have 65,530 by default, and beyond that the compiler crashes."""


@pytest.fixture(autouse=True, scope="module")
def _bounded_memory():
    yield
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux: whoever runs the tests there has to watch it
        return
    most_pages = max(2**19, SHARE_OF_MEMORY * os.sysconf("SC_PHYS_PAGES") / (os.cpu_count() or 1))
    if pages > most_pages or _num_places() > MOST_PLACES:
        _let_go()


@pytest.fixture(autouse=True)
def _bounded_places(request):
    """A slow test is a whole run, whose programs take thousands of places: a dozen of them in one module would be too many."""
    yield
    if request.node.get_closest_marker("slow") is not None and _num_places() > MOST_PLACES:
        _let_go()


def _let_go() -> None:
    """Programs, and the memory that they took: without the last line the C library keeps it, and the next module finds the limit passed."""
    jax.clear_caches()
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone has it
    if trim is not None:
        trim(0)


def _num_places() -> int:
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return 0
