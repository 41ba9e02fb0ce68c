"""`summary`."""

from __future__ import annotations

from typing import Any

import click

from bayesnu.cli.completion import complete_file
from bayesnu.cli.options import given_options, json_option, no_toys_option
from bayesnu.inference.kinds import KINDS
from bayesnu.support.errors import BayesnuError


@click.command()
@click.argument("chain", shell_complete=complete_file)
@click.option("--kind", type=click.Choice(KINDS), help="Another interval than the run's.")
@click.option("--probability", type=float, help="Another probability.")
@no_toys_option()
@json_option()
def summary(chain: str, no_toys: bool, as_json: bool, **options: Any) -> None:
    """Intervals, diagnostics and verdict of a chain, finished or not."""
    from dataclasses import replace

    from bayesnu.cli.run_tables import print_run
    from bayesnu.runs import chain_file, sampling
    from bayesnu.runs.stored import model_of_stored, open_stored

    stored = open_stored(chain)
    path = stored.path
    model = model_of_stored(stored)
    changes = given_options(options)
    found = chain_file.read_result(path)
    settings = replace(stored.run.sampling, **changes)
    if found is None or changes:
        if chain_file.steps_done(path) == 0:
            raise BayesnuError(f"{path}: no step is stored yet; run `bayesnu resume {path.parent}`")
        found = sampling.summary_of(path, model, settings)
    if found.toys is None and not no_toys:
        found = sampling.with_toys(found, model, settings)
    print_run(path, stored.run, replace(found, chain=path), as_json)
