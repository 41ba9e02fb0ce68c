"""`presets`."""

from __future__ import annotations

import click

from bayesnu.cli.options import json_option
from bayesnu.cli.output import json_out, table


@click.command()
@json_option()
def presets(as_json: bool) -> None:
    """Print the choices of the presets, and where they differ from the default."""
    from dataclasses import asdict

    from bayesnu.model.choices import PRESETS
    from bayesnu.support.versions import __version__

    presets = {name: asdict(analysis) for name, analysis in PRESETS.items()}
    if as_json:
        json_out(presets | {"version": __version__})
        return
    rows = []
    for name, default in presets["default"].items():
        values = [choices[name] for choices in presets.values()]
        mark = "  " if all(value == default for value in values) else "* "
        rows.append((mark + name, *map(str, values)))
    table("Choices of an analysis (* differs)", ("choice", *presets), rows)
