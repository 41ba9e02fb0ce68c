"""`spectrum`."""

from __future__ import annotations

import click

from bayesnu.cli.completion import complete_file


@click.command()
@click.argument("chain", shell_complete=complete_file)
@click.option("--output", type=str, metavar="FILE", help="Where to [default: spectrum.png beside the chain].")
def spectrum(chain: str, output: str | None) -> None:
    """Draw data, prediction and posterior-predictive band of a chain."""
    from bayesnu.cli.chains import draw_chain

    draw_chain(chain, "spectrum", output)
