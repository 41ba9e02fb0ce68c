"""`check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.failures import Mistake
from bayesnu.cli.options import analysis_options, given_options, json_option
from bayesnu.cli.output import json_out, table

if TYPE_CHECKING:
    from bayesnu.experiments import Experiment


@click.command()
@click.argument("file")
@click.option("--grid", is_flag=True, help="Certify the integration grid against halved steps and adaptive quadrature.")
@analysis_options()
@json_option()
def check(file: str, grid: bool, as_json: bool, **options: Any) -> None:
    """Validate an experiment file; with --grid also its integration grid."""
    from bayesnu.cli.experiment_json import as_dict
    from bayesnu.cli.models import choose_analysis

    analysis = choose_analysis(given_options(options))
    experiment = _load(file, analysis.inputs)
    result = as_dict(experiment)
    if grid:
        from bayesnu.model.grid_check import certify

        certificate = certify(experiment, analysis)
        result["grid"] = {"passed": certificate.passed, "changes": certificate.changes}
    if as_json:
        json_out(result)
    else:
        _print_experiment(experiment)
        if grid:
            _print_grid(result["grid"])
    if grid and not result["grid"]["passed"]:
        raise SystemExit(1)


def _load(file: str, reading: str) -> Experiment:
    """Load a file, or print all its mistakes, each in a line of its own."""
    from bayesnu.experiments import load
    from bayesnu.experiments.sentences import FileMistakes

    try:
        return load(file, reading)
    except FileMistakes as mistakes:
        *others, last = map(Mistake, mistakes.sentences)
        for each in others:
            each.show()
        raise last from None


def _print_experiment(each: Experiment) -> None:
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
        [(name, f"{halved:.1e}", f"{adaptive:.1e}") for name, (halved, adaptive) in grid["changes"].items()],
    )
    click.echo("the grid is fine enough" if grid["passed"] else "THE GRID IS TOO COARSE for this detector")
