"""`check`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.completion import complete_file
from bayesnu.cli.failures import Mistake
from bayesnu.cli.options import analysis_options, flag_of, given_options, json_option
from bayesnu.cli.output import check_figure, json_out, table
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import number

if TYPE_CHECKING:
    from bayesnu.experiments import Experiment
    from bayesnu.model.budget import Budget
    from bayesnu.model.consistency import NeutrinoCheck


@click.command()
@click.argument("file", shell_complete=complete_file)
@click.option("--grid", is_flag=True, help="Certify the integration grid against halved steps and adaptive quadrature.")
@click.option("--plot", type=str, metavar="FILE", help="Draw components, neutrinos and data (png or pdf).")
@analysis_options()
@json_option()
def check(file: str, grid: bool, plot: str | None, as_json: bool, **options: Any) -> None:
    """Validate an experiment file and show what its counts are made of; or read a chain of unknown origin safely.

    Solar neutrinos of the model stand beside those that the file states. If these contradict each other, or with --grid the
    integration grid is too coarse, the command ends with 1. A chain is read in a process of its own, with limits on time
    and memory: what was made to harm ends there.
    """
    from bayesnu.runs.inspection import looks_like_chain

    if looks_like_chain(file):
        flags = [flag_of(name) for name in given_options({"plot": plot, **options})] + ["--grid"] * grid
        if flags:
            raise BayesnuError(f"{file}: found {flags[0]} with a chain, which carries its own choices; leave it out")
        _check_chain(file, as_json)
        return
    from bayesnu.cli.about_json import about
    from bayesnu.cli.experiment_json import as_dict
    from bayesnu.cli.models import choose_analysis, choose_preset
    from bayesnu.model.budget import budget_of
    from bayesnu.model.consistency import review_choices
    from bayesnu.model.left_out import describe_left_out, describe_lost_masses

    given = given_options(options)
    analysis = choose_analysis(given)
    check_figure(plot)
    experiment = _load(file, analysis.inputs)
    notes = [*review_choices([experiment], analysis)]
    notes += [*describe_lost_masses(experiment, analysis), *describe_left_out(experiment, analysis)]
    budget = budget_of(experiment, analysis)
    result = about([experiment.name], choose_preset(given), analysis) | as_dict(experiment)
    result |= {"notes": notes, "neutrinos": _check_as_dict(budget.check), "budget": _as_dict(budget)}
    if grid:
        from bayesnu.model.grid_check import certify

        certificate = certify(experiment, analysis)
        result["grid"] = {"passed": certificate.passed, "changes": certificate.changes}
    if plot is not None:
        from bayesnu.plots import budget_plot

        budget_plot(budget, plot)
    if as_json:
        json_out(result)
    else:
        _print_experiment(experiment)
        _print_budget(budget)
        _print_constraints(budget)
        _print_bins(budget)
        for note in notes:
            click.echo(note)
        if grid:
            _print_grid(result["grid"])
        _print_check(budget.check)
    contradicts = budget.check is not None and budget.check.is_contradiction
    if contradicts or (grid and not result["grid"]["passed"]):
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


def _check_as_dict(found: NeutrinoCheck | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "range_kev": found.range_kev,
        "model": found.model,
        "stated": found.stated,
        "error": found.error,
        "contradiction": found.is_contradiction,
        "remarkable": found.is_remarkable,
    }


def _as_dict(budget: Budget) -> dict[str, Any]:
    return {
        "edges_kev": budget.edges_kev,
        "observed": budget.observed,
        "total": budget.total,
        "neutrinos": budget.neutrinos,
        "published_neutrinos": budget.published,
        "remainder": budget.remainder,
        "components": budget.components,
        "constraints": [asdict(each) for each in budget.constraints],
    }


def _check_chain(file: str, as_json: bool) -> None:
    """Read a chain in another process, and say in one sentence what it is."""
    from bayesnu.runs.inspection import inspect_chain
    from bayesnu.support.versions import __version__

    found = inspect_chain(file)
    if as_json:
        json_out(asdict(found) | {"version": __version__})
        return
    verdicts = {None: "no result is stored", True: "converged", False: "NOT CONVERGED"}
    click.echo(
        f"{found.chain}: a whole chain of {found.about}, {found.ensembles} ensembles of {found.walkers} walkers and "
        f"{found.steps} steps, {verdicts[found.converged]}"
    )


def _print_experiment(each: Experiment) -> None:
    click.echo(f"{each.path}: valid ({each.name}, reading {each.reading})")
    click.echo(f"  {each.title}: {each.exposure_tonne_years:.4f} t yr, {len(each.observed)} bins, {each.events}")
    if each.note:
        click.echo(f"  {each.note}")
    table("", ("table", "quality", "source"), [(p.table, p.quality, p.source) for p in each.provenance], text=3)


def _print_budget(budget: Budget) -> None:
    """Sums and shares of what the file expects."""
    parts = {"solar neutrinos of the model": budget.neutrinos, **budget.components}
    total = budget.total.sum()
    rows = [(name, number(counts.sum()), f"{_share(counts.sum(), total):.1%}") for name, counts in parts.items()]
    rows.append(("total of the file", number(total), ""))
    rows.append(("observed", f"{budget.observed.sum():g}", ""))
    table(f"Counts in {_range_of(budget)}", ("component", "counts", "share"), rows)


def _print_constraints(budget: Budget) -> None:
    """What holds each normalisation: what was known before the fit, what the fit gave, or nothing."""
    if not budget.constraints:
        return
    rows = [
        (each.component, each.normalisation, each.kind, each.words, _write_range(each.range_kev))
        for each in budget.constraints
    ]
    head = ("component", "floats as", "kind", "relative to the fit", "published for")
    table("Constraints of the normalisations", head, rows, text=5)


def _write_range(range_kev: tuple[float, float] | None) -> str:
    return "" if range_kev is None else f"{range_kev[0]:g}-{range_kev[1]:g} keV"


def _share(part: float, total: float) -> float:
    return part / total if total > 0 else 0.0


def _range_of(budget: Budget) -> str:
    return f"{budget.edges_kev[0]:g}-{budget.edges_kev[-1]:g} keV"


def _print_bins(budget: Budget) -> None:
    """What every bin holds, and what is left for the remainder."""
    columns = {"observed": budget.observed, "total": budget.total, "model ν": budget.neutrinos}
    if budget.published is not None:
        columns["file's ν"] = budget.published
    if budget.remainder is not None:
        columns["remainder"] = budget.remainder
    edges = budget.edges_kev
    rows = [
        (f"{low:g}-{high:g}", *(number(counts, 4) for counts in values))
        for low, high, *values in zip(edges[:-1], edges[1:], *columns.values(), strict=True)
    ]
    table("Counts per bin", ("T [keV]", *columns), rows)


def _print_check(found: NeutrinoCheck | None) -> None:
    if found is None:
        click.echo("the file states no number of solar neutrinos: a table [neutrinos] lets the exposure be checked")
    elif found.is_contradiction:
        click.echo(f"CONTRADICTION: {found.sentence}; correct exposure, efficiency or unit")
    else:
        click.echo(found.sentence + ("; look for the reason" if found.is_remarkable else ": they agree"))


def _print_grid(grid: dict[str, Any]) -> None:
    table(
        "Largest relative change of an expected count (allowed: 1e-4, or 1e-6 counts)",
        ("couplings or background", "halved steps", "adaptive quadrature"),
        [(name, f"{halved:.1e}", f"{adaptive:.1e}") for name, (halved, adaptive) in grid["changes"].items()],
    )
    click.echo("the grid is fine enough" if grid["passed"] else "THE GRID IS TOO COARSE for this detector")
