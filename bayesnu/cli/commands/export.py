"""`export`."""

from __future__ import annotations

import click

from bayesnu.cli.completion import complete_file


@click.command()
@click.argument("chain", shell_complete=complete_file)
@click.argument("output")
def export(chain: str, output: str) -> None:
    """Write a chain as NetCDF for arviz (every walker as a chain, burn-in left out)."""
    from bayesnu.cli.chains import read_enough
    from bayesnu.cli.output import output_file

    data = read_enough(chain).to_arviz()
    with output_file(output) as file:
        data.to_netcdf(str(file))
    click.echo(f"wrote {output}")
