"""Figures that commands without a chain write, or the numbers in their place."""

from __future__ import annotations

from typing import Any

import click

from bayesnu.cli.output import check_figure, json_out
from bayesnu.support.errors import BayesnuError


def check_output(output: str | None, as_json: bool) -> None:
    """Raise `BayesnuError` if neither a figure nor its numbers are wanted, or if no figure can be written there."""
    if output is None and not as_json:
        raise BayesnuError("--output: none given; name a figure (png or pdf), or ask for --json")
    check_figure(output)


def finish(output: str | None, answer: dict[str, Any] | None) -> None:
    """Print the numbers if they are wanted, else where the figure is."""
    if answer is not None:
        json_out(answer)
    elif output:
        click.echo(f"wrote {output}")
