"""`limits`."""

from __future__ import annotations

from typing import Any

import click

from bayesnu import experiments
from bayesnu.cli.interval_json import as_dict
from bayesnu.cli.output import json_out, table
from bayesnu.inference import profile
from bayesnu.inference.interval import ProfileInterval
from bayesnu.model import choices as choices_of
from bayesnu.model.builder import build
from bayesnu.physics.properties import PROPERTIES, parameters_of
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import interval, number


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
