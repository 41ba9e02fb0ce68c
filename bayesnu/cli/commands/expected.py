"""`expected`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isinf
from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.options import (
    analysis_options,
    campaign_options,
    cl_option,
    experiments_argument,
    given_options,
    json_option,
    parameter_options,
)
from bayesnu.cli.output import json_out, table
from bayesnu.support.text import intervals, number, percent

NONE = "not found"

if TYPE_CHECKING:
    from bayesnu.cli.campaigns import Asked
    from bayesnu.inference.toys.expected import ExpectedLimit
    from bayesnu.inference.toys.goodness import Goodness


@click.command()
@experiments_argument()
@parameter_options()
@cl_option()
@campaign_options(10_000, said="Toy experiments.")
@analysis_options()
@json_option()
def expected(experiments: tuple[str, ...], cl: float, toys: int, as_json: bool, **options: Any) -> None:
    """Expected limits without a signal, with their 68 and 95 % bands, and the goodness of fit, from toy experiments."""
    from bayesnu.cli.campaigns import choose_campaign

    asked = choose_campaign(experiments, given_options(options))
    answers = [_answer(asked, index, cl, toys, as_json) for index in range(len(asked.run.parameters))]
    if as_json:
        json_out(answers if len(answers) > 1 else answers[0])


def _answer(asked: Asked, index: int, cl: float, toys: int, as_json: bool) -> dict[str, Any]:
    """Make the toys of one physics parameter; print what they say, unless the answer is to be JSON."""
    from bayesnu.cli.about_json import about_fit, about_run
    from bayesnu.cli.campaigns import carry_out, print_remarks, title_of
    from bayesnu.cli.interval_json import as_dict
    from bayesnu.cli.run_tables import print_toys
    from bayesnu.inference import profile
    from bayesnu.inference.toys.result import judge_fit
    from bayesnu.runs.toy_json import expected_to_json, goodness_to_json
    from bayesnu.studies import expected as study
    from bayesnu.studies.toy_tasks import fitter_of

    made = study.plan_expected(asked.run, toys, asked.seed, cl, index)
    results = carry_out(made, asked, index)
    limits = study.expected_limits(made.settings, results)
    fits = study.goodness(made.settings, results)
    fitter = fitter_of(made.settings)
    judged = replace(judge_fit(fitter, asked.seed), goodness=None)  # its own toys have told that
    model = fitter.model
    prior = model.parameters[0]
    seen = profile.interval(model, cl=cl, others="profiled" if model.n_physics > 1 else "zero")
    if not as_json:
        _print_limits(limits, f"{title_of(prior, asked.run)}: {percent(cl)}")
        if len(seen.pieces) > 1:
            click.echo(f"the observed interval is {intervals(seen.pieces, 1.0)}; the table holds outermost ends")
        _print_fits(fits)
        print_toys(judged)
        failed = sum(each.failed for each in limits) + sum(each.p_value.failed for each in fits)
        print_remarks(model, failed, sum(each.toys for each in limits) + sum(each.p_value.toys for each in fits))
    return {
        **about_run(asked.run),
        **about_fit(model, judged),
        "parameter": prior.name,
        "unit": prior.unit,
        "cl": cl,
        "observed": as_dict(seen),
        "limits": [expected_to_json(each.scaled(prior.scale)) for each in limits],
        "fits": [goodness_to_json(each) for each in fits],
    }


def _print_limits(limits: Sequence[ExpectedLimit], what: str) -> None:
    from bayesnu.inference.toys.expected import BANDS

    table(
        f"{what} profile likelihood in {limits[0].toys} toys of the Standard Model, value ± Monte-Carlo error",
        ("end", *BANDS, "observed", "toys below"),
        [_cells(each) for each in limits],
    )
    for each in limits:
        if each.open:
            click.echo(f"{each.open} of {each.toys} toys have no {each.end.name} end in the range; it counts as infinite")


def _cells(each: ExpectedLimit) -> tuple[str, ...]:
    return (
        f"{each.end.name}, Δχ² = {each.end.delta_chi2:.2f}",
        *(_value_cell(value, error) for value, error in each.bands.values()),
        NONE if isinf(each.observed) else number(each.observed),
        f"{each.below:.1%}",
    )


def _value_cell(value: float, error: float) -> str:
    return NONE if isinf(value) else f"{number(value)} ± {number(error, 1)}"


def _print_fits(fits: Sequence[Goodness]) -> None:
    table("", ("goodness of fit", "minimal χ²", "bins", "p-value"), [_fit_cells(each) for each in fits])


def _fit_cells(each: Goodness) -> tuple[str, ...]:
    p_value = each.p_value.in_words.removeprefix("p ").removeprefix("= ")
    return each.model, number(each.chi2), str(each.bins), p_value
