"""What the commands say about themselves reads as plain text."""

import pytest

from triality.cli.main import COMMANDS, main

NAMES = ("irl", "eval", "retrain", "expert", "demos", "check-env", "export", "judge", "paper", "info")


def text(capsys, *arguments: str) -> str:
    """What --help prints, borders and line breaks taken out."""
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--help"])
    assert stop.value.code == 0
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


@pytest.mark.parametrize("command", NAMES)
def test_help_is_plain_text(command, capsys):
    printed = text(capsys, command)
    assert f"usage: triality {command}" in printed
    for artifact in ("``", "{None}", "(default: None)", "Args:"):
        assert artifact not in printed


def test_every_command_says_what_it_does(capsys):
    printed = text(capsys)
    assert "``" not in printed
    for options in COMMANDS:
        sentence = " ".join((options.__doc__ or "").split("\n\n")[0].split())
        assert sentence.endswith((".", "?"))
        assert sentence in printed


def test_defaults_that_depend_on_the_algorithm_are_told(capsys):
    printed = text(capsys, "irl")
    assert "--policy-learning-rate FLOAT Adam step of the policy. (default: 3e-4, for bc and dagger 1e-3)" in printed
    assert "96 are 112 with 20 demonstrations" in printed
