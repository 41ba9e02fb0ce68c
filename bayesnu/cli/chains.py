"""A stored chain, opened for a command, and its figures."""

from __future__ import annotations

from pathlib import Path

import click

from bayesnu.inference.fits import Fits
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.sampling.convergence import judge
from bayesnu.runs import chain_file, config, folder, run
from bayesnu.runs.run import Run
from bayesnu.support.errors import BayesnuError

FEWEST_STEPS = 8  # with less there is nothing to draw


def open_chain(name: str) -> tuple[Path, Run, Chain]:
    """The folder of a run, its configuration and its chain; raises `BayesnuError` if too little is stored."""
    place = folder.run_folder(name)
    stored = chain_file.read(name)
    if stored.steps < FEWEST_STEPS:
        raise BayesnuError(f"{stored.path}: {stored.steps} steps are stored; a figure needs at least {FEWEST_STEPS}")
    chosen = config.from_config(place / config.CONFIG)
    return place, chosen, stored


def draw_chain(name: str, figure: str, output: str | None) -> None:
    """Draw one figure of a chain, `corner` or `spectrum`, and say where it is."""
    from bayesnu import plots

    place, chosen, stored = open_chain(name)
    model = run.model_of(chosen)
    chain_file.verify(stored.path, model, run.fingerprint(chosen))
    path = Path(output) if output else place / f"{figure}.png"
    verdict = judge(Fits(model), stored, chosen.sampling)
    plot = {"corner": plots.corner_plot, "spectrum": plots.spectrum_plot}[figure]
    plot(model, stored, verdict, chosen.sampling, path)
    click.echo(f"wrote {path}")
