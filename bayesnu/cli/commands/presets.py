"""`presets`."""

from __future__ import annotations

import click

from bayesnu.cli.options import json_option
from bayesnu.cli.output import json_out, table


@click.command()
@json_option()
def presets(as_json: bool) -> None:
    """Print the choices of both presets, and where they differ."""
    from dataclasses import asdict

    from bayesnu.model.choices import PRESETS
    from bayesnu.support.versions import __version__

    default = asdict(PRESETS["default"])
    paper = asdict(PRESETS["paper"])
    if as_json:
        json_out({"default": default, "paper": paper, "version": __version__})
        return
    rows = []
    for name, value in default.items():
        mark = "* " if value != paper[name] else "  "
        rows.append((mark + name, str(value), str(paper[name])))
    table("Choices of an analysis (* differs)", ("choice", "default", "paper"), rows)
