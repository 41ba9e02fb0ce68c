"""`feldman-cousins`, `expected` and `coverage`: campaigns of toy experiments."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bayesnu.cli.campaigns import watched
from bayesnu.cli.output import check_figure, json_out, table
from bayesnu.inference import profile
from bayesnu.inference.interval import delta_chi2
from bayesnu.model.priors import Prior
from bayesnu.runs import campaign as campaigns
from bayesnu.runs import run
from bayesnu.runs.run import Run
from bayesnu.runs.task import Campaign
from bayesnu.studies import coverage as coverages
from bayesnu.studies import expected as expecting
from bayesnu.studies import feldman_cousins as belts
from bayesnu.studies.toy_tasks import fitter_of
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import interval, number

End = tuple[float, float] | None


def feldman_cousins(experiments: tuple[str, ...], options: dict[str, Any]) -> None:
    """Compute a belt and print where the data lie in it."""
    taken, chosen = _split(experiments, options, ("cl", "points", "toys", "figure"))
    delta_chi2(taken["cl"])  # a mistake is found before the toys are made
    check_figure(taken["figure"])
    made = belts.campaign(chosen, taken["points"], taken["toys"], taken["seed"])
    belt = belts.belt_of(made.settings, _performed(made, chosen, taken), taken["cl"])
    model = fitter_of(made.settings).model
    prior, wilks = model.parameters[0], profile.interval(model, 0, cl=taken["cl"])
    if taken["figure"]:
        from bayesnu.studies.figures.toys import belt_plot

        belt_plot(prior, belt, wilks, taken["figure"])
    if taken["as_json"]:
        json_out(_scaled_belt(belt, prior) | {"wilks": [list(piece) for piece in _scaled(wilks.intervals, prior.scale)]})
        return
    rows = zip(belt.values, belt.observed, belt.critical, belt.critical_error, belt.p_value, strict=True)
    table(
        f"{_title(prior, chosen)}: Feldman-Cousins, {belt.cl:.0%}, {belt.toys} toys",
        ("true value", "statistic of the data", "critical value", "MC error", "p-value", "accepted"),
        [[number(x) for x in row] + ["yes" if row[1] <= row[2] else "no"] for row in rows],
        text=0,
    )
    pieces = " and ".join(f"{_end(low)} … {_end(high)}" for low, high in belt.intervals) or "empty"
    click.echo(f"{prior.column}, {belt.cl:.0%} Feldman-Cousins, nuisances profiled on the data: {pieces}")
    fixed = " and ".join(interval(low, high, 1.0) for low, high in wilks.intervals)
    level = f"the fixed level Δχ² = {wilks.delta_chi2:.2f} gives {fixed}"
    click.echo(f"{level}; coverage is exact only at the profiled nuisances")
    _failures(belt.failed, belt.toys)


def expected(experiments: tuple[str, ...], options: dict[str, Any]) -> None:
    """Print expected limits without a signal, and the goodness of fit."""
    taken, chosen = _split(experiments, options, ("cl", "toys"))
    made = expecting.campaign(chosen, taken["toys"], taken["seed"], taken["cl"])
    results = _performed(made, chosen, taken)
    found, fits = expecting.expected_limits(made.settings, results), expecting.goodness(made.settings, results)
    prior = fitter_of(made.settings).model.parameters[0]
    if taken["as_json"]:
        rows = [asdict(each) | {"observed": each.observed * prior.scale} for each in found]
        for row in rows:
            row["bands"] = {name: [x * prior.scale for x in pair] for name, pair in row["bands"].items()}
        about = {"parameter": prior.name, "unit": prior.unit, "cl": taken["cl"]}
        json_out(about | {"limits": rows, "fits": [asdict(each) for each in fits]})
        return
    table(
        f"{_title(prior, chosen)}: {taken['cl']:.0%} profile likelihood in {found[0].toys} toys of the Standard Model, "
        "value ± Monte-Carlo error",
        ("end", *expecting.BANDS, "observed", "toys below"),
        [
            (
                f"{each.end}, Δχ² = {each.delta_chi2:.2f}",
                *(f"{number(value)} ± {number(error, 1)}" for value, error in each.bands.values()),
                number(each.observed),
                f"{each.below:.1%}",
            )
            for each in found
        ],
    )
    table(
        "",
        ("goodness of fit", "minimal χ²", "bins", "p-value"),
        [(f.model, number(f.chi2), str(f.bins), f"{number(f.p_value, 3)} ± {number(f.error, 1)}") for f in fits],
    )
    failed = sum(each.failed for each in found) + sum(each.failed for each in fits)
    _failures(failed, sum(each.toys for each in found) + sum(each.toys for each in fits))


def coverage(experiments: tuple[str, ...], options: dict[str, Any]) -> None:
    """Print the coverage of every kind of interval."""
    taken, chosen = _split(experiments, options, ("cl", "points", "toys", "nuisance_shift", "figure"))
    check_figure(taken["figure"])
    made = coverages.campaign(chosen, taken["points"], taken["toys"], taken["seed"], taken["cl"], taken["nuisance_shift"])
    found = coverages.coverages_of(made.settings, _performed(made, chosen, taken))
    prior = fitter_of(made.settings).model.parameters[0]
    if taken["figure"]:
        from bayesnu.studies.figures.toys import coverage_plot

        coverage_plot(prior, found, taken["cl"], taken["figure"])
    if taken["as_json"]:
        values = [x * prior.scale for x in found[0].values]
        rows = [asdict(each) | {"values": values} for each in found]
        json_out({"parameter": prior.name, "unit": prior.unit, "cl": taken["cl"], "intervals": rows})
        return
    nuisances = f"nuisances {taken['nuisance_shift']:+g} widths off" if taken["nuisance_shift"] else "nuisances nominal"
    table(
        f"Coverage of {taken['cl']:.0%} intervals in %, {found[0].toys} toys per true value, {nuisances}; true values of "
        f"{_title(prior, chosen)}",
        ("interval", *(number(value, 3) for value in found[0].values)),
        [(each.interval, *(f"{100 * share:.1f}" for share in each.coverage)) for each in found],
    )
    click.echo(f"largest binomial error {max(each.error.max() for each in found):.2%}")
    _failures(sum(int(each.failed.sum()) for each in found), sum(each.toys * len(each.values) for each in found))


def _split(experiments: tuple[str, ...], options: dict[str, Any], names: tuple[str, ...]) -> tuple[dict[str, Any], Run]:
    """Options of the campaign, and the run that the rest of them resolve to."""
    shared = ("seed", "workers", "scheduler", "output", "quiet", "as_json")
    taken = {name: options.pop(name, None) for name in (*shared, *names)}
    parameter = options.pop("parameter", None)
    if parameter is None:
        raise BayesnuError("--parameter: none given; choose one of mu_nu, q_nu, r2_nu")
    chosen = run.resolve(experiments, parameter, options.pop("flavour", "common"), options.pop("preset", "default"), options)
    return taken, chosen


def _title(prior: Prior, chosen: Run) -> str:
    return f"{prior.column}, {' + '.join(chosen.experiments)}, preset {run.preset_note(chosen)}"


def _performed(made: Campaign, chosen: Run, taken: dict[str, Any]) -> list[dict[str, Any]]:
    """Results of all tasks, computed or found in the folder."""
    word = campaigns.fingerprint(made)[:8]  # other settings or another version are another campaign
    folder = Path(taken["output"] or Path("chains") / f"{made.kind}_{chosen.name}_{word}")
    with watched(folder, bool(taken["quiet"])) as report:
        return list(campaigns.run(made, folder, taken["scheduler"], taken["workers"], report))


def _scaled(pieces: tuple[tuple[float | None, float | None], ...], scale: float) -> list[tuple[float | None, ...]]:
    return [tuple(None if end is None else end * scale for end in piece) for piece in pieces]


def _scaled_belt(belt: belts.Belt, prior: Prior) -> dict[str, Any]:
    def scaled(end: End) -> dict[str, float] | None:
        return None if end is None else {"value": end[0] * prior.scale, "mc_error": end[1] * prior.scale}

    return asdict(belt) | {
        "unit": prior.unit,
        "values": [value * prior.scale for value in belt.values],
        "intervals": [[scaled(low), scaled(high)] for low, high in belt.intervals],
    }


def _end(end: End) -> str:
    if end is None:
        return "(outside the tested values)"
    return number(end[0]) + (f" ± {number(end[1], 1)}" if end[1] else "")


def _failures(failed: int, toys: int) -> None:
    if failed:
        click.echo(f"{failed} of {toys} fits of toys did not end and are left out")
