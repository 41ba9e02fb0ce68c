"""`coverage`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.options import (
    analysis_options,
    campaign_options,
    cl_option,
    experiments_argument,
    figure_option,
    given_options,
    json_option,
    parameter_options,
)
from bayesnu.cli.output import check_figure, json_out, table
from bayesnu.support.text import number, percent

if TYPE_CHECKING:
    from bayesnu.cli.campaigns import Asked
    from bayesnu.studies.coverage import Coverage


@click.command()
@experiments_argument()
@parameter_options()
@cl_option("Confidence level and credible probability.")
@click.option("--points", type=int, default=9, show_default=True, help="True values.")
@click.option(
    "--nuisance-shift", type=float, default=0.0, show_default=True, help="Move every true nuisance by so many of its widths."
)
@figure_option("the curves")
@campaign_options(2_000)
@analysis_options()
@json_option()
def coverage(
    experiments: tuple[str, ...],
    cl: float,
    points: int,
    nuisance_shift: float,
    toys: int,
    figure: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Coverage of every kind of interval over the true value, from toy experiments."""
    from bayesnu.cli.campaigns import choose_campaign

    asked = choose_campaign(experiments, given_options(options))
    check_figure(figure)
    how = Measured(cl, points, nuisance_shift, toys)
    answers = [_answer(asked, index, how, figure, as_json) for index in range(len(asked.run.parameters))]
    if as_json:
        json_out(answers if len(answers) > 1 else answers[0])


@dataclass(frozen=True)
class Measured:
    """How coverage is measured: level, number of true values, widths by which nuisances are off, and toys."""

    cl: float
    points: int
    nuisance_shift: float
    toys: int


def _answer(asked: Asked, index: int, how: Measured, figure: str | None, as_json: bool) -> dict[str, Any]:
    """Measure the coverage of one physics parameter; print it, unless the answer is to be JSON."""
    from bayesnu.cli.about_json import about_run
    from bayesnu.cli.campaigns import carry_out, name_figure, print_remarks, title_of
    from bayesnu.studies import coverage as study
    from bayesnu.studies.toy_tasks import fitter_of

    made = study.plan_coverage(asked.run, how.points, how.toys, asked.seed, how.cl, how.nuisance_shift, index)
    found = study.coverages_of(made.settings, carry_out(made, asked, index))
    model = fitter_of(made.settings).model
    prior = model.parameters[0]
    if figure:
        from bayesnu.studies.figures.toys import coverage_plot

        coverage_plot(prior, found, how.cl, name_figure(figure, asked.run, index))
    if not as_json:
        off = f"nuisances {how.nuisance_shift:+g} widths off" if how.nuisance_shift else "nuisances nominal"
        what = f"{found[0].toys} toys per true value, {off}; true values of {title_of(prior, asked.run)}"
        _print(found, f"Coverage of {percent(how.cl)} intervals in %, {what}")
        if model.n_physics > 1:
            click.echo("no credible intervals: their coverage is measured for one physics parameter alone")
        failed = sum(int(each.failed.sum()) for each in found)
        print_remarks(model, failed, sum(each.toys * len(each.values) for each in found))
    values = [value * prior.scale for value in found[0].values]
    return {
        **about_run(asked.run),
        "notes": model.notes,
        "parameter": prior.name,
        "unit": prior.unit,
        "others": "profiled" if model.n_physics > 1 else "zero",
        "cl": how.cl,
        "intervals": [asdict(each) | {"values": values} for each in found],
    }


def _print(found: Sequence[Coverage], title: str) -> None:
    """A row for each kind of interval, a column for each true value."""
    table(
        title,
        ("interval", *(number(value, 3) for value in found[0].values)),
        [(each.interval, *(f"{100 * share:.1f}" for share in each.coverage)) for each in found],
    )
    click.echo(f"largest binomial error {max(each.error.max() for each in found):.2%}")
