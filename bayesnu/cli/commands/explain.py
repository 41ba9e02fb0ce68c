"""`explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.completion import complete_experiment
from bayesnu.cli.options import analysis_options, coupling_options, given_options, json_option
from bayesnu.cli.output import json_out, table
from bayesnu.support.text import number

if TYPE_CHECKING:
    from bayesnu.model.explain.counts import Contribution
    from bayesnu.model.explain.stages import Explanation

DIGITS = 6


@click.command()
@click.argument("experiment", shell_complete=complete_experiment)
@click.option("--bin", "which", metavar="BIN", help="The bin: its energies, as 2-3keV, or its number, from 1.")
@coupling_options()
@analysis_options()
@json_option()
def explain(experiment: str, which: str | None, as_json: bool, **options: Any) -> None:
    """Follow the expected count of one bin through the pipeline: every stage's contribution, unit and source."""
    from dataclasses import asdict

    from bayesnu.cli.about_json import about
    from bayesnu.cli.couplings import choose_couplings, in_units_of_scale
    from bayesnu.cli.models import choose_preset
    from bayesnu.experiments import load
    from bayesnu.model.explain import stages
    from bayesnu.model.explain.bins import find_bin

    given = given_options(options)
    preset = choose_preset(given)
    analysis, values = choose_couplings(given)
    data = load(experiment, analysis.inputs)
    index = find_bin(data, analysis, which)
    found = stages.explain(data, analysis, index, **in_units_of_scale(values))
    if as_json:
        json_out(about([found.experiment], preset, analysis) | asdict(found) | {"couplings": values, "sum": found.total})
        return
    _print_head(found, values, preset)
    _print_stages(found)


def _print_head(found: Explanation, couplings: dict[str, float], preset: str) -> None:
    from bayesnu.model.choices import describe_choices

    values = ", ".join(f"{name} = {value:g}" for name, value in couplings.items()) or "Standard Model"
    click.echo(
        f"{found.experiment}, bin {found.bin}, {found.low_kev:g}-{found.high_kev:g} keV, {values}, "
        f"preset {describe_choices(preset, found.analysis)} ({found.file}, reading {found.reading})"
    )


def _print_stages(found: Explanation) -> None:
    """A table for each stage, with the contributions before the detector's, and the sources below."""
    sources: dict[str, int] = {}
    for stage, quantities in found.stages.items():
        if stage == "detector":
            _print_contributions(found)
        rows = []
        for each in quantities:
            mark = sources.setdefault(each.source, len(sources) + 1)
            rows.append((each.name, number(each.value, DIGITS), each.unit, f"[{mark}]"))
        table(f"\n{stage[0].upper()}{stage[1:]}", ("quantity", "value", "unit", "source"), rows)
    click.echo("\nSources")
    for source, mark in sources.items():
        click.echo(f"[{mark}] {source}")


def _print_contributions(found: Explanation) -> None:
    """The contributions that are not zero, and their sum."""
    rows = [_cells(each) for each in found.contributions if each.counts != 0]
    rows.append(("all", "", "", "", "", "", "", number(found.total, DIGITS)))
    head = ("flux", "flavour", "term", "kernel", "coefficient", "unit", "counts for 1", "counts")
    table("\nContributions: coefficient x counts for a coefficient of 1", head, rows, text=4)
    off = abs(found.total - found.signal)
    click.echo(f"`bayesnu counts` has {number(found.signal, DIGITS)} neutrinos in this bin (difference {off:.0e})")


def _cells(each: Contribution) -> tuple[str, ...]:
    return (
        each.component,
        f"nu_{each.flavour}",
        each.term,
        each.kernel,
        number(each.coefficient, DIGITS),
        each.unit,
        number(each.per_unit, DIGITS),
        number(each.counts, DIGITS),
    )
