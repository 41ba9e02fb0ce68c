"""`corner`."""

from __future__ import annotations

import click


@click.command()
@click.argument("chain")
@click.option("--output", type=str, metavar="FILE", help="Where to [default: corner.png beside the chain].")
def corner(chain: str, output: str | None) -> None:
    """Draw the corner plot of a chain (png or pdf)."""
    from bayesnu.cli.chains import draw_chain

    draw_chain(chain, "corner", output)
