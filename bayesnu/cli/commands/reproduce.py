"""`reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bayesnu.cli.output import console, json_out, table
from bayesnu.physics.properties import PROPERTIES
from bayesnu.studies import paper
from bayesnu.studies.figures import paper as paper_figures
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import interval, number


def reproduce(quick: bool, output: str | None, figures: str | None, as_json: bool, quiet: bool) -> None:
    """Redo every result and print it beside the paper; draw the figures if a folder for them is given."""
    errors = console(stderr=True)

    def report(line: str) -> None:
        if not quiet:
            errors.print(line, markup=False)

    runs = None if quick else Path(output or "chains/reproduce")
    rows = list(paper.reproduce(runs, report))
    if figures is not None:
        place = _writable(Path(figures))
        report(f"{len(list(paper_figures.figures(place, report)))} figures in {place}")
    if as_json:
        json_out(rows)
        return
    for parameter, item in PROPERTIES.items():
        table(
            f"{parameter} [{item.scale:g} {item.unit}], 90 % (profile: Δχ² = 2.71)",
            ("data", "preset", "flavour", "others", "method and prior", "interval", "MC error", "paper", "difference"),
            [_cells(row, item.scale) for row in rows if row["parameter"] == parameter],
            text=5,
        )
    for row in rows:
        _explain(row, PROPERTIES[row["parameter"]].scale)


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BayesnuError(f"--figures: {folder} cannot be written ({error.strerror}); choose another folder") from None
    return folder


def _cells(row: dict[str, Any], scale: float) -> tuple[str, ...]:
    method = "profile" if row["prior"] is None else "credible, " + row["prior"].partition(" on ")[0]
    paper_has = row["paper_upper"] is not None
    return (
        row["experiment"],
        row["preset"],
        row["flavour"],
        row["others"],
        method + (" NOT CONVERGED" if row["status"].startswith("NOT CONVERGED") else ""),
        interval(row["lower"], row["upper"], scale),
        number(row["mcse"] / scale, 2) if row["mcse"] else "",
        interval(row["paper_lower"], row["paper_upper"], scale) if paper_has else "",
        f"{row['difference_percent']:+.1f} %" if row["difference_percent"] is not None else "",
    )


def _explain(row: dict[str, Any], scale: float) -> None:
    """Print the computed reason of a large difference: the interval after each single change of convention."""
    if "reason" not in row:
        return
    ours, change = interval(row["lower"], row["upper"], scale), row["difference_percent"]
    head = f"{row['parameter']}, {row['experiment']}, preset {row['preset']}, {row['method']}"
    head += "" if row["prior"] is None else f", prior {row['prior'].partition(' on ')[0]}"
    click.echo(f"{head}: {change:+.1f} % from the paper; {ours} becomes")
    for change in row["reason"]:
        click.echo(f"  {interval(change['lower'], change['upper'], scale):>24} with {change['choice']} = {change['value']}")
