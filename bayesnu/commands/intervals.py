"""`limits`."""

from __future__ import annotations

from typing import Any

import click

from bayesnu import analysis as choices_of
from bayesnu import experiments, profile
from bayesnu.commands.output import interval, json_out, number, table
from bayesnu.errors import BayesnuError
from bayesnu.model import build
from bayesnu.profile import ProfileInterval
from bayesnu.properties import PROPERTIES, parameters_of


def limits(names: tuple[str, ...], as_json: bool, options: dict[str, Any]) -> None:
    """Print profile-likelihood intervals."""
    parameter, flavour = options.pop("parameter", None), options.pop("flavour", "common")
    if parameter is None:
        raise BayesnuError(f"--parameter: none given; choose one of {', '.join(PROPERTIES)}")
    cl, one_sided = options.pop("cl"), options.pop("one_sided")
    preset = options.pop("preset", "default")
    analysis = choices_of.preset(preset, **options)
    model = build([experiments.load(name, analysis.inputs) for name in names], parameters_of(parameter, flavour), analysis)
    others = "profiled" if model.n_physics > 1 else "zero"
    found = [profile.interval(model, k, cl=cl, one_sided=one_sided, others=others) for k in range(model.n_physics)]
    if as_json:
        rows = [as_dict(each) for each in found]
        json_out(rows if len(rows) > 1 else rows[0])
        return
    _print(found, names, preset)


def as_dict(found: ProfileInterval) -> dict[str, Any]:
    """An interval as JSON, in mu_B, e or cm^2; null for an end that does not exist."""

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * found.scale

    return {
        "parameter": found.parameter,
        "flavour": found.flavour,
        "others": found.others,
        "unit": found.unit,
        "cl": found.cl,
        "one_sided": found.one_sided,
        "best_fit": scaled(found.best_fit),
        "intervals": [[scaled(low), scaled(high)] for low, high in found.intervals],
        "lower": scaled(found.lower),
        "upper": scaled(found.upper),
        "delta_chi2": found.delta_chi2,
        "chi2_min": found.chi2_min,
        "status": found.status,
    }


def _print(found: list[ProfileInterval], names: tuple[str, ...], preset: str) -> None:
    first = found[0]
    side = "one-sided" if first.one_sided else "two-sided"
    if not first.one_sided and not PROPERTIES[first.parameter].signed:
        side += f", {(1 + first.cl) / 2:.0%} as an upper limit"
    table(
        f"{first.parameter} [{first.scale:g} {first.unit}], {' + '.join(names)}, preset {preset}: profile likelihood, "
        f"{first.cl:.0%} {side}, Delta chi^2 = {first.delta_chi2:.3f}",
        ("flavour", "others", "best fit", "interval"),
        [
            (f.flavour, f.others, number(f.best_fit), " and ".join(interval(a, b, 1.0) for a, b in f.intervals))
            for f in found
        ],
    )
    for each in found:
        click.echo(f"{each.flavour}: {each.status}")
