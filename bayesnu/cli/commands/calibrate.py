"""`calibrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.options import (
    analysis_options,
    campaign_options,
    experiments_argument,
    figure_option,
    given_options,
    json_option,
    parameter_options,
    prior_options,
)
from bayesnu.cli.output import check_figure, json_out, table
from bayesnu.support.text import number

if TYPE_CHECKING:
    from bayesnu.model.polynomial import Model
    from bayesnu.runs.run import Run
    from bayesnu.studies.calibration import Calibration


@click.command()
@experiments_argument()
@parameter_options()
@prior_options()
@figure_option("the distributions of ranks")
@campaign_options(1_000, "replicas", "Truths drawn from the prior, each with data and a sampled posterior.")
@analysis_options()
@json_option()
def calibrate(experiments: tuple[str, ...], replicas: int, figure: str | None, as_json: bool, **options: Any) -> None:
    """Simulation-based calibration: whether true values drawn from the prior rank uniformly in their posteriors.

    A prior without --prior-upper ends at three expected limits. Exit code 1 if a quantity is not calibrated.
    """
    from dataclasses import replace

    from bayesnu.cli.about_json import about_run
    from bayesnu.cli.campaigns import carry_out, choose_campaign
    from bayesnu.runs.run import model_of
    from bayesnu.studies import calibration

    check_figure(figure)
    asked = choose_campaign(experiments, given_options(options))
    asked = replace(asked, run=calibration.prepare_run(asked.run, asked.seed))
    model = model_of(asked.run)
    made = calibration.plan_calibration(asked.run, replicas, asked.seed)
    results = carry_out(made, asked)
    found = calibration.judge(model.names, results, replicas)
    if figure:
        from bayesnu.studies.figures.calibration import calibration_plot

        calibration_plot(model, found, figure)
    if as_json:
        json_out(about_run(asked.run) | _as_dict(asked.run, model, found))
    else:
        _print(asked.run, model, found)
    if found.faults:
        raise SystemExit(1)


def _as_dict(chosen: Run, model: Model, found: Calibration) -> dict[str, Any]:
    """A calibration as JSON; scores have no unit, and priors say theirs."""
    from bayesnu.inference.ranks import LEVEL, POWER

    least = found.sensitivity
    return {
        "parameter": chosen.parameter,
        "flavour": chosen.flavour,
        "replicas": len(found.ranks),
        "draws": found.draws,
        "calibrated": not found.faults,
        "p_value": found.p_value,
        "level": LEVEL,
        "faults": list(found.faults),
        "quantities": _quantities(model, found),
        "unconverged": found.unconverged,
        "largest_autocorrelation_time": found.largest_tau,
        "most_steps": found.longest,
        "without_independence_move": found.sweeps,
        "power": POWER,
        "found_with_power": {"shift": least.shift, "too_narrow": least.narrow, "too_wide": least.wide},
    }


def _quantities(model: Model, found: Calibration) -> dict[str, Any]:
    """The tests of every quantity, by its name."""
    from bayesnu.inference.ranks import LEVEL
    from bayesnu.model.priors import describe

    priors = {prior.name: describe(prior) for prior in model.parameters}
    return {
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
    }


def _print(chosen: Run, model: Model, found: Calibration) -> None:
    from bayesnu.model.priors import describe

    _print_tests(chosen, found)
    for prior in model.physics:
        click.echo(f"{prior.name}: prior and truths {describe(prior)}")
    click.echo(
        f"{found.unconverged} of {len(found.ranks)} chains had not converged (their ranks count like all others); "
        f"{found.sweeps} were sampled without the independence move; up to {found.longest} steps, autocorrelation times "
        f"up to {found.largest_tau:.1f}"
    )
    _print_verdict(found)


def _print_tests(chosen: Run, found: Calibration) -> None:
    from bayesnu.runs.run import preset_note

    first = found.tests[0]
    mean = f"mean score (0 ± {first.mean_error:.3f})"
    second = f"second moment ({first.second_expected:.3f} ± {first.second_error:.3f})"
    table(
        f"{' + '.join(chosen.experiments)}, preset {preset_note(chosen)}: ranks of true values among {found.draws} "
        f"draws of their posteriors, {len(found.ranks)} replicas",
        ("quantity", mean, second, "p of band", "p of all three"),
        [
            (test.name, f"{test.mean:+.3f}", f"{test.second:.3f}", number(test.p_band, 2), number(test.p_value, 2))
            for test in found.tests
        ],
    )


def _print_verdict(found: Calibration) -> None:
    """Whether it is calibrated, and how large an error could have been missed."""
    from bayesnu.inference.ranks import LEVEL, POWER, TESTS

    how = f"p-value {number(found.p_value, 2)} for {TESTS} tests of {len(found.tests)} quantities together, needs > {LEVEL}"
    click.echo(f"NOT CALIBRATED ({how}): {'; '.join(found.faults)}" if found.faults else f"calibrated: {how}")
    least = found.sensitivity
    click.echo(
        f"errors that so many replicas find with {POWER:.0%} probability: a shift of {number(least.shift, 2)} standard "
        f"deviations of the posterior, or one too narrow by {least.narrow:.0%} or too wide by {least.wide:.0%}; "
        "smaller ones may be there"
    )
