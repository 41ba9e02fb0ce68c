"""What a run has found, as JSON or as tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from bayesnu.cli.about_json import about_run
from bayesnu.cli.output import json_out, table
from bayesnu.inference.interval import DerivedInterval, Interval
from bayesnu.inference.toys.result import ToyResult
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import ALL_PROPERTIES
from bayesnu.runs import config, folder
from bayesnu.runs.result import LimitRow, ParameterResult, RunResult, name_credible
from bayesnu.runs.result_json import result_to_json
from bayesnu.runs.run import Run, preset_note
from bayesnu.support.text import interval, intervals, number


def print_run(chain: Path, run: Run, result: RunResult, as_json: bool) -> None:
    """Print the result of a run whose chain is in a file."""
    if as_json:
        json_out(about_run(run) | result_to_json(result))
        return
    scale = ALL_PROPERTIES[run.parameter].scale
    _print_limits(run, result)
    _print_parameters(result)
    _print_notes(result)
    if result.toys is not None:
        print_toys(result.toys)
    _print_derived(result, scale)
    _print_verdict(result)
    _print_files(chain)


def _print_limits(run: Run, result: RunResult) -> None:
    parameter = next(iter(result.parameters.values())).parameter
    names = " + ".join(Path(name).stem for name in run.experiments)
    several = len(result.parameters) > 1
    table(
        f"{parameter.em_property.column}, {names}, preset {preset_note(run)}",
        ("what it is", "value", "MC error", "integrated"),
        [_limit_cells(row, several) for row in result.rows],
    )
    for row in result.rows:
        if row.method in ("profile", "feldman-cousins", "expected"):
            click.echo(f"{row.parameter.name}, {_name_row(row)}: {row.how}")


def _limit_cells(row: LimitRow, several: bool) -> tuple[str, str, str, str]:
    what = f"{row.what} ({row.how})" if row.method == "published" else row.what
    scale = row.parameter.scale
    error = row.interval.largest_error
    exact = row.integrated
    return (
        f"{row.parameter.name}: {what}" if several else what,
        _in_lines(row.interval, scale),
        "" if error is None else number(error / scale, 2),
        _in_lines(exact, scale, 5) if exact else "",
    )


def _in_lines(found: Interval, scale: float, digits: int = 4) -> str:
    """Every piece of an interval in a line of its own."""
    return intervals(found.pieces, scale, digits).replace(" and ", " and\n")


def _print_parameters(result: RunResult) -> None:
    head = ("parameter", "median", "R-hat", "bulk ESS", "tail ESS", "others")
    table("", head, [_parameter_cells(name, each) for name, each in result.parameters.items()])


def _parameter_cells(name: str, each: ParameterResult) -> tuple[str, ...]:
    return (
        name,
        number(each.interval.median / each.parameter.scale),
        number(each.diagnostics.rhat, 5),
        f"{each.diagnostics.ess_bulk:.0f}",
        f"{each.diagnostics.ess_tail:.0f}",
        each.others,
    )


def _name_row(row: LimitRow) -> str:
    """What a row is, without what its line in the table says already."""
    return row.what.partition(" (")[0].partition(": median")[0]


def _print_notes(result: RunResult) -> None:
    for said in result.notes:
        click.echo(said)
    for name, note in _notes(result):
        if note:
            click.echo(f"{name}: {note}")


def _notes(result: RunResult) -> Iterator[tuple[str, str | None]]:
    """Notes on parameters, then on limits."""
    for name, each in result.parameters.items():
        yield name, each.note
    for row in result.rows:
        yield row.parameter.name, row.note


def print_fit(model: Model, judged: ToyResult) -> None:
    """What has to be known beside anything that is read off a fitted model."""
    print_toys(judged)
    for note in model.notes:
        click.echo(note)


def print_toys(toy_result: ToyResult) -> None:
    """The goodness of the fit, and what a reader of the limit has to know."""
    goodness = toy_result.goodness
    if goodness is not None:
        click.echo(goodness.sentence)
    if toy_result.compatibility is not None:
        click.echo(f"agreement of the data sets: {toy_result.compatibility.in_words}")
    for remark in toy_result.remarks:
        click.echo(remark)


def _print_derived(result: RunResult, scale: float) -> None:
    if not result.derived:
        return
    first = next(iter(result.derived.values()))
    title = f"derived: {name_credible(first)}, prior {first.prior}"
    head = ("quantity", "median", "interval", "MC error", "the prior's own")
    table(title, head, [_derived_cells(name, each, scale) for name, each in result.derived.items()])


def _derived_cells(name: str, each: DerivedInterval, scale: float) -> tuple[str, ...]:
    error = each.largest_error
    return (
        name,
        number(each.median / scale),
        _in_lines(each, scale),
        "" if error is None else number(error / scale, 2),
        interval(each.of_prior.lower, each.of_prior.upper, scale),
    )


def _print_verdict(result: RunResult) -> None:
    verdict = result.verdict
    length = f"{verdict.steps} stored steps per walker, {verdict.burn_in} left out as burn-in"
    if result.thinned_by > 1:
        length += f", one draw in {result.thinned_by} read"
    if verdict.converged:
        click.echo(f"converged: {length}, autocorrelation time {verdict.tau:.1f}")
    else:
        click.echo(f"NOT CONVERGED ({length}): " + "; ".join(verdict.missing))


def _print_files(chain: Path) -> None:
    place = chain.parent
    names = (chain.name, config.CONFIG, *(folder.place_beside(chain, name).name for name in folder.FIGURES))
    files = [name for name in names if (place / name).is_file()]
    click.echo(f"in {place}{os.sep}: {', '.join(files)}")
