"""`expected`."""

from __future__ import annotations

from collections.abc import Sequence
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
from bayesnu.support.text import number

if TYPE_CHECKING:
    from bayesnu.studies.expected import ExpectedLimit, Goodness


@click.command()
@experiments_argument()
@parameter_options()
@cl_option()
@campaign_options(10_000, said="Toy experiments.")
@analysis_options()
@json_option()
def expected(experiments: tuple[str, ...], cl: float, toys: int, as_json: bool, **options: Any) -> None:
    """Expected limits without a signal, with their 68 and 95 % bands, and the goodness of fit, from toy experiments."""
    from dataclasses import asdict

    from bayesnu.cli.campaigns import carry_out, choose_campaign, print_failures, title_of
    from bayesnu.studies import expected as study
    from bayesnu.studies.toy_tasks import fitter_of

    asked = choose_campaign(experiments, given_options(options))
    made = study.plan_expected(asked.run, toys, asked.seed, cl)
    results = carry_out(made, asked)
    limits = study.expected_limits(made.settings, results)
    fits = study.goodness(made.settings, results)
    prior = fitter_of(made.settings).model.parameters[0]
    if as_json:
        about = {"parameter": prior.name, "unit": prior.unit, "cl": cl}
        rows = [_as_dict(each, prior.scale) for each in limits]
        json_out(about | {"limits": rows, "fits": [asdict(each) for each in fits]})
        return
    _print_limits(limits, f"{title_of(prior, asked.run)}: {cl:.0%}")
    _print_fits(fits)
    failed = sum(each.failed for each in limits) + sum(each.failed for each in fits)
    print_failures(failed, sum(each.toys for each in limits) + sum(each.toys for each in fits))


def _as_dict(each: ExpectedLimit, scale: float) -> dict[str, Any]:
    from dataclasses import asdict

    bands = {name: [number * scale for number in pair] for name, pair in each.bands.items()}
    return asdict(each) | {"observed": each.observed * scale, "bands": bands}


def _print_limits(limits: Sequence[ExpectedLimit], what: str) -> None:
    from bayesnu.studies.expected import BANDS

    table(
        f"{what} profile likelihood in {limits[0].toys} toys of the Standard Model, value ± Monte-Carlo error",
        ("end", *BANDS, "observed", "toys below"),
        [_cells(each) for each in limits],
    )


def _cells(each: ExpectedLimit) -> tuple[str, ...]:
    return (
        f"{each.end}, Δχ² = {each.delta_chi2:.2f}",
        *(f"{number(value)} ± {number(error, 1)}" for value, error in each.bands.values()),
        number(each.observed),
        f"{each.below:.1%}",
    )


def _print_fits(fits: Sequence[Goodness]) -> None:
    table(
        "",
        ("goodness of fit", "minimal χ²", "bins", "p-value"),
        [(f.model, number(f.chi2), str(f.bins), f"{number(f.p_value, 3)} ± {number(f.error, 1)}") for f in fits],
    )
