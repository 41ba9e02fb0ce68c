"""`feldman-cousins`."""

from __future__ import annotations

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
from bayesnu.support.text import intervals, number, percent

if TYPE_CHECKING:
    from bayesnu.cli.campaigns import Asked
    from bayesnu.inference.interval import Piece, ProfileInterval
    from bayesnu.inference.toys.belt import Belt
    from bayesnu.model.priors import Prior


@click.command("feldman-cousins")
@experiments_argument()
@parameter_options()
@cl_option("Confidence level; another one needs no new toys.")
@click.option("--points", type=int, default=31, show_default=True, help="Tested values.")
@figure_option("the belt")
@campaign_options(10_000)
@analysis_options()
@json_option()
def feldman_cousins(
    experiments: tuple[str, ...], cl: float, points: int, toys: int, figure: str | None, as_json: bool, **options: Any
) -> None:
    """Interval with critical values from toy experiments, nuisances profiled on the data."""
    from bayesnu.cli.campaigns import choose_campaign
    from bayesnu.inference.interval import delta_chi2

    asked = choose_campaign(experiments, given_options(options))
    delta_chi2(cl)  # a mistake is found before the toys are made
    check_figure(figure)
    answers = [_answer(asked, index, cl, points, toys, figure, as_json) for index in range(len(asked.run.parameters))]
    if as_json:
        json_out(answers if len(answers) > 1 else answers[0])


def _answer(
    asked: Asked, index: int, cl: float, points: int, toys: int, figure: str | None, as_json: bool
) -> dict[str, Any]:
    """Make the belt of one physics parameter; print it, unless the answer is to be JSON."""
    from bayesnu.cli.about_json import about_fit, about_run
    from bayesnu.cli.campaigns import carry_out, name_figure, print_remarks, title_of
    from bayesnu.cli.run_tables import print_toys
    from bayesnu.inference import profile
    from bayesnu.inference.toys.result import judge_fit
    from bayesnu.studies import feldman_cousins as belts
    from bayesnu.studies.toy_tasks import fitter_of

    made = belts.plan_belt(asked.run, points, toys, asked.seed, index)
    belt = belts.belt_of(made.settings, carry_out(made, asked, index), cl)
    fitter = fitter_of(made.settings)
    model = fitter.model
    prior = model.parameters[0]
    wilks = profile.interval(model, 0, cl=cl, others="profiled" if model.n_physics > 1 else "zero")
    judged = judge_fit(fitter, asked.seed)
    if figure:
        from bayesnu.studies.figures.toys import belt_plot

        belt_plot(prior, belt, wilks, name_figure(figure, asked.run, index))
    if not as_json:
        _print(belt, prior, wilks, title_of(prior, asked.run))
        print_toys(judged)
        print_remarks(model, belt.failed, belt.toys)
    return about_run(asked.run) | about_fit(model, judged) | _as_dict(belt, prior, wilks)


def _print(belt: Belt, prior: Prior, wilks: ProfileInterval, title: str) -> None:
    """The belt as a table, and the interval beside the one of a fixed level."""
    columns = (belt.values, belt.observed, belt.critical, belt.critical_error, belt.p_value, belt.accepted)
    rows = zip(*columns, strict=True)
    table(
        f"{title}: Feldman-Cousins, {percent(belt.cl)}, {belt.toys} toys",
        ("true value", "statistic of the data", "critical value", "MC error", "p-value", "accepted"),
        [_cells(*row) for row in rows],
        text=0,
    )
    accepted = zip(belt.interval.pieces, belt.interval.errors, strict=True)
    pieces = " and ".join(_in_words(*each) for each in accepted) or "empty"
    click.echo(f"{prior.column}, {percent(belt.cl)} Feldman-Cousins, nuisances profiled on the data: {pieces}")
    level = f"the fixed level Δχ² = {wilks.delta_chi2:.2f} gives {intervals(wilks.pieces, 1.0)}"
    click.echo(f"{level}; coverage is exact only at the profiled nuisances")


def _cells(value: float, observed: float, critical: float, error: float, p_value: float, accepted: bool) -> list[str]:
    return [*(number(each) for each in (value, observed, critical, error, p_value)), "yes" if accepted else "no"]


def _in_words(piece: Piece, errors: Piece) -> str:
    """The ends of a piece with their Monte-Carlo errors."""
    return f"{_end_in_words(piece.lower, errors.lower)} … {_end_in_words(piece.upper, errors.upper)}"


def _end_in_words(value: float | None, error: float | None) -> str:
    if value is None:
        return "(outside the tested values)"
    return number(value) + (f" ± {number(error, 1)}" if error else "")


def _as_dict(belt: Belt, prior: Prior, wilks: ProfileInterval) -> dict[str, Any]:
    """The belt as JSON, in mu_B, e or cm^2."""

    def with_error(value: float | None, error: float | None) -> dict[str, float | None] | None:
        return None if value is None else {"value": value, "mc_error": error}

    found = belt.interval.scaled(prior.scale)
    pairs = zip(found.pieces, found.errors, strict=True)
    return {
        "parameter": belt.parameter,
        "cl": belt.cl,
        "values": belt.values * prior.scale,
        "observed": belt.observed,
        "critical": belt.critical,
        "critical_error": belt.critical_error,
        "p_value": belt.p_value,
        "kind": "feldman-cousins",
        "probability": belt.cl,
        "prior": None,
        "others": wilks.others,
        "status": f"{belt.toys} toys at {len(belt.values)} tested values, nuisances profiled on the data",
        "intervals": [[with_error(p.lower, e.lower), with_error(p.upper, e.upper)] for p, e in pairs],
        "toys": belt.toys,
        "failed": belt.failed,
        "unit": prior.unit,
        "wilks": wilks.scaled(prior.scale).pieces,
    }
