"""`experiments`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bayesnu.cli.options import json_option
from bayesnu.cli.output import json_out, table

if TYPE_CHECKING:
    from bayesnu.experiments import Experiment


@click.command()
@click.option("--template", is_flag=True, help="Print a commented example of an experiment file.")
@click.option("--detectors", is_flag=True, help="List the detectors of the future instead, for `forecast`.")
@json_option()
def experiments(template: bool, detectors: bool, as_json: bool) -> None:
    """List the data sets that come with the package."""
    from bayesnu import experiments as data
    from bayesnu.cli.experiment_json import as_dict
    from bayesnu.support.versions import __version__

    if template:
        click.echo(data.template(), nl=False)
        return
    loaded = [data.load(name) for name in (data.detectors() if detectors else data.names())]
    if as_json:
        json_out([{"version": __version__} | as_dict(each) for each in loaded])
        return
    head = ("name", "exposure [t yr]", "bins", "region [keV]", "events there")
    table("Detectors" if detectors else "Data sets", head, [_cells(each) for each in loaded])
    table("", ("name", "references"), [(each.name, " ".join(each.references)) for each in loaded], text=2)


def _cells(each: Experiment) -> tuple[str, ...]:
    low, high = each.region_kev
    return (
        each.name,
        f"{each.exposure_tonne_years:.4f}",
        str(len(each.observed)),
        f"{low:g}-{high:g}",
        "" if each.is_detector else f"{each.observed[each.in_region].sum():g}",
    )
