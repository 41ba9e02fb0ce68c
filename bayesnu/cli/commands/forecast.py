"""`forecast`."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.options import (
    analysis_options,
    campaign_options,
    cl_option,
    figure_option,
    given_options,
    json_option,
    parameter_options,
)
from bayesnu.cli.output import check_figure, json_out, table
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import intervals, number, percent

if TYPE_CHECKING:
    from bayesnu.cli.campaigns import Asked
    from bayesnu.experiments import Setting
    from bayesnu.inference.toys.expected import ExpectedLimit
    from bayesnu.model.polynomial import Model
    from bayesnu.physics.properties import PhysicsParameter
    from bayesnu.runs.task import Campaign
    from bayesnu.studies.forecast import Discovery, Forecast

ENSEMBLE = "toys are drawn around the Standard Model, nuisances at their published values"
PRESENT = "present data enter by what is expected of them, not by what they observed"


@click.command()
@click.argument("detectors", nargs=-1, required=True, metavar="DETECTOR...")
@parameter_options()
@click.option("--exposure", type=str, metavar="X,X,...", help="Exposures of every detector in t yr [default: the file's].")
@click.option("--threshold-kev", type=str, metavar="T,T,...", help="Where the region begins, in keV.")
@click.option(
    "--efficiency",
    "moved",
    type=click.Choice(["shift", "stretch", "step"]),
    default="shift",
    show_default=True,
    help="How the efficiency follows the threshold: shifted, stretched, or replaced by a step of its plateau.",
)
@click.option(
    "--scale", type=str, multiple=True, metavar="COMPONENT=F,F,...", help="Factors on the rate of a background component."
)
@click.option(
    "--widths",
    type=click.Choice(["fixed", "sqrt"]),
    default="fixed",
    show_default=True,
    help="Widths of the backgrounds: as in the file, or smaller with the square root of the exposure.",
)
@click.option("--true", "true", type=float, help="Injected value, in mu_B, e or cm^2: how significantly it is found.")
@click.option("--against", type=float, help="The value that is tested then [default: that of the Standard Model].")
@click.option("--posterior", is_flag=True, help="Integrate the posterior of the Asimov data, too: seconds for each setting.")
@click.option("--with", "present", type=str, multiple=True, metavar="EXPERIMENT", help="Present data to combine with.")
@cl_option()
@campaign_options(1_000, said="Toy experiments of every setting.")
@figure_option("the limits against what differs between the settings")
@analysis_options()
@json_option()
def forecast(
    detectors: tuple[str, ...],
    exposure: str | None,
    threshold_kev: str | None,
    moved: str,
    scale: tuple[str, ...],
    widths: str,
    true: float | None,
    against: float | None,
    posterior: bool,
    present: tuple[str, ...],
    cl: float,
    toys: int,
    figure: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Expected limits and discoveries of detectors of the future, or of data sets with another exposure.

    The preset is `forecast` unless another is given.
    """
    from bayesnu.cli.campaigns import carry_out, choose_campaign
    from bayesnu.studies import forecast as study

    check_figure(figure)
    settings = study.list_settings(
        _read_list("--exposure", exposure),
        _read_list("--threshold-kev", threshold_kev),
        _read_factors(scale),
        constraints=widths,
        moved=moved,
    )
    asked = choose_campaign((*detectors, *present), {"preset": "forecast"} | given_options(options))
    if len(asked.run.parameters) > 1:
        raise BayesnuError(f"--flavour: found '{asked.run.flavour}', which is several parameters; a forecast takes one")
    model = study.forecast_model(asked.run, len(detectors), settings[0])
    test = _choose_test(model, true, against)
    made = study.plan_forecast(asked.run, len(detectors), settings, toys, asked.seed, cl, test, posterior)
    forecasts = study.forecasts_of(made.settings, carry_out(made, asked))
    parameter = model.of_interest[0]
    notes = (*model.notes, ENSEMBLE, *([PRESENT] if present else []))
    if figure:
        from bayesnu.studies.figures.forecast import forecast_plot

        forecast_plot(forecasts, parameter, " + ".join((*detectors, *present)), figure)
    if as_json:
        json_out(_as_dict(asked, forecasts, parameter, notes, cl))
        return
    _print(asked, forecasts, parameter, cl, made)
    for note in notes:
        click.echo(note)


def _choose_test(model: Model, true: float | None, against: float | None) -> Any:
    """The values of a discovery in the units of the model; None where neither is given."""
    from bayesnu.physics.properties import read_value
    from bayesnu.studies.forecast import Test

    if true is None and against is None:
        return None
    parameter = model.of_interest[0]
    standard = model.standard[0]
    values = [standard if each is None else read_value(parameter, each / parameter.scale) for each in (true, against)]
    return Test(*values)


def _read_list(flag: str, text: str | None) -> list[float]:
    try:
        return [] if text is None else [float(word) for word in text.split(",")]
    except ValueError:
        raise BayesnuError(f"{flag}: found {text!r:.60}; must be numbers with commas, as 1,10,100") from None


def _read_factors(given: Sequence[str]) -> dict[str, list[float]]:
    factors = {}
    for each in given:
        name, sign, values = each.rpartition("=")
        if not sign or not name:
            raise BayesnuError(f"--scale: found {each!r:.60}; must be a component and factors, as 222Rn=0.1,1")
        factors[name] = _read_list("--scale", values)
    return factors


def _describe(setting: Setting) -> str:
    """A setting in words."""
    said = [] if setting.tonne_years is None else [f"{setting.tonne_years:g} t yr"]
    said += [] if setting.threshold_kev is None else [f"{setting.threshold_kev:g} keV"]
    said += [f"{name} x {factor:g}" for name, factor in setting.factors.items()]
    return ", ".join(said) or "as in the file"


def _print(asked: Asked, forecasts: Sequence[Forecast], parameter: PhysicsParameter, cl: float, made: Campaign) -> None:
    from bayesnu.inference.toys.expected import BANDS
    from bayesnu.runs.run import preset_note

    where = f"{' + '.join(asked.run.experiments)}, preset {preset_note(asked.run)}"
    toys = forecasts[0].limits[0].toys
    column = f"{parameter.name} [{parameter.scaled_unit}]" if parameter.unit else parameter.name
    rows = [
        (_describe(each.setting), *_cells(limit, error))
        for each in forecasts
        for limit, error in zip(each.limits, each.asimov_errors, strict=True)
    ]
    table(
        f"{column}, {where}: {percent(cl)} profile likelihood in {toys} toys, median ± Monte-Carlo error",
        ("setting", "end", *BANDS, "Asimov", "less median"),
        rows,
        text=2,
    )
    found = [(each, each.credible) for each in forecasts if each.credible is not None]
    for each, credible in found:
        kind = {"upper": "upper limit", "eti": "equal tails"}[credible.kind]
        said = intervals(credible.pieces, 1.0)
        error = number(credible.largest_error or 0.0, 1)
        click.echo(f"{_describe(each.setting)}: {percent(cl)} credible, {kind}, flat prior, Asimov data: {said} ± {error}")
    for each in forecasts:
        if each.discovery is not None:
            click.echo(f"{_describe(each.setting)}: {_describe_discovery(each.discovery, cl)}")


def _cells(limit: ExpectedLimit, error: float) -> tuple[str, ...]:
    values = [_number(value) for value, _ in limit.bands.values()]
    median, median_error = limit.bands["median"]
    values[2] = f"{number(median)} ± {number(median_error, 1)}" if isfinite(median) else "not found"
    end = f"{limit.end.name}, Δχ² = {limit.end.delta_chi2:.2f}"
    return (end, *values, _number(limit.observed), _number(error))


def _number(value: float) -> str:
    return number(value) if isfinite(value) else "not found"


def _describe_discovery(found: Discovery, cl: float) -> str:
    low, median, high = (found.bands[name][0] for name in ("-1 sigma", "median", "+1 sigma"))
    error = found.bands["median"][1]
    power, power_error = (100 * each for each in found.power)
    alarms, alarms_error = (100 * each for each in found.false_alarms)
    return (
        f"with {found.test.true:g} true, {found.test.against:g} is excluded at {median:.2f} ± {error:.2f} standard "
        f"deviations in the median ({low:.2f} to {high:.2f} in 68 % of the toys), {found.p_value.in_words}; beyond 3 "
        f"in {power:.1f} ± {power_error:.1f} %; false exclusions at {percent(cl)}: {alarms:.1f} ± {alarms_error:.1f} %, "
        f"nominal {100 * found.nominal_alarms:.1f} %"
    )


def _as_dict(
    asked: Asked, forecasts: Sequence[Forecast], parameter: PhysicsParameter, notes: Sequence[str], cl: float
) -> dict[str, Any]:
    from bayesnu.cli.about_json import about_run

    return about_run(asked.run) | {
        "notes": notes,
        "parameter": parameter.name,
        "unit": parameter.unit,
        "cl": cl,
        "forecasts": [_forecast_as_dict(each.scaled(parameter.scale)) for each in forecasts],
    }


def _forecast_as_dict(each: Forecast) -> dict[str, Any]:
    """A forecast as JSON, in mu_B, e or cm^2; its `observed` is that of the Asimov data."""
    from dataclasses import asdict

    from bayesnu.runs.result_json import ends_to_json
    from bayesnu.runs.toy_json import expected_to_json

    limits = [expected_to_json(limit) for limit in each.limits]
    for limit, error in zip(limits, each.asimov_errors, strict=True):
        limit["asimov"] = limit.pop("observed")
        limit["asimov_less_median"] = error
    credible = None
    if each.credible is not None:
        credible = ends_to_json(each.credible) | {"kind": each.credible.kind, "prior": "flat"}
    discovery = None if each.discovery is None else asdict(each.discovery)
    return {"setting": asdict(each.setting), "limits": limits, "credible": credible, "discovery": discovery}
