"""`calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bayesnu.cli.campaigns import watched
from bayesnu.cli.output import check_figure, json_out, table
from bayesnu.inference.ranks import LEVEL, POWER, TESTS
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import describe
from bayesnu.runs import campaign as campaigns
from bayesnu.runs import run
from bayesnu.runs.run import Run
from bayesnu.studies import calibration
from bayesnu.studies.calibration import Calibration
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import number


def calibrate(experiments: tuple[str, ...], options: dict[str, Any]) -> None:
    """Compute ranks and print their tests; exit code 1 if a quantity is not calibrated."""
    names = ("seed", "workers", "scheduler", "output", "quiet", "as_json", "figure", "replicas")
    taken = {name: options.pop(name, None) for name in names}
    check_figure(taken["figure"])
    chosen = calibration.prepared(_resolved(experiments, options), taken["seed"])
    model, made = run.model_of(chosen), calibration.campaign(chosen, taken["replicas"], taken["seed"])
    word = campaigns.fingerprint(made)[:8]  # other settings or another version are another campaign
    place = Path(taken["output"] or Path("chains") / f"{made.kind}_{chosen.name}_{word}")
    with watched(place, bool(taken["quiet"])) as report:
        results = list(campaigns.run(made, place, taken["scheduler"], taken["workers"], report))
    found = calibration.judge(model.names, results, taken["replicas"])
    if taken["figure"]:
        from bayesnu.studies.figures.calibration import calibration_plot

        calibration_plot(model, found, taken["figure"])
    if taken["as_json"]:
        json_out(as_dict(chosen, model, found))
    else:
        _print(chosen, model, found)
    if found.faults:
        raise SystemExit(1)


def _resolved(experiments: tuple[str, ...], options: dict[str, Any]) -> Run:
    parameter, flavour = options.pop("parameter", None), options.pop("flavour", "common")
    if parameter is None:
        raise BayesnuError("--parameter: none given; choose one of mu_nu, q_nu, r2_nu")
    words = ("kind", "lower", "upper", "mean", "width")
    prior = {word: options.pop(f"prior_{word}") for word in words if f"prior_{word}" in options}
    return run.resolve(experiments, parameter, flavour, options.pop("preset", "default"), options, prior)


def as_dict(chosen: Run, model: Model, found: Calibration) -> dict[str, Any]:
    """A calibration as JSON; scores have no unit, and priors say theirs."""
    priors = {prior.name: describe(prior) for prior in model.parameters}
    sensitivity = found.sensitivity
    return {
        "experiments": list(chosen.experiments),
        "parameter": chosen.parameter,
        "flavour": chosen.flavour,
        "preset": run.preset_note(chosen),
        "replicas": len(found.ranks),
        "draws": found.draws,
        "calibrated": not found.faults,
        "p_value": found.p_value,
        "level": LEVEL,
        "faults": list(found.faults),
        "quantities": {
            test.name: {
                "prior": priors.get(test.name),
                "p_value": test.p_value,
                "p_band": test.p_band,
                "inside_band": test.p_band > LEVEL,
                "mean": test.mean,
                "mean_error": test.mean_error,
                "p_mean": test.p_mean,
                "second_moment": test.second,
                "second_moment_expected": test.second_expected,
                "second_moment_error": test.second_error,
                "p_second_moment": test.p_second,
            }
            for test in found.tests
        },
        "unconverged": found.unconverged,
        "largest_autocorrelation_time": found.largest_tau,
        "most_steps": found.longest,
        "without_independence_move": found.sweeps,
        "power": POWER,
        "found_with_power": {"shift": sensitivity.shift, "too_narrow": sensitivity.narrow, "too_wide": sensitivity.wide},
    }


def _print(chosen: Run, model: Model, found: Calibration) -> None:
    first, replicas = found.tests[0], len(found.ranks)
    table(
        f"{' + '.join(chosen.experiments)}, preset {run.preset_note(chosen)}: ranks of true values among {found.draws} "
        f"draws of their posteriors, {replicas} replicas",
        (
            *("quantity", f"mean score (0 ± {first.mean_error:.3f})"),
            *(f"second moment ({first.second_expected:.3f} ± {first.second_error:.3f})", "p of band", "p of all three"),
        ),
        [
            (test.name, f"{test.mean:+.3f}", f"{test.second:.3f}", number(test.p_band, 2), number(test.p_value, 2))
            for test in found.tests
        ],
    )
    for prior in model.physics:
        click.echo(f"{prior.name}: prior and truths {describe(prior)}")
    click.echo(
        f"{found.unconverged} of {replicas} chains had not converged (their ranks count like all others); {found.sweeps} "
        f"were sampled without the independence move; up to {found.longest} steps, autocorrelation times up to "
        f"{found.largest_tau:.1f}"
    )
    how = f"p-value {number(found.p_value, 2)} for {TESTS} tests of {len(found.tests)} quantities together, needs > {LEVEL}"
    click.echo(f"NOT CALIBRATED ({how}): {'; '.join(found.faults)}" if found.faults else f"calibrated: {how}")
    least = found.sensitivity
    click.echo(
        f"errors that so many replicas find with {POWER:.0%} probability: a shift of {number(least.shift, 2)} standard "
        f"deviations of the posterior, or one too narrow by {least.narrow:.0%} or too wide by {least.wide:.0%}; "
        "smaller ones may be there"
    )
