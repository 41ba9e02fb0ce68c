"""A figure of a stored chain."""

from __future__ import annotations

from pathlib import Path

import click

from bayesnu.inference.fits import Fits
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.sampling.convergence import judge
from bayesnu.runs import chain_file
from bayesnu.runs.folder import place_beside
from bayesnu.runs.stored import model_of_stored, open_stored
from bayesnu.support.errors import BayesnuError

FEWEST_STEPS = 8  # with less there is nothing to draw


def read_enough(name: str) -> Chain:
    """A chain with enough steps for a figure; raises `BayesnuError` if it has fewer."""
    chain = chain_file.read(name)
    if chain.steps < FEWEST_STEPS:
        raise BayesnuError(f"{chain.path}: {chain.steps} steps are stored; a figure needs at least {FEWEST_STEPS}")
    return chain


def draw_chain(name: str, figure: str, output: str | None) -> None:
    """Draw one figure of a chain, `corner` or `spectrum`, and say where it is."""
    from bayesnu import plots

    chain = read_enough(name)
    stored = open_stored(chain.path)
    model = model_of_stored(stored)
    path = Path(output) if output else place_beside(chain.path, f"{figure}.png")
    settings = stored.run.sampling
    verdict = judge(Fits(model), chain, settings)
    plot = {"corner": plots.corner_plot, "spectrum": plots.spectrum_plot}[figure]
    plot(model, chain, verdict, settings, path)
    click.echo(f"wrote {path}")
    for note in model.notes:
        click.echo(note)
