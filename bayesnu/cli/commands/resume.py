"""`resume`."""

from __future__ import annotations

import click

from bayesnu.cli.completion import complete_file
from bayesnu.cli.options import json_option, no_figures_option, no_toys_option, quiet_option
from bayesnu.support.errors import BayesnuError


@click.command()
@click.argument("chain", shell_complete=complete_file)
@click.option("--up-to", type=int, help="Make the chain so many stored steps long.")
@click.option("--more", type=int, help="Add so many stored steps.")
@quiet_option()
@no_figures_option()
@no_toys_option()
@json_option()
def resume(
    chain: str, up_to: int | None, more: int | None, quiet: bool, no_figures: bool, no_toys: bool, as_json: bool
) -> None:
    """Continue a run to where it was going, or to a given length, bit for bit as if never interrupted."""
    from bayesnu.cli.run_tables import print_run
    from bayesnu.cli.runs import watched_run
    from bayesnu.runs import sampling
    from bayesnu.runs.config import CONFIG, from_config
    from bayesnu.runs.folder import CHAIN, run_folder

    folder = run_folder(chain)
    _check_length(up_to, more)
    if more is not None:
        up_to = sampling.steps_done(folder) + more
    run = from_config(folder / CONFIG)
    with watched_run(folder, up_to or run.sampling.steps, quiet, figures=not no_figures, toys=not no_toys) as how:
        summary = sampling.resume(chain, up_to=up_to, **how)
    print_run(folder / CHAIN, run, summary, as_json)


def _check_length(up_to: int | None, more: int | None) -> None:
    if up_to is not None and more is not None:
        raise BayesnuError("--up-to and --more: found both; give one")
    for flag, value in (("--up-to", up_to), ("--more", more)):
        if value is not None and value < 1:
            raise BayesnuError(f"{flag}: found {value}; must be at least 1")
