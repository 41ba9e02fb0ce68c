"""`workspace`."""

from __future__ import annotations

from typing import Any

import click

from bayesnu.cli.options import analysis_options, experiments_argument, given_options, parameter_options


@click.command()
@experiments_argument()
@parameter_options()
@click.option("--output", type=str, metavar="FILE", help="Where to [default: standard output].")
@analysis_options()
def workspace(experiments: tuple[str, ...], output: str | None, **options: Any) -> None:
    """Export the likelihood as a pyhf workspace (HistFactory JSON), exactly, or say why that cannot be done."""
    import json

    from bayesnu.cli.models import choose_model, choose_parameters
    from bayesnu.model import pyhf_workspace

    given = given_options(options)
    parameters = choose_parameters(given)
    model = choose_model(experiments, parameters, given)
    text = json.dumps(pyhf_workspace.workspace(model), indent=1, allow_nan=False)
    if output:
        _write(output, text)
        click.echo(f"wrote {output}")
    else:
        click.echo(text)
    for note in (*pyhf_workspace.notes(model), *model.notes):
        click.echo(note, err=not output)  # where the workspace is not


def _write(output: str, text: str) -> None:
    from bayesnu.cli.output import output_file

    with output_file(output) as file:
        file.write_text(text + "\n", encoding="utf-8")
