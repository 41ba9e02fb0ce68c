"""What a shell offers when Tab is pressed."""

from __future__ import annotations

import pytest
from click.shell_completion import BashComplete

from bayesnu import experiments
from bayesnu.cli.main import main


def offered(*words: str) -> list[tuple[str, str]]:
    """Kind and text of each word that the shell may put for the last one."""
    complete = BashComplete(main, {}, "bayesnu", "_BAYESNU_COMPLETE")
    return [(each.type, each.value) for each in complete.get_completions([*words[:-1]], words[-1])]


@pytest.mark.parametrize(
    "command", ["limits", "sample", "counts", "explain", "signals", "compare", "bibliography", "coverage"]
)
def test_names_of_data_sets_are_offered(command: str) -> None:
    assert offered(command, "") == [("plain", name) for name in experiments.names()]
    assert offered(command, "xenonnt-sr0") == [("plain", "xenonnt-sr0"), ("plain", "xenonnt-sr0-wide")]


@pytest.mark.parametrize("words", [("limits", "./my"), ("corner", ""), ("report", "chains/"), ("check", "my-exp")])
def test_files_are_left_to_the_shell(words: tuple[str, ...]) -> None:
    assert offered(*words) == [("file", words[-1])]


def test_commands_flags_and_their_words_are_offered() -> None:
    assert offered("feld") == [("plain", "feldman-cousins")]
    assert offered("limits", "xenonnt-sr0", "--elec") == [("plain", "--electrons")]
    assert offered("limits", "xenonnt-sr0", "--electrons", "r") == [("plain", "rrpa")]
