"""`compare`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from bayesnu.cli.completion import complete_experiment
from bayesnu.cli.output import check_figure, json_out, table
from bayesnu.model.choices import PRESETS
from bayesnu.physics.names import FLAVOURS, PROPERTY_NAMES
from bayesnu.support.errors import BayesnuError

if TYPE_CHECKING:
    from bayesnu.studies.compare import Row

COLUMNS = ("what [remark]", "flavour", "kind", "bound electrons", "reference", "value", "unit", "CL [%]")


@click.command()
@click.argument("experiments", nargs=-1, metavar="[EXPERIMENT]...", shell_complete=complete_experiment)
@click.option("--parameter", type=click.Choice(PROPERTY_NAMES), help="One property [default: all].")
@click.option(
    "--flavour",
    type=click.Choice(["common", *FLAVOURS]),
    help="Own limits of one flavour [default: common], and no published ones of another.",
)
@click.option("--preset", type=click.Choice([*PRESETS]), help="One preset [default: default and paper].")
@click.option("--chain", "chains", multiple=True, metavar="CHAIN", help="Add the limits of a chain; can be repeated.")
@click.option(
    "--format",
    "how",
    type=click.Choice(["table", "markdown", "latex", "csv", "json"]),
    default="table",
    show_default=True,
    help="What to print; csv and json in mu_B, e and cm^2.",
)
@click.option("--plot", type=str, metavar="FILE", help="Also draw one property (png or pdf).")
def compare(
    experiments: tuple[str, ...],
    parameter: str | None,
    flavour: str | None,
    preset: str | None,
    chains: tuple[str, ...],
    how: str,
    plot: str | None,
) -> None:
    """Own limits beside the paper's, the collaborations' and other experiments', in one convention."""
    from bayesnu.cli.progress import TaskProgress
    from bayesnu.studies.compare import compare as compared

    if plot is not None and parameter is None:
        raise BayesnuError(f"--plot: a figure shows one property; give --parameter, one of {', '.join(PROPERTY_NAMES)}")
    check_figure(plot)
    parameters = [parameter] if parameter else list(PROPERTY_NAMES)
    presets = [preset] if preset else ["default", "paper"]
    with TaskProgress(quiet=how == "json", what="posteriors") as progress:
        rows = compared(parameters, flavour, experiments, presets, chains, progress.report)
    if plot is not None:
        from bayesnu.studies.figures.comparison import comparison_plot

        comparison_plot(rows, plot)
    _print(rows, how, plot)
    if plot is not None:
        click.echo(f"wrote {plot}", err=True)


def _print(rows: Sequence[Row], how: str, plot: str | None) -> None:
    from bayesnu.studies import comparison_text
    from bayesnu.studies.compare import CONVENTION
    from bayesnu.support.versions import __version__

    if how == "json":
        json_out({"version": __version__, "convention": CONVENTION, "rows": comparison_text.as_dicts(rows), "plot": plot})
        return
    if how == "table":
        for parameter, some in comparison_text.by_parameter(rows):
            _print_table(f"{parameter}; {CONVENTION}" if parameter == "r2_nu" else parameter, some)
        return
    texts = {
        "markdown": comparison_text.to_markdown,
        "latex": comparison_text.to_latex,
        "csv": comparison_text.to_csv,
    }
    click.echo(texts[how](rows), nl=False)


def _print_table(title: str, rows: Sequence[Row]) -> None:
    """A table with a line above the rows of each kind, and remarks as numbered notes below."""
    from bayesnu.studies.comparison_text import cells

    notes: dict[str, int] = {}
    lines: list[tuple[str, ...]] = []
    before = ""
    for row in rows:
        kind, what, flavour, value, unit, cl, method, electrons, reference, remark = cells(row)
        note = f" [{notes.setdefault(remark, len(notes) + 1)}]" if remark else ""
        if kind != before:
            lines.append((f"— {kind}", *[""] * 7))
            before = kind
        lines.append((what + note, flavour, method, electrons, reference, value, unit, cl))
    table(title, COLUMNS, lines, text=5)
    for remark, mark in notes.items():
        click.echo(f"[{mark}] {remark}")
    click.echo()
