"""What a refusal advises can be done: every flag that it names belongs to the command that refused."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from bayesnu.cli.failures import ARGUMENTS, with_flags
from bayesnu.cli.main import main
from bayesnu.experiments import template
from tests.commands import SMALL, invoke, refusal

MOMENT = ("xenonnt-sr0", "--parameter", "mu_nu")
REFUSED: dict[str, tuple[str, ...]] = {
    "no figure": ("curve", *MOMENT),
    "three parameters in a curve": ("curve", "xenonnt-sr0", "--parameter", "r2_nu", "--flavour", "all", "--json"),
    "one parameter in contours": ("contours", "xenonnt-sr0", "--parameters", "mu_nu", "--json"),
    "three properties in a figure": ("compare", "--plot", "a.png"),
    "one side of a charge": ("limits", "xenonnt-sr0", "--parameter", "q_nu", "--one-sided"),
    "no parameter": ("limits", "xenonnt-sr0"),
    "no bin": ("explain", "xenonnt-sr0"),
    "no energies": ("rate", "--energy-kev", "a"),
    "no such element": ("limits", *MOMENT, "--flavour", "x"),
    "no seed": ("limits", *MOMENT, "--seed", "-1"),
    "no workers": ("expected", *MOMENT, "--workers", "0"),
    "no run": ("resume", "."),
}


def flags_of(name: str) -> set[str]:
    """The flags of a command."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


def advised(sentence: str) -> set[str]:
    """The flags in a sentence, without those of another command that it quotes."""
    return {*re.findall(r"--[a-z][a-z0-9-]*", re.sub(r"`bayesnu [^`]*`", "", sentence))}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_names_flags_of_its_command_alone(what: str) -> None:
    words = REFUSED[what]
    assert advised(refusal(*words)) <= flags_of(words[0])


def test_a_run_that_cannot_go_on_is_refused_without_flags_that_resume_has_not(tmp_path: Path) -> None:
    data = tmp_path / "own.toml"
    data.write_text(template())
    run = tmp_path / "run"
    invoke("sample", data, "--parameter", "mu_nu", *SMALL, "--steps", "12", "--output", run)
    changed = re.sub(r"(?m)^tonne_years = .*$", "tonne_years = 0.5", data.read_text())
    assert changed != data.read_text()
    data.write_text(changed)
    sentence = refusal("resume", run, "--more", "4")
    assert "tonne_years" in sentence and "restore the file, or begin a run in another folder" in sentence
    assert advised(sentence) <= flags_of("resume")
    again = refusal("sample", data, "--parameter", "mu_nu", *SMALL, "--steps", "12", "--output", run)
    assert {"--output", "--overwrite"} <= advised(again) <= flags_of("sample")


def test_every_argument_that_becomes_a_flag_is_one_of_some_command() -> None:
    known = {flag for name in main.list_commands(click.Context(main)) for flag in flags_of(name)}
    assert {with_flags(f"`{name}`") for name in ARGUMENTS} <= known
