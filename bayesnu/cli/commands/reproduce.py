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
from bayesnu.model.choices import PRESETS
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import interval, intervals, number

if TYPE_CHECKING:
    from pathlib import Path

    from bayesnu.studies.headline import HeadlineRow
    from bayesnu.studies.paper import PaperRow

HEAD = ("data", "preset", "flavour", "others", "method and prior", "interval", "MC error", "paper", "difference")


@click.command()
@click.option("--quick", is_flag=True, help="No chains of three flavours: without --beyond one common value, a minute.")
@click.option("--beyond", is_flag=True, help="In place of the paper: all data sets, each alone and all together.")
@click.option("--preset", type=click.Choice([*PRESETS]), help="With --beyond: the analysis [default: default].")
@click.option(
    "--output",
    type=str,
    metavar="DIR",
    help="Folder of what is kept [default: chains/reproduce, or chains/headline-PRESET].",
)
@click.option("--figures", type=str, metavar="DIR", help="Draw figures into this folder too.")
@quiet_option()
@json_option()
def reproduce(
    quick: bool, beyond: bool, preset: str | None, output: str | None, figures: str | None, quiet: bool, as_json: bool
) -> None:
    """Redo every result of arXiv:2510.12449 in both presets, profile and credible, beside the paper's numbers.

    With --beyond: every property from every data set and from all together, in one preset. Profile likelihood,
    Feldman-Cousins, credible, expected, how good the fits are and whether the data sets agree.

    Every processor that may be used has a process of its own, up to eight.
    """
    from pathlib import Path

    from bayesnu.cli.about_json import about
    from bayesnu.runs.processes import count_processors
    from bayesnu.studies import paper

    if preset is not None and not beyond:
        raise BayesnuError(
            f"--preset: found '{preset}', and the paper is redone in both presets; leave it out, or add --beyond"
        )

    errors = console(stderr=True)

    def report(line: str) -> None:
        if not quiet:
            errors.print(line, markup=False)

    if beyond:
        chosen = preset or "default"
        _go_beyond(chosen, Path(output or f"chains/headline-{chosen}"), not quick, figures, report, as_json)
        return
    runs = None if quick else Path(output or "chains/reproduce")
    with _stopped_in_one_sentence(runs, "chains are"):
        rows = list(paper.reproduce(runs, report, count_processors()))
    if figures is not None:
        _draw(figures, report)
    if as_json:
        json_out([about(row.experiments, row.preset, PRESETS[row.preset]) | row.as_json() for row in rows])
    else:
        _print(rows)


def _go_beyond(
    preset: str, folder: Path, chains: bool, figures: str | None, report: Callable[[str], None], as_json: bool
) -> None:
    """All data sets, each alone and all together."""
    from bayesnu.cli.about_json import about
    from bayesnu.runs.processes import count_processors
    from bayesnu.studies.headline import find_headline

    with _stopped_in_one_sentence(folder, "what is finished is"):
        rows = find_headline(folder, chains, report, count_processors(), preset)
    if figures is not None:
        _draw_headline(rows, figures, report)
    if as_json:
        json_out([about(row.experiments, preset, PRESETS[preset]) | row.as_json() for row in rows])
    else:
        _print_headline(rows, preset)


def _draw_headline(rows: list[HeadlineRow], figures: str, report: Callable[[str], None]) -> None:
    from pathlib import Path

    from bayesnu.studies.figures.headline import headline_plot
    from bayesnu.studies.headline_text import by_property

    place = _writable(Path(figures))
    for item, some in by_property(rows):
        headline_plot(some, place / f"headline-{item.name}.png")
    report(f"figures of limits in {place}")


def _print_headline(rows: list[HeadlineRow], preset: str) -> None:
    """Two tables for each property, and the remarks."""
    from bayesnu.studies.headline_text import FITS, LIMITS, by_property, fit_cells, limit_cells, list_remarks, name_table

    for item, some in by_property(rows):
        table(name_table(item, preset), LIMITS, [limit_cells(row) for row in some], text=3)
        table("", FITS, [fit_cells(row) for row in some if row.toys and row.others == "zero"], text=3)
    for remark in list_remarks(rows):
        click.echo(remark)


@contextmanager
def _stopped_in_one_sentence(folder: Path | None, kept: str) -> Iterator[None]:
    """Say how to go on when the work is told to stop. What is finished is stored, so there is nothing to save."""
    try:
        with stoppable():
            yield
    except KeyboardInterrupt as stopped:
        is_there = folder is not None and folder.exists()
        how = f"; {kept} in {folder}, and the same command goes on from there" if is_there else ""
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
