"""What travels between a batch and its workers: frames of raw bytes and JSON over a socket. Nothing is pickled, nothing unpickled.

A frame is a kind, a serial, a simulator and a body.

| kind | from | body |
|---|---|---|
| ``RESET`` | batch | JSON: pairs of a simulator's place in its worker and its seed, or null |
| ``STEP`` | batch | which simulators run, a byte each; then all actions, int64 or float32 |
| ``END`` | batch | nothing |
| ``READY`` | worker | JSON: the specification |
| ``DONE`` | worker | float64: observation, reward, terminated, truncated of one simulator |
| ``FAILED`` | worker | JSON: see ``Fault`` |

An answer carries the serial of its request, so that answers to a request that was given up are known and dropped.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from triality.specs import EnvironmentSpec

RESET, STEP, END, READY, DONE, FAILED = (b"R", b"S", b"E", b"Y", b"D", b"F")
HEADER = struct.Struct("<cIII")
RECEIVED_AT_ONCE = 1 << 16


class Frame(NamedTuple):
    """One message."""

    kind: bytes
    serial: int = 0
    simulator: int = 0
    body: bytes = b""


class Fault(NamedTuple):
    """What a worker says before it ends.

    Fields:
        message: what was wrong, in one line.
        traceback: where it was raised; empty where the environment returned what it must not.
        is_config: it cannot be used as it is, whatever it does.
    """

    message: str
    traceback: str = ""
    is_config: bool = False


class Frames:
    """Makes frames of what was received, however it was cut.

    Example:
        >>> frames, whole = Frames(), packed(Frame(DONE, 3, 1, b"abc"))
        >>> list(frames.fed(whole[:8])), list(frames.fed(whole[8:]))
        ([], [Frame(kind=b'D', serial=3, simulator=1, body=b'abc')])
    """

    def __init__(self) -> None:
        self._left = bytearray()

    def fed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now."""
        self._left += data
        while len(self._left) >= HEADER.size:
            kind, serial, simulator, size = HEADER.unpack_from(self._left)
            end = HEADER.size + size
            if len(self._left) < end:
                return
            body = bytes(self._left[HEADER.size : end])
            del self._left[:end]
            yield Frame(kind, serial, simulator, body)


def packed(frame: Frame) -> bytes:
    """Bytes of a frame."""
    return HEADER.pack(frame.kind, frame.serial, frame.simulator, len(frame.body)) + frame.body


def seeds_body(seeds: Sequence[tuple[int, int | None]]) -> bytes:
    """Of ``RESET``."""
    return json.dumps(list(seeds)).encode()


def read_seeds(body: bytes) -> list[tuple[int, int | None]]:
    """Of ``RESET``.

    Example:
        >>> read_seeds(seeds_body([(0, 5), (2, None)]))
        [(0, 5), (2, None)]
    """
    return [(place, seed) for place, seed in json.loads(body)]


def actions_body(actions: np.ndarray, running: Bool[np.ndarray, " n"], spec: EnvironmentSpec) -> bytes:
    """Of ``STEP``."""
    return running.tobytes() + actions.astype(np.int64 if spec.is_discrete else np.float32).tobytes()


def read_actions(body: bytes, spec: EnvironmentSpec, num: int) -> tuple[np.ndarray, Bool[np.ndarray, " n"]]:
    """Of ``STEP``; the actions can be written to, as those that a policy returns.

    Example:
        >>> two = EnvironmentSpec("Two-v0", 1, num_actions=2)
        >>> body = actions_body(np.array([1, 0]), np.array([True, False]), two)
        >>> [each.tolist() for each in read_actions(body, two, 2)]
        [[1, 0], [True, False]]
    """
    running = np.frombuffer(body[:num], bool)
    flat = np.frombuffer(bytearray(body[num:]), np.int64 if spec.is_discrete else np.float32)
    return (flat if spec.is_discrete else flat.reshape(num, spec.action_size)), running


def outcome_body(observation: Float[np.ndarray, " obs"], reward: float = 0.0, terminated: bool = False, truncated: bool = False) -> bytes:
    """Of ``DONE``."""
    return np.concatenate([np.asarray(observation, np.float64), [reward, terminated, truncated]]).tobytes()


def spec_body(spec: EnvironmentSpec) -> bytes:
    """Of ``READY``."""
    return json.dumps(asdict(spec)).encode()


def read_spec(body: bytes) -> EnvironmentSpec:
    """Of ``READY``.

    Example:
        >>> from triality.specs import SPECS
        >>> read_spec(spec_body(SPECS["CartPole-v1"])) == SPECS["CartPole-v1"]
        True
    """
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(body).items()}
    return EnvironmentSpec(**fields)


def fault_body(fault: Fault) -> bytes:
    """Of ``FAILED``; text that is no UTF-8 is written out."""
    message, traceback = (text.encode("utf-8", "backslashreplace").decode() for text in fault[:2])
    return json.dumps([message, traceback, fault.is_config]).encode()


def read_fault(body: bytes) -> Fault:
    """Of ``FAILED``.

    Example:
        >>> read_fault(fault_body(Fault("the cable is out")))
        Fault(message='the cable is out', traceback='', is_config=False)
    """
    return Fault(*json.loads(body))
