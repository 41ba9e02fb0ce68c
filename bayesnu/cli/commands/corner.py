"""`corner`."""

from __future__ import annotations

import click

from bayesnu.cli.completion import complete_file


@click.command()
@click.argument("chain", shell_complete=complete_file)
@click.option("--output", type=str, metavar="FILE", help="Where to [default: corner.png beside the chain].")
def corner(chain: str, output: str | None) -> None:
    """Draw the corner plot of a chain (png or pdf)."""
    from bayesnu.cli.chains import draw_chain

    draw_chain(chain, "corner", output)
