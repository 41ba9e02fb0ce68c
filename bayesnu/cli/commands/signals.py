"""`signals`."""

from __future__ import annotations

from typing import Any

import click

from bayesnu.cli.completion import complete_experiment
from bayesnu.cli.options import analysis_options, given_options


@click.command()
@click.argument("experiment", shell_complete=complete_experiment)
@click.option("--output", type=str, required=True, metavar="FILE", help="The figure (png or pdf).")
@analysis_options()
def signals(experiment: str, output: str, **options: Any) -> None:
    """Draw what each property does to the recoil spectrum, at its 90 % profile limits, beside the data."""
    from bayesnu import plots
    from bayesnu.cli.figures import finish
    from bayesnu.cli.models import choose_analysis
    from bayesnu.experiments import load
    from bayesnu.model.consistency import review

    analysis = choose_analysis(given_options(options))
    data = load(experiment, analysis.inputs)
    plots.signal_plot(data, analysis, output)
    finish(output, None)
    for note in review([data], analysis):
        click.echo(note)
