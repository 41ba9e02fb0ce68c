"""`experiments`, `check` and `presets`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from bayesnu import experiments
from bayesnu.cli.output import json_out, table
from bayesnu.model import choices as choices_of


def template() -> None:
    """Print the commented example file."""
    click.echo(experiments.template(), nl=False)


def listing(as_json: bool) -> None:
    """Print the data sets of the package."""
    loaded = [experiments.load(name) for name in experiments.names()]
    if as_json:
        json_out([_described(each) for each in loaded])
        return
    table(
        "Data sets",
        ("name", "exposure [t yr]", "bins", "region [keV]", "events there", "references"),
        [
            (
                each.name,
                f"{each.exposure_tonne_years:.4f}",
                str(len(each.observed)),
                f"{each.region_kev[0]:g}-{each.region_kev[1]:g}",
                f"{each.observed[each.in_region].sum():g}",
                ", ".join(each.references),
            )
            for each in loaded
        ],
    )


def _described(each: experiments.Experiment) -> dict[str, Any]:
    return {
        "name": each.name,
        "title": each.title,
        "note": each.note,
        "reading": each.reading,
        "exposure_tonne_years": each.exposure_tonne_years,
        "edges_kev": each.edges_kev,
        "region_kev": each.region_kev,
        "observed": each.observed,
        "references": each.references,
        "components": [component.name for component in each.background.components],
        "solar_neutrinos_in_background": each.background.solar_neutrinos,
        "provenance": [asdict(item) for item in each.provenance],
        "digest": each.digest,
    }


def check(file: str, grid: bool, as_json: bool, choices: dict[str, Any]) -> None:
    """Validate an experiment file and say what it holds; exit code 1 if its grid does not pass."""
    analysis = choices_of.preset(choices.pop("preset", "default"), **choices)
    each = experiments.load(file, analysis.inputs)
    result = _described(each)
    if grid:
        from bayesnu.model.grid_check import certify

        certificate = certify(each, analysis)
        result["grid"] = {"passed": certificate.passed, "changes": certificate.changes}
    if as_json:
        json_out(result)
    else:
        _print_check(each)
        if grid:
            _print_grid(result["grid"])
    if grid and not result["grid"]["passed"]:
        raise SystemExit(1)


def _print_check(each: experiments.Experiment) -> None:
    click.echo(f"{each.path}: valid ({each.name}, reading {each.reading})")
    click.echo(
        f"  {each.title}: {each.exposure_tonne_years:.4f} t yr, {len(each.observed)} bins, {each.observed.sum():g} events"
    )
    if each.note:
        click.echo(f"  {each.note}")
    table("", ("table", "quality", "source"), [(p.table, p.quality, p.source) for p in each.provenance], text=3)


def _print_grid(grid: dict[str, Any]) -> None:
    table(
        "Largest relative change of an expected count (allowed: 1e-4, or 1e-6 counts)",
        ("couplings", "halved steps", "adaptive quadrature"),
        [(name, f"{a:.1e}", f"{b:.1e}") for name, (a, b) in grid["changes"].items()],
    )
    click.echo("the grid is fine enough" if grid["passed"] else "THE GRID IS TOO COARSE for this detector")


def presets(as_json: bool) -> None:
    """Print both presets side by side; a star marks a difference."""
    default, paper = (asdict(choices_of.PRESETS[name]) for name in ("default", "paper"))
    if as_json:
        json_out({"default": default, "paper": paper})
        return
    rows = [(("* " if default[k] != paper[k] else "  ") + k, str(default[k]), str(paper[k])) for k in default]
    table("Choices of an analysis (* differs)", ("choice", "default", "paper"), rows)
