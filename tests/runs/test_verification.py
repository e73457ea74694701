"""``triality runs verify``: what is damaged is named, what is sound is said to be, nothing is changed."""

import numpy as np
import pytest

from triality.cli.main import main
from triality.errors import ConfigError
from triality.runs.checkpoint_file import StoredLeaf
from triality.runs.checkpoint_series import CheckpointSeries
from triality.runs.folder import RunFolder
from triality.runs.json_files import write_json
from triality.runs.verification import verify


@pytest.fixture
def run(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    folder.write_config("irl", {"iterations": 3})
    folder.metrics.append({"iteration": 1})
    series = CheckpointSeries(folder.path)
    for step in (1, 2):
        series.write([StoredLeaf(".x", np.arange(100))], step=step, config={})
    with open(folder.path / "figures.npz", "wb") as file:
        np.savez(file, cost=np.arange(10.0))
    write_json(folder.path / "judgement.json", {"seeds": []})
    return folder


def test_a_sound_run(run, capsys):
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    assert main(["runs", "verify", str(run.path)]) == 0
    said = capsys.readouterr().out
    assert said.count(" sound ") == 6
    assert "step 2, 1 arrays, 800 bytes" in said
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "figures.npz", "judgement.json", "checkpoints/00000002.ckpt"])
def test_every_damage_is_named(run, name, capsys):
    path = run.path / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF if name.endswith(".json") else 0x40
    if name == "metrics.jsonl":
        content = bytearray(b"{no json}\n") + content
    path.write_bytes(bytes(content))
    assert [each.name for each in verify(run.path) if not each.is_sound] == [name]
    assert main(["runs", "verify", str(run.path)]) == 6
    assert "damaged" in capsys.readouterr().out


def test_what_was_put_aside_is_told_with_its_reason(run):
    newest = CheckpointSeries(run.path).paths()[0]
    newest.write_bytes(b"nothing")
    CheckpointSeries(run.path).newest()
    (told,) = [each for each in verify(run.path) if each.name.endswith(".corrupt")]
    assert told.words.startswith("put aside: ")
    assert "expected a zip" in told.words


def test_no_run(tmp_path):
    with pytest.raises(ConfigError, match="expected the folder of a run"):
        verify(tmp_path)
