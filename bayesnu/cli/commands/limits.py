"""`limits`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.options import (
    analysis_options,
    cl_option,
    experiments_argument,
    given_options,
    json_option,
    no_toys_option,
    parameter_options,
)
from bayesnu.cli.output import json_out, table
from bayesnu.support.text import intervals, number

if TYPE_CHECKING:
    from bayesnu.inference.interval import ProfileInterval, ValueTest
    from bayesnu.inference.profiler import Others
    from bayesnu.inference.toys.result import ToyResult
    from bayesnu.runs.result import LimitRow


@click.command()
@experiments_argument()
@parameter_options()
@cl_option()
@click.option("--one-sided", is_flag=True, help="Use the one-sided quantile (1.64 at 90 %), for moments.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the toy experiments.")
@no_toys_option()
@analysis_options()
@json_option()
def limits(
    experiments: tuple[str, ...], cl: float, one_sided: bool, seed: int, no_toys: bool, as_json: bool, **options: Any
) -> None:
    """Profile-likelihood intervals, with what toy experiments say of them."""
    from bayesnu.cli.about_json import about_model
    from bayesnu.cli.models import choose_model, choose_parameters, choose_preset
    from bayesnu.inference.fits import Fits
    from bayesnu.inference.toys.result import find_toy_result
    from bayesnu.model.choices import describe_choices

    given = given_options(options)
    parameters = choose_parameters(given)
    fits = Fits(choose_model(experiments, parameters, given))
    places = range(fits.model.n_physics)
    others: Others = "profiled" if len(places) > 1 else "zero"
    found = [fits.interval(index, cl=cl, one_sided=one_sided, others=others) for index in places]
    tests = [fits.value_test(index, others) for index in places]
    toy_result = None if no_toys else find_toy_result(fits.model, cl, seed)
    if as_json:
        about = about_model(fits.model, choose_preset(given)) | {"notes": fits.model.notes}
        _print_json(about, found, tests, toy_result)
        return
    choices = describe_choices(choose_preset(given), fits.model.analysis)
    _print(found, f"{' + '.join(experiments)}, preset {choices}")
    for test in filter(None, tests):
        click.echo(test.sentence)
    if toy_result is not None:
        _print_toys(toy_result, cl)
    for note in fits.model.notes:
        click.echo(note)


def _print_json(
    about: dict[str, Any], found: list[ProfileInterval], tests: list[ValueTest | None], toy_result: ToyResult | None
) -> None:
    """One table, or a list of them for several parameters; `toys` and `notes` are about all parameters together."""
    from bayesnu.cli.interval_json import as_dict, value_test_as_dict
    from bayesnu.runs.toy_json import toys_to_json

    toys = None if toy_result is None else toys_to_json(toy_result.in_units())
    rows = [about | as_dict(each) | {"toys": toys} for each in found]
    for row, test in zip(rows, tests, strict=True):
        if test is not None:
            row["test"] = value_test_as_dict(test)
    json_out(rows if len(rows) > 1 else rows[0])


def _print_toys(toy_result: ToyResult, cl: float) -> None:
    """What toys say of the limits, then of the fit."""
    from bayesnu.cli.run_tables import print_toys
    from bayesnu.runs.toy_rows import toy_rows

    rows = list(toy_rows(toy_result, cl))
    names = [f"{row.parameter.name}: " if len(toy_result.limits) > 1 else "" for row in rows]
    if rows:
        cells = [_toy_cells(name, row) for name, row in zip(names, rows, strict=True)]
        table("", ("from toys", "value", "MC error"), cells)
    for name, row in zip(names, rows, strict=True):
        click.echo(f"{name}{row.what.split(':')[0]}: {row.how}")
    print_toys(toy_result)


def _toy_cells(name: str, row: LimitRow) -> tuple[str, str, str]:
    error = row.interval.largest_error
    return name + row.what, intervals(row.interval.pieces, 1.0), "" if error is None else number(error, 2)


def _print(found: list[ProfileInterval], where: str) -> None:
    first = found[0]
    table(
        f"{first.parameter.em_property.column}, {where}: profile likelihood, "
        f"{first.side}, Delta chi^2 = {first.delta_chi2:.4g}",
        ("flavour", "others", "best fit", "interval"),
        [_cells(each) for each in found],
    )
    for each in found:
        click.echo(f"{each.parameter.flavour}: {each.status}")


def _cells(each: ProfileInterval) -> tuple[str, ...]:
    return (each.parameter.flavour, each.others, number(each.best_fit), intervals(each.pieces, 1.0))
