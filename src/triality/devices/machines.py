"""The processes of one run, on one machine or on many: how they find each other, and what they have to agree on.

All of them run the same program in the same order; what only one can know, a signal or what a file holds, is shared before anybody acts on
it. The first process leads: it prints and writes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import PyTree

from triality.devices.aborting import end_instead_of_aborting
from triality.errors import ConfigError, PeerLostError

Tree = TypeVar("Tree", bound=PyTree)

HEARTBEAT, GATHERING, LAST_WORDS = 30, 300, 7 * 24 * 3600
"""Seconds: without a sign of life before a process counts as lost; to find each other; that the others wait for the first to judge."""
SIGNS = ("gloo", "nccl", "connection", "socket", "heartbeat", "unavailable", "peer", "coordination", "deadline_exceeded", "aborted")
"""Words of jax's errors that tell of a process that is gone."""
LOST = "another one has ended or cannot be reached; see what it said, and start all of them again"


class Machines(NamedTuple):
    """Where this process stands among all.

    Fields:
        index: from 0.
        count: of all processes.

    Example:
        >>> alone = Machines(0, 1)
        >>> alone.leads, alone.highest(15), alone.from_first({"x": np.arange(2)})
        (True, 15, {'x': array([0, 1])})
    """

    index: int
    count: int

    @property
    def leads(self) -> bool:
        """Whether this is the process that prints and writes."""
        return self.index == 0

    def highest(self, number: int) -> int:
        """The largest of what the processes say."""
        return number if self.count == 1 else int(np.max(multihost_utils.process_allgather(np.int32(number))))

    def from_first(self, tree: Tree) -> Tree:
        """``tree`` as the first process has it, bit for bit; the others give one of the same shapes."""
        if self.count == 1:
            return tree
        leaves, structure = jax.tree.flatten(tree)
        numbers = [_numbers(leaf) for leaf in leaves if eqx.is_array(leaf)]
        sent = np.frombuffer(b"".join(each.tobytes() for each in numbers), np.uint8)
        received = multihost_utils.broadcast_one_to_all(sent).tobytes()
        ends = np.cumsum([each.nbytes for each in numbers])
        parts = iter([received[end - each.nbytes : end] for each, end in zip(numbers, ends, strict=True)])
        return jax.tree.unflatten(structure, [_like(leaf, next(parts)) if eqx.is_array(leaf) else leaf for leaf in leaves])


def join(coordinator: str | None = None, num_processes: int | None = None, process_index: int | None = None, devices: int = 1) -> Machines:
    """This process among the others of its run; for before jax computes anything. Without arguments the cluster says who they are.

    Args:
        coordinator: ``host:port`` at which the first process listens.
        num_processes: how many there are.
        process_index: which this is, from 0.
        devices: of each process; more than one, and the cluster's word on which are its own does not count.

    Raises:
        ConfigError: there is no cluster that jax knows, and no arguments.
        PeerLostError: they did not all come within five minutes.
    """
    # Its handler would take SIGTERM away from the run, and leave it without effect.
    jax.config.update("jax_enable_preemption_service", False)
    end_instead_of_aborting(
        f"expected all processes of the run to go on, got an end by jax, which says why above: {LOST}", PeerLostError.exit_code
    )
    try:
        jax.distributed.initialize(
            coordinator,
            num_processes,
            process_index,
            local_device_ids=list(range(devices)) if devices > 1 else None,
            initialization_timeout=GATHERING,
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=LAST_WORDS,
        )
    except ValueError as error:
        raise ConfigError(
            f"expected a process of Slurm, Open MPI or Kubernetes with --distributed, got none ({error}); give --coordinator, "
            "--num-processes and --process-index"
        ) from error
    except RuntimeError as error:
        raise PeerLostError(
            f"expected all processes of the run at {coordinator or 'the place that the cluster names'}, got '{_first_line(error)}'; see "
            "whether each of them was started and reaches it"
        ) from error
    return Machines(jax.process_index(), jax.process_count())


@contextlib.contextmanager
def noticing_lost_peers() -> Iterator[None]:
    """What jax raises where another process is gone, in the library's words.

    Raises:
        PeerLostError: another process has ended, or cannot be reached.
    """
    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:  # which of them hangs on the collective, and on whether it was compiled
        if not any(sign in str(error).lower() for sign in SIGNS):
            raise
        raise PeerLostError(f"expected all processes of the run to go on, got '{_first_line(error)}': {LOST}") from error


def _first_line(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text if len(text) <= 160 else f"{text[:157]}..."


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _numbers(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _like(leaf: Any, content: bytes) -> Any:
    known = _numbers(leaf)
    array = np.frombuffer(content, known.dtype).reshape(known.shape)
    if _is_key(leaf):
        return jax.random.wrap_key_data(jnp.asarray(array), impl=jax.random.key_impl(leaf))
    if isinstance(leaf, np.generic):
        return array[()]
    return array.copy() if isinstance(leaf, np.ndarray) else jnp.asarray(array)
