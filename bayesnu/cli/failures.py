"""How a command ends that cannot go on: one sentence and an exit code."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import click

from bayesnu.support.text import one_line

# Arguments that a library's sentence may name, in backticks as `output` or `region='all'`: here they are flags.
ARGUMENTS = (
    *("bin", "flavour", "one_sided", "output", "overwrite", "parameter", "prior.lower", "prior.upper", "region", "replicas"),
    *("scheduler", "workers"),
)


def with_flags(sentence: str) -> str:
    """Return a library's sentence with its arguments as a user of the command line gives them."""

    def flag(found: re.Match[str]) -> str:
        name, value = found.groups()
        words = f"--{re.sub(r'[._]', '-', name)}"
        return f"{words} {value}" if value else words

    names = "|".join(map(re.escape, ARGUMENTS))
    return re.sub(rf"`({names})(?:='?(\w+)'?)?`", flag, sentence)


class Mistake(click.ClickException):
    """A user's mistake: its sentence on standard error, in one line whatever a file puts in it; exit code 2."""

    exit_code = 2

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(with_flags(sentence)))


class Stopped(click.ClickException):
    """The command was told to stop: the exit code is what a shell reports, 130 for Ctrl-C and 143 for a termination."""

    def __init__(self, number: int, how_to_go_on: str = "") -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}{how_to_go_on}")
        self.exit_code = 128 + number  # type: ignore[misc]


@contextmanager
def in_one_line() -> Iterator[None]:
    """Let click quote a word as one line, whatever the word is."""
    try:
        yield
    except click.UsageError as error:
        error.message = one_line(error.message)  # type: ignore[misc]
        raise
