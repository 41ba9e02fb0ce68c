"""Running the command line in this process, and the smallest run there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from bayesnu.cli.main import main

SMALL = ("--background", "single", "--walkers", "16", "--ensembles", "2", "--no-figures", "--no-toys", "--quiet", "--json")
SAMPLE = ("sample", "pandax4t-run1", "--parameter", "mu_nu", *SMALL)


def invoke(*words: str | Path) -> Result:
    """Run a command; whatever it raises that is not its own exit is raised here."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def not_json(word: str) -> None:
    """Refuse what Python would write and JSON does not know."""
    raise AssertionError(f"{word} is not JSON")


def parsed(text: str) -> Any:
    """The one JSON object that a text is, strictly."""
    assert text.count("\n") == 1
    return json.loads(text, parse_constant=not_json)


def answer(*words: str | Path) -> Any:
    """The JSON that a command prints."""
    result = invoke(*words)
    assert result.exit_code == 0, result.stderr
    return parsed(result.stdout)


def refusal(*words: str | Path) -> str:
    """The one sentence with which a command refuses."""
    result = invoke(*words)
    assert result.exit_code == 2, (result.exit_code, result.stdout, result.stderr)
    assert result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ") and last.isprintable() and len(last) < 700
    before = result.stderr.strip().splitlines()[:-1]
    assert all(line.startswith(("Usage:", "Try ", "Error: ")) or not line for line in before), result.stderr
    return last.removeprefix("Error: ")


def sampled(folder: Path, *words: str | Path, steps: int | None = 12) -> Any:
    """Carry out the smallest run into a folder."""
    exact = () if steps is None else ("--steps", str(steps))
    return answer(*SAMPLE, *exact, "--output", folder, *words)


def without_path(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary without the only thing in it that depends on the place."""
    return {key: value for key, value in summary.items() if key != "chain"}


def summary(chain: str | Path) -> dict[str, Any]:
    """What a chain says, without toys and without its path."""
    return without_path(answer("summary", chain, "--json", "--no-toys"))
