"""Options read back from a ``config.json`` that somebody has edited: each of its own type, or one clear error before jax is imported."""

import dataclasses
import json
from pathlib import Path

import pytest

from triality.cli.config import as_config
from triality.cli.main import main
from triality.cli.options import EbmOptions, ExpertOptions, IrlOptions, RetrainOptions
from triality.cli.seq_options import SeqOptions
from triality.cli.stored_options import options_from
from triality.errors import StorageError
from triality.runs.folder import RunFolder

HERE = Path("config.json")
GIVEN = {
    IrlOptions: IrlOptions("Pendulum-v1", Path("a.npz"), Path("out"), expert=Path("b"), temperature=0.5, max_kl=None),
    ExpertOptions: ExpertOptions("Pendulum-v1", Path("a.npz")),
    RetrainOptions: RetrainOptions(Path("run"), expert_return=-3.5),
    EbmOptions: EbmOptions(Path("out"), data=Path("a.csv")),
    SeqOptions: SeqOptions(Path("out"), "a.txt"),
}


def config_of(options):
    return json.loads(json.dumps(as_config(options)))


@pytest.mark.parametrize("kind", GIVEN)
def test_what_was_written_is_read_back(kind):
    assert options_from(kind, config_of(GIVEN[kind]), HERE) == GIVEN[kind]


@pytest.mark.parametrize("kind", GIVEN)
def test_every_option_of_another_type_is_named(kind):
    """Text for a number, a number for text, a list for either; true is no number, and 3.5 no whole one."""
    config = config_of(GIVEN[kind])
    for name in (field.name for field in dataclasses.fields(kind) if field.name not in ("kept", "placed", "sweep")):
        wrong = [["a"], {"a": 1}, *([] if config[name] is None else [3 if isinstance(config[name], str) else "3"])]
        wrong += [3.5, True] if isinstance(config[name], int) and not isinstance(config[name], bool) else []
        for value in wrong:
            with pytest.raises(StorageError, match=rf"^config.json: expected {name} as .*, got .*; restore it or run again$"):
                options_from(kind, config | {name: value}, HERE)


def test_a_whole_number_is_a_number():
    config = config_of(GIVEN[IrlOptions])
    assert repr(options_from(IrlOptions, config | {"temperature": 1, "clip_margin": 0}, HERE).temperature) == "1.0"


def test_what_is_missing_has_its_default_and_what_is_unknown_is_refused():
    config = config_of(GIVEN[IrlOptions])
    assert options_from(IrlOptions, {name: config[name] for name in ("env", "demos", "out")}, HERE).seeds == 1
    with pytest.raises(StorageError, match=r"expected the options of the command, got .*'env'"):
        options_from(IrlOptions, {name: config[name] for name in ("demos", "out")}, HERE)
    with pytest.raises(StorageError, match="expected no option 'horizon', got 7"):
        options_from(IrlOptions, config | {"horizon": 7}, HERE)
    with pytest.raises(
        StorageError, match=r"expected algorithm as one of gan-gcl, .*; expected seeds as a whole number, got \"3\"; restore"
    ):
        options_from(IrlOptions, config | {"seeds": "3", "algorithm": "gan"}, HERE)


@pytest.mark.parametrize("command", ["eval", "retrain", "judge", "export", "play"])
def test_the_commands_that_read_a_run_say_so(command, tmp_path, capsys):
    run = RunFolder.create(tmp_path / "run")
    run.write_config("irl", config_of(GIVEN[IrlOptions]) | {"iterations": "200"})
    more = ["--out", str(tmp_path / "exported")] if command == "export" else []
    assert main([command, str(run.path), *more]) == 6
    error = capsys.readouterr().err
    assert error == f'triality: {run.config_path}: expected iterations as a whole number, got "200"; restore it or run again\n'
