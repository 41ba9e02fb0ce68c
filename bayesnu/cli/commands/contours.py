"""`contours`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.options import analysis_options, experiments_argument, given_options, json_option
from bayesnu.support.errors import BayesnuError

if TYPE_CHECKING:
    from bayesnu.inference.joint import Joint


@click.command()
@experiments_argument()
@click.option("--parameters", required=True, metavar="X,Y", help="Two parameters, as r2_nu_e,r2_nu_mu or q_nu,mu_nu.")
@click.option("--output", type=str, metavar="FILE", help="The figure (png or pdf).")
@analysis_options()
@json_option()
def contours(experiments: tuple[str, ...], parameters: str, output: str | None, as_json: bool, **options: Any) -> None:
    """Posterior regions and profile-likelihood contours of two parameters: a figure, with --json the values."""
    from bayesnu.cli.about_json import about_fit, about_model
    from bayesnu.cli.figures import check_output, finish
    from bayesnu.cli.models import choose_model, choose_preset
    from bayesnu.cli.run_tables import print_fit
    from bayesnu.inference.joint import joint
    from bayesnu.inference.settings import Settings
    from bayesnu.inference.toys.fitter import ToyFitter
    from bayesnu.inference.toys.result import judge_fit

    check_output(output, as_json)
    given = given_options(options)
    model = choose_model(experiments, _pair(parameters), given)
    found = joint(model)
    if output:
        from bayesnu import plots

        plots.contour_plot(found, output)
    judged = judge_fit(ToyFitter(model), Settings.seed)
    about = about_model(model, choose_preset(given)) | about_fit(model, judged)
    finish(output, about | _as_dict(found) if as_json else None)
    if not as_json:
        print_fit(model, judged)


def _pair(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if len(words) != 2:
        raise BayesnuError("--parameters: needs two names with a comma, as r2_nu_e,r2_nu_mu")
    return words


def _as_dict(found: Joint) -> dict[str, Any]:
    import numpy as np

    from bayesnu.inference.joint import PROBABILITIES, PROFILE_PROBABILITIES, profile_level
    from bayesnu.model.priors import describe

    scales = np.array([prior.scale for prior in found.model.physics])
    area = scales.prod()
    return {
        "parameters": [prior.name for prior in found.model.physics],
        "units": [prior.unit for prior in found.model.physics],
        "priors": [describe(prior) for prior in found.model.physics],
        "best_fits": found.best * scales,
        "best_fit_is_a_point": not found.is_ridge,
        "chi2_min": found.chi2_min,
        "profile_levels": [
            {"kind": "profile", "probability": p, "delta_chi2": profile_level(p)} for p in PROFILE_PROBABILITIES
        ],
        "posterior_levels": [{"kind": "hdi", "probability": p, "density": found.hpd_level(p) / area} for p in PROBABILITIES],
        "open": found.is_open,
        "x": found.x * scales[0],
        "y": found.y * scales[1],
        "delta_chi2": found.delta_chi2,
        "density": found.density / area,
    }
