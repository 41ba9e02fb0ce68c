"""`explain`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
import numpy as np

from bayesnu import experiments
from bayesnu.cli.couplings import analysis_and_couplings, check_finite
from bayesnu.cli.output import json_out, table
from bayesnu.model.choices import PRESETS, differences
from bayesnu.model.explain.bins import find_bin
from bayesnu.model.explain.counts import Contribution
from bayesnu.model.explain.stages import Explanation
from bayesnu.model.explain.stages import explain as explained
from bayesnu.support.text import number

DIGITS = 6


def explain(name: str, which: str | None, as_json: bool, options: dict[str, Any]) -> None:
    """Print what each stage of the pipeline contributes to one bin."""
    analysis, values = analysis_and_couplings(options)
    experiment = experiments.load(name, analysis.inputs)
    index = find_bin(experiment, analysis, which)
    with np.errstate(all="ignore"):
        found = explained(experiment, analysis, index, **values)
    check_finite(np.array([found.signal, *(each.counts for each in found.contributions)]), "a property")
    if as_json:
        json_out(asdict(found) | {"sum": found.total})
        return
    _print(found, options.get("preset", "default"))


def _print(found: Explanation, preset: str) -> None:
    values = ", ".join(f"{name} = {value:g}" for name, value in found.couplings.items()) or "Standard Model"
    changed = differences(PRESETS[preset], found.analysis)
    choices = " with " * bool(changed) + ", ".join(f"{name} = {value[1]}" for name, value in changed.items())
    click.echo(
        f"{found.experiment}, bin {found.bin}, {found.low_kev:g}-{found.high_kev:g} keV, {values}, "
        f"preset {preset}{choices} ({found.file}, reading {found.reading})"
    )
    sources: dict[str, int] = {}
    for stage, quantities in found.stages.items():
        if stage == "detector":
            _print_contributions(found)
        rows = [
            (each.name, number(each.value, DIGITS), each.unit, f"[{sources.setdefault(each.source, len(sources) + 1)}]")
            for each in quantities
        ]
        table(f"\n{stage[0].upper()}{stage[1:]}", ("quantity", "value", "unit", "source"), rows)
    click.echo("\nSources")
    for source, n in sources.items():
        click.echo(f"[{n}] {source}")


def _print_contributions(found: Explanation) -> None:
    """The contributions that are not zero, and their sum."""

    def cells(each: Contribution) -> tuple[str, ...]:
        what = (each.component, f"nu_{each.flavour}", each.term, each.kernel)
        return (
            *what,
            number(each.coefficient, DIGITS),
            each.unit,
            number(each.per_unit, DIGITS),
            number(each.counts, DIGITS),
        )

    rows = [cells(each) for each in found.contributions if each.counts != 0]
    off = abs(found.total - found.signal)
    head = ("flux", "flavour", "term", "kernel", "coefficient", "unit", "counts for 1", "counts")
    rows.append(("all", "", "", "", "", "", "", number(found.total, DIGITS)))
    table("\nContributions: coefficient x counts for a coefficient of 1", head, rows, text=4)
    click.echo(f"`bayesnu counts` has {number(found.signal, DIGITS)} neutrinos in this bin (difference {off:.0e})")
