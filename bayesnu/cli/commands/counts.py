"""`counts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.completion import complete_experiment
from bayesnu.cli.options import analysis_options, coupling_options, given_options, json_option
from bayesnu.cli.output import json_out, table
from bayesnu.support.text import number

if TYPE_CHECKING:
    from bayesnu.model.predict import Counts


@click.command()
@click.argument("experiment", shell_complete=complete_experiment)
@coupling_options()
@analysis_options()
@json_option()
def counts(experiment: str, as_json: bool, **options: Any) -> None:
    """Expected and observed counts per bin of an experiment."""
    from bayesnu.cli.about_json import about
    from bayesnu.cli.couplings import choose_couplings, in_units_of_scale
    from bayesnu.cli.models import choose_preset
    from bayesnu.experiments import load
    from bayesnu.model.choices import describe_choices
    from bayesnu.model.predict import expected_counts

    given = given_options(options)
    preset = choose_preset(given)
    analysis, values = choose_couplings(given)
    data = load(experiment, analysis.inputs)
    found = expected_counts(data, analysis, **in_units_of_scale(values))
    if as_json:
        json_out(about([data.name], preset, analysis) | {"experiment": experiment, **_as_dict(found), "couplings": values})
    else:
        _print(found, f"{experiment}, preset {describe_choices(preset, analysis)}: counts per bin")


def _as_dict(found: Counts) -> dict[str, Any]:
    return {
        "edges_kev": found.edges_kev,
        "observed": found.observed,
        "signal": found.signal.sum(axis=0),
        "background": found.background,
        "expected": found.expected,
        "components": dict(zip(found.components, found.signal, strict=True)),
        "backgrounds": found.backgrounds,
        "notes": found.notes,
    }


def _print(found: Counts, title: str) -> None:
    """A row for each bin, and their sums."""
    columns = (found.observed, found.signal.sum(axis=0), found.background)
    rows = []
    for low, high, *values in zip(found.edges_kev[:-1], found.edges_kev[1:], *columns, strict=True):
        rows.append(_cells(f"{low:g}-{high:g}", *values, values[1] + values[2]))
    sums = [column.sum() for column in (*columns, found.expected)]
    rows.append(_cells("all", *sums))
    table(title, ("T [keV]", "observed", "neutrinos", "background", "expected"), rows)
    for note in found.notes:
        click.echo(note)


def _cells(where: str, observed: float, *expected: float) -> tuple[str, ...]:
    return (where, f"{observed:g}", *(number(each, 5) for each in expected))
