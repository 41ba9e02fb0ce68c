"""`curve`."""

from __future__ import annotations

from collections.abc import Sequence
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
from bayesnu.support.errors import BayesnuError

if TYPE_CHECKING:
    from bayesnu.inference.fits import Fits
    from bayesnu.inference.interval import ProfileInterval
    from bayesnu.inference.line import Scan
    from bayesnu.inference.settings import Settings
    from bayesnu.physics.properties import PhysicsParameter

QUANTILES = (0.05, 0.16, 0.5, 0.84, 0.9, 0.95)


@click.command()
@experiments_argument()
@parameter_options()
@cl_option("Confidence level and credible probability.")
@click.option("--output", type=str, metavar="FILE", help="The figure (png or pdf).")
@analysis_options()
@json_option()
def curve(experiments: tuple[str, ...], cl: float, output: str | None, as_json: bool, **options: Any) -> None:
    """Profile likelihood and posterior of one parameter as curves: a figure, with --json the values."""
    from bayesnu.cli.about_json import about_fit, about_model
    from bayesnu.cli.figures import check_output, finish
    from bayesnu.cli.models import choose_model, choose_parameters, choose_preset
    from bayesnu.cli.run_tables import print_fit
    from bayesnu.inference.fits import Fits
    from bayesnu.inference.marginal import describe_edges
    from bayesnu.inference.profile import fine_scan
    from bayesnu.inference.settings import Settings, usual_kind
    from bayesnu.inference.toys.result import judge_fit

    check_output(output, as_json)
    given = given_options(options)
    parameters = choose_parameters(given)
    if len(parameters) > 1:
        found = f"found '{options['flavour']}', which is {len(parameters)} parameters"
        raise BayesnuError(f"--flavour: {found}; a curve needs one")
    fits = Fits(choose_model(experiments, parameters, given))
    (parameter,) = fits.model.of_interest
    settings = Settings(usual_kind(parameter), cl)
    intervals = [fits.interval(cl=cl, one_sided=side) for side in _sides(parameter, cl)]
    scan = fine_scan(fits.line())
    if output:
        from bayesnu import plots

        plots.profile_plot(fits.model, scan, fits.marginal, settings, output, intervals=intervals)
    judged = judge_fit(fits.fitter, settings.seed)
    about = about_model(fits.model, choose_preset(given)) | about_fit(fits.model, judged)
    about["notes"] = [*fits.model.notes, *describe_edges(fits.marginal)]
    finish(output, about | _as_dict(fits, scan, intervals, settings) if as_json else None)
    if not as_json:
        print_fit(fits.model, judged)
        for edge in describe_edges(fits.marginal):
            click.echo(edge)


def _sides(parameter: PhysicsParameter, cl: float) -> tuple[bool, ...]:
    """Two-sided, and one-sided where the parameter has no sign and a one-sided level is above the minimum."""
    if parameter.signed or cl <= 0.5:
        return (False,)
    return (False, True)


def _as_dict(fits: Fits, scan: Scan, intervals: Sequence[ProfileInterval], settings: Settings) -> dict[str, Any]:
    from bayesnu.cli.interval_json import as_dict, integrated_as_dict

    (prior,) = fits.model.physics
    posterior = fits.marginal
    return {
        "parameter": prior.name,
        "unit": prior.unit,
        "values": scan.values * prior.scale,
        "delta_chi2": scan.rise,
        "posterior_density": posterior.mean_density(scan.values) / prior.scale,
        "posterior_method": posterior.method,
        "posterior_quantiles": {f"{p:g}": posterior.quantile(p) * prior.scale for p in QUANTILES},
        "posterior_quantile_errors": {f"{p:g}": posterior.error(p) * prior.scale for p in QUANTILES},
        "credible": integrated_as_dict(posterior.interval(settings.kind, settings.probability), prior),
        "best_fit": scan.best_value * prior.scale,
        "chi2_min": scan.chi2_min,
        "profile": [as_dict(each) for each in intervals],
    }
