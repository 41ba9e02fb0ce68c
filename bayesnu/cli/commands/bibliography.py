"""`bibliography`."""

from __future__ import annotations

import click

from bayesnu.cli.completion import complete_experiment


@click.command()
@click.argument("names", nargs=-1, metavar="[EXPERIMENT|CHAIN]...", shell_complete=complete_experiment)
def bibliography(names: tuple[str, ...]) -> None:
    """Print BibTeX for every reference that experiments and chains used; for all known ones without a name."""
    from bayesnu.studies.bibliography import bibtex

    click.echo(bibtex(names), nl=False)
