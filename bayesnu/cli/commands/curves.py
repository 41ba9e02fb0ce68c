"""`contours`, `curve` and `signals`: figures and numbers from fits and integration alone, without a chain."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from bayesnu import experiments
from bayesnu.cli.interval_json import as_dict
from bayesnu.cli.output import check_figure, json_out
from bayesnu.inference import joint, marginal, profile
from bayesnu.inference.settings import DEFAULT_KIND, Settings
from bayesnu.model import choices as choices_of
from bayesnu.model.builder import build
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import PROPERTIES, parameter_of, parameters_of
from bayesnu.support.errors import BayesnuError


def contours(names: tuple[str, ...], as_json: bool, options: dict[str, Any]) -> None:
    """Draw or print two parameters together."""
    output = _output(as_json, options)
    parameters = [word.strip() for word in options.pop("parameters", "").split(",")]
    if len(parameters) != 2:
        raise BayesnuError("--parameters: needs two names with a comma, as r2_nu_e,r2_nu_mu")
    found = joint.joint(_model(names, parameters, options))
    if output:
        from bayesnu import plots

        plots.contour_plot(found, output)
    _finish(output, _contours_as_dict(names, found) if as_json else None)


def curve(names: tuple[str, ...], as_json: bool, options: dict[str, Any]) -> None:
    """Draw or print the profile likelihood and the posterior of one parameter."""
    output = _output(as_json, options)
    parameter, flavour, cl = options.pop("parameter", None), options.pop("flavour", "common"), options.pop("cl")
    if parameter is None:
        raise BayesnuError(f"--parameter: none given; choose one of {', '.join(PROPERTIES)}")
    parameters = parameters_of(parameter, flavour)
    if len(parameters) > 1:
        raise BayesnuError(f"--flavour: found '{flavour}', which is {len(parameters)} parameters; a curve needs one")
    model, settings = _model(names, parameters, options), Settings(DEFAULT_KIND[parameter], cl)
    sides = (False,) if parameter_of(parameters[0]).signed else (False, True)
    intervals = [profile.interval(model, cl=cl, one_sided=side) for side in sides if not side or cl > 0.5]
    scan, posterior = profile.fine_scan(model), marginal.marginal(model)
    if output:
        from bayesnu import plots

        plots.profile_plot(model, scan, posterior, settings, output, intervals=intervals)
    scale = model.parameters[0].scale
    answer = {
        "experiments": names,
        "parameter": parameters[0],
        "unit": model.parameters[0].unit,
        "values": scan.values * scale,
        "delta_chi2": scan.chi2 - scan.chi2_min,
        "posterior_density": posterior.mean_density(scan.values) / scale,
        "posterior_method": posterior.method,
        "posterior_quantiles": {f"{p:g}": posterior.quantile(p) * scale for p in (0.05, 0.16, 0.5, 0.84, 0.9, 0.95)},
        "best_fit": scan.best_value * scale,
        "chi2_min": scan.chi2_min,
        "profile": [as_dict(each) for each in intervals],
    }
    _finish(output, answer if as_json else None)


def signals(name: str, output: str, options: dict[str, Any]) -> None:
    """Draw what the properties do to the spectrum of an experiment."""
    from bayesnu import plots

    analysis = choices_of.preset(options.pop("preset", "default"), **options)
    plots.signal_plot(experiments.load(name, analysis.inputs), analysis, output)
    _finish(output, None)


def _output(as_json: bool, options: dict[str, Any]) -> str | None:
    output: str | None = options.pop("output", None)
    if output is None and not as_json:
        raise BayesnuError("--output: none given; name a figure (png or pdf), or ask for --json")
    check_figure(output)
    return output


def _model(names: tuple[str, ...], parameters: list[str] | tuple[str, ...], options: dict[str, Any]) -> Model:
    analysis = choices_of.preset(options.pop("preset", "default"), **options)
    return build([experiments.load(name, analysis.inputs) for name in names], parameters, analysis)


def _finish(output: str | None, answer: dict[str, Any] | None) -> None:
    if answer is not None:
        json_out(answer)
    elif output:
        click.echo(f"wrote {output}")


def _contours_as_dict(names: tuple[str, ...], found: joint.Joint) -> dict[str, Any]:
    scales = np.array([prior.scale for prior in found.model.physics])
    return {
        "experiments": names,
        "parameters": [prior.name for prior in found.model.physics],
        "units": [prior.unit for prior in found.model.physics],
        "best_fits": found.best * scales,
        "best_fit_is_a_point": not found.is_ridge,
        "chi2_min": found.chi2_min,
        "profile_levels": [{"probability": p, "delta_chi2": joint.profile_level(p)} for p in joint.PROFILE_PROBABILITIES],
        "posterior_levels": [{"probability": p, "density": found.hpd_level(p) / scales.prod()} for p in joint.PROBABILITIES],
        "open": found.is_open,
        "x": found.x * scales[0],
        "y": found.y * scales[1],
        "delta_chi2": found.delta_chi2,
        "density": found.density / scales.prod(),
    }
