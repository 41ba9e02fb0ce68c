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
    parameter_options,
)
from bayesnu.cli.output import json_out, table
from bayesnu.support.text import interval, number

if TYPE_CHECKING:
    from bayesnu.inference.interval import ProfileInterval


@click.command()
@experiments_argument()
@parameter_options()
@cl_option()
@click.option("--one-sided", is_flag=True, help="Use the one-sided quantile (1.64 at 90 %).")
@analysis_options()
@json_option()
def limits(experiments: tuple[str, ...], cl: float, one_sided: bool, as_json: bool, **options: Any) -> None:
    """Profile-likelihood intervals: nuisance parameters minimised, not sampled."""
    from bayesnu.cli.interval_json import as_dict
    from bayesnu.cli.models import choose_model, choose_parameters
    from bayesnu.inference.fits import Fits

    given = given_options(options)
    parameters = choose_parameters(given)
    fits = Fits(choose_model(experiments, parameters, given))
    several = fits.model.n_physics > 1
    found = [
        fits.interval(index, cl=cl, one_sided=one_sided, others="profiled" if several else "zero")
        for index in range(fits.model.n_physics)
    ]
    if as_json:
        rows = [as_dict(each) for each in found]
        json_out(rows if len(rows) > 1 else rows[0])
        return
    preset = given.get("preset", "default")
    _print(found, f"{' + '.join(experiments)}, preset {preset}")


def _print(found: list[ProfileInterval], where: str) -> None:
    first = found[0]
    table(
        f"{first.parameter.em_property.name} [{first.parameter.scaled_unit}], {where}: profile likelihood, "
        f"{first.cl:.0%} {_side_of(first)}, Delta chi^2 = {first.delta_chi2:.3f}",
        ("flavour", "others", "best fit", "interval"),
        [_cells(each) for each in found],
    )
    for each in found:
        click.echo(f"{each.parameter.flavour}: {each.status}")


def _side_of(found: ProfileInterval) -> str:
    if found.one_sided:
        return "one-sided"
    if found.parameter.signed:
        return "two-sided"
    return f"two-sided, {(1 + found.cl) / 2:.0%} as an upper limit"


def _cells(each: ProfileInterval) -> tuple[str, ...]:
    pieces = " and ".join(interval(low, high, 1.0) for low, high in each.pieces)
    return (each.parameter.flavour, each.others, number(each.best_fit), pieces)
