"""`summary`."""

from __future__ import annotations

from typing import Any

import click

from bayesnu.cli.options import given_options, json_option, no_toys_option
from bayesnu.inference.kinds import KINDS
from bayesnu.support.errors import BayesnuError


@click.command()
@click.argument("chain")
@click.option("--kind", type=click.Choice(KINDS), help="Another interval than the run's.")
@click.option("--probability", type=float, help="Another probability.")
@no_toys_option()
@json_option()
def summary(chain: str, no_toys: bool, as_json: bool, **options: Any) -> None:
    """Intervals, diagnostics and verdict of a chain, finished or not."""
    from dataclasses import replace

    from bayesnu.cli.run_tables import print_run
    from bayesnu.runs import chain_file, sampling
    from bayesnu.runs.config import CONFIG, from_config
    from bayesnu.runs.folder import run_folder
    from bayesnu.runs.run import fingerprint, model_of

    folder = run_folder(chain)
    path = chain_file.find_chain(chain)
    run = from_config(folder / CONFIG)
    model = model_of(run)
    chain_file.verify(path, model, fingerprint(run))
    changes = given_options(options)
    found = chain_file.read_result(path)
    changed = replace(run, sampling=replace(run.sampling, **changes))
    if found is None or changes:
        if chain_file.steps_done(path) == 0:
            raise BayesnuError(f"{path}: no step is stored yet; run `bayesnu resume {folder}`")
        found = sampling.summary_of(path, model, changed)
    if found.standing is None and not no_toys:
        found = sampling.with_standing(found, model, changed)
    print_run(folder, replace(found, chain=path), as_json)
