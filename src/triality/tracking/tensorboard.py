"""TensorBoard: one event file in the run folder, so that ``tensorboard --logdir FOLDER`` shows every run below a folder under its name.

The records are those of TensorBoard's own package, written at once and by nobody else: a reader sees each as soon as it is logged.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from triality.data.optional_packages import import_package
from triality.tracking.left_behind import EVENTS
from triality.tracking.records import results_of

EXTRA = "track"


class TensorBoardTracker:
    """Scalars by iteration, the configuration as text, and the results of the summary as scalars under ``summary/``.

    Args:
        folder: where the event file is written; it exists by the time the run begins.

    Raises:
        ConfigError: from ``begin``, if the package is not installed.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._writer: Any = None
        self._last = 0

    def begin(self, run: str, config: Mapping[str, Any]) -> None:
        """Opens the event file. The configuration stands on TensorBoard's page of texts."""
        # Not the package's EventFileWriter: that one loads all of TensorFlow where there is one, and writes from a thread of its own.
        record_writer = import_package("tensorboard.summary.writer.record_writer", EXTRA)
        name = f"{EVENTS}{time.time_ns() // 10**9}.{socket.gethostname()}.{os.getpid()}"
        self._writer = record_writer.RecordWriter(open(self.folder / name, "ab"))  # noqa: SIM115, open until the end
        self._write(0, file_version="brain.Event:2")
        self._write(0, summary=_text("config", _as_markdown(run, config)))

    def log(self, step: int, numbers: Mapping[str, float | None]) -> None:
        """One event with all numbers that are known."""
        self._last = max(self._last, step)
        self._scalars(step, numbers)

    def end(self, summary: Mapping[str, Any] | None) -> None:
        """Writes the results, if there are any, and closes the file."""
        if summary is not None:
            self._scalars(self._last, {f"summary/{name}": value for name, value in results_of(summary).items()})
        self._writer.close()

    def _scalars(self, step: int, numbers: Mapping[str, float | None]) -> None:
        summary = _protos("summary_pb2").Summary()
        for name, value in numbers.items():
            if value is not None:
                summary.value.add(tag=name, simple_value=value)
        self._write(step, summary=summary)

    def _write(self, step: int, summary: Any = None, file_version: str | None = None) -> None:
        event = _protos("event_pb2").Event(wall_time=time.time(), step=step, summary=summary, file_version=file_version)
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def _protos(name: str) -> Any:
    return import_package(f"tensorboard.compat.proto.{name}", EXTRA)


def _text(tag: str, text: str) -> Any:
    """A summary of one text, in the form that the plugin of that name shows."""
    summary, metadata = _protos("summary_pb2").Summary(), _protos("summary_pb2").SummaryMetadata()
    metadata.plugin_data.plugin_name = "text"
    tensor = _protos("tensor_pb2").TensorProto(dtype=_protos("types_pb2").DT_STRING, string_val=[text.encode()])
    summary.value.add(tag=f"{tag}/text_summary", metadata=metadata, tensor=tensor)
    return summary


def _as_markdown(run: str, config: Mapping[str, Any]) -> str:
    """A table of two columns; what could be taken for markup is shown as it is."""
    rows = (f"| {name} | `{json.dumps(value, default=str)}` |" for name, value in config.items())
    return "\n".join((f"{run}", "", "| option | value |", "|---|---|", *(row.replace("\n", " ") for row in rows)))
