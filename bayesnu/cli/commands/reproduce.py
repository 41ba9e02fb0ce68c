"""`reproduce`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from bayesnu.cli.failures import Stopped
from bayesnu.cli.options import json_option, quiet_option
from bayesnu.cli.output import console, json_out, table
from bayesnu.cli.stopping import stoppable
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import interval, intervals, number

if TYPE_CHECKING:
    from pathlib import Path

    from bayesnu.studies.paper import PaperRow

HEAD = ("data", "preset", "flavour", "others", "method and prior", "interval", "MC error", "paper", "difference")


@click.command()
@click.option("--quick", is_flag=True, help="Only one common value of all flavours: a minute.")
@click.option("--output", type=str, metavar="DIR", help="Folder of the three-flavour runs [default: chains/reproduce].")
@click.option("--figures", type=str, metavar="DIR", help="Draw spectra, curves and contours into this folder too.")
@quiet_option()
@json_option()
def reproduce(quick: bool, output: str | None, figures: str | None, quiet: bool, as_json: bool) -> None:
    """Redo every result of arXiv:2510.12449 in both presets, profile and credible, beside the paper's numbers.

    Every processor that may be used has a process of its own, up to eight.
    """
    from pathlib import Path

    from bayesnu.cli.about_json import about
    from bayesnu.model.choices import PRESETS
    from bayesnu.runs.processes import count_processors
    from bayesnu.studies import paper

    errors = console(stderr=True)

    def report(line: str) -> None:
        if not quiet:
            errors.print(line, markup=False)

    runs = None if quick else Path(output or "chains/reproduce")
    with _stopped_in_one_sentence(runs):
        rows = list(paper.reproduce(runs, report, count_processors()))
    if figures is not None:
        _draw(figures, report)
    if as_json:
        json_out([about(row.experiments, row.preset, PRESETS[row.preset]) | row.as_json() for row in rows])
    else:
        _print(rows)


@contextmanager
def _stopped_in_one_sentence(runs: Path | None) -> Iterator[None]:
    """Say how to go on when the work is told to stop. Chains are stored as they grow, so there is nothing to save."""
    try:
        with stoppable():
            yield
    except KeyboardInterrupt as stopped:
        how = f"; chains are in {runs}, and the same command goes on from there" if runs and runs.exists() else ""
        raise Stopped(stopped.args[0], how) from None


def _draw(figures: str, report: Callable[[str], None]) -> None:
    from pathlib import Path

    from bayesnu.studies.figures import paper

    place = _writable(Path(figures))
    drawn = list(paper.figures(place, report))
    report(f"{len(drawn)} figures in {place}")


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BayesnuError(f"--figures: {folder} cannot be written ({error.strerror}); choose another folder") from None
    return folder


def _print(rows: list[PaperRow]) -> None:
    """A table for each property, and the reasons of large differences below all."""
    from bayesnu.physics.properties import PROPERTIES

    for item in PROPERTIES.values():
        title = f"{item.name} [{item.scale:g} {item.unit}], 90 % (profile: Δχ² = 2.71)"
        table(title, HEAD, [_cells(row) for row in rows if row.parameter.em_property == item], text=5)
    for row in rows:
        if row.reasons:
            _print_reasons(row)
    for note in dict.fromkeys(note for row in rows for note in row.notes):
        click.echo(note)


def _cells(row: PaperRow) -> tuple[str, ...]:
    scale = row.parameter.scale
    method = "profile" if row.prior is None else "credible, " + row.prior.partition(" on ")[0]
    error = row.interval.largest_error
    return (
        "+".join(row.experiments),
        row.preset,
        row.parameter.flavour,
        row.others,
        method if row.converged else f"{method} NOT CONVERGED",
        intervals(row.interval.pieces, scale),
        number(error / scale, 2) if error else "",
        "" if row.paper is None else interval(row.paper.lower, row.paper.upper, scale),
        "" if row.difference_percent is None else f"{row.difference_percent:+.1f} %",
    )


def _print_reasons(row: PaperRow) -> None:
    """Print the computed reasons of a large difference: the interval after each single change of convention."""
    scale = row.parameter.scale
    ours = intervals(row.interval.pieces, scale)
    names = "+".join(row.experiments)
    head = f"{row.parameter.em_property.name}, {names}, preset {row.preset}, {row.method}"
    head += "" if row.prior is None else f", prior {row.prior.partition(' on ')[0]}"
    click.echo(f"{head}: {row.difference_percent:+.1f} % from the paper; {ours} becomes")
    for change in row.reasons:
        theirs = intervals(change.interval.pieces, scale)
        click.echo(f"  {theirs:>24} with {change.choice} = {change.value}")
