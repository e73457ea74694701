"""A run of W&B that stays on the machine: what its file holds, and that nobody is called."""

import os
import socket
import struct
import subprocess
import sys
import textwrap
import threading

import pytest

pytest.importorskip("wandb", reason="needs the extra track")

BLOCK, HEADER = 32768, 7
RUN = """
    import sys
    from pathlib import Path
    from triality.tracking.wandb import WandbTracker
    tracker = WandbTracker(Path(sys.argv[1]))
    tracker.begin("first", {"env": "Pendulum-v1", "lr": 3e-4})
    for seed in (0, 1):
        for step in (5, 10):
            tracker.log(step, {f"seed-{seed}/loss": float(step), "power": None})
    tracker.end({"iqm": {"return_mean": -160.0}, "seconds": 9.5})
"""


@pytest.fixture
def listener():
    """A proxy that answers nobody and counts who came."""
    callers, server = [], socket.create_server(("127.0.0.1", 0))

    def count():
        while True:
            try:
                caller, _ = server.accept()
            except OSError:
                return
            callers.append(caller.recv(200))
            caller.close()

    threading.Thread(target=count, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", callers
    server.close()


def run_apart(folder, proxy, **environment):
    """In a process of its own, since the package keeps the environment of its import."""
    proxies = {name: proxy for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")}
    without = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(RUN), str(folder)],
        env={**without, **proxies, "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def records_of(path):
    """The records of a ``.wandb`` file: blocks of a LevelDB log, each record whole or in pieces."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, pieces, records = path.read_bytes(), HEADER, b"", []
    while place + HEADER <= len(content):
        if place % BLOCK > BLOCK - HEADER:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        pieces += content[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (1, 4):  # whole, or the last piece
            record = Record()
            record.ParseFromString(pieces)
            records.append(record)
            pieces = b""
    return records


def test_offline_the_numbers_are_in_the_folder_and_nobody_is_called(tmp_path, listener):
    proxy, callers = listener
    done = run_apart(tmp_path, proxy)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert callers == []
    (file,) = (tmp_path / "wandb").glob("offline-run-*/run-*.wandb")
    records = records_of(file)
    items = [record.history.item for record in records if record.HasField("history")]
    rows = [{item.nested_key[0] if item.nested_key else item.key: item.value_json for item in row} for row in items]
    told = [{name: float(value) for name, value in row.items() if not name.startswith("_")} for row in rows]
    assert told == [{"iteration": step, f"seed-{seed}/loss": step} for seed in (0, 1) for step in (5.0, 10.0)]
    (run,) = [record.run for record in records if record.HasField("run")][:1]
    assert (run.display_name, run.project) == ("first", "triality")
    assert {item.key: item.value_json for item in run.config.update}["env"] == '"Pendulum-v1"'
    results = {item.key: item.value_json for r in records if r.HasField("summary") for item in r.summary.update}
    assert float(results["iqm/return_mean"]) == -160.0


def test_the_listener_would_have_noticed(tmp_path, listener):
    """The twin: what the package reports about itself, if it is let, goes over the network from an offline run too."""
    proxy, callers = listener
    assert run_apart(tmp_path, proxy, WANDB_ERROR_REPORTING="true").returncode == 0
    assert callers
