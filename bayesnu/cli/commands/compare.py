"""`compare` and `bibliography`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from bayesnu.cli.output import check_figure, json_out, table
from bayesnu.model.choices import PRESETS
from bayesnu.physics.properties import PROPERTIES
from bayesnu.studies import bibliography as references
from bayesnu.studies import compare as comparison
from bayesnu.studies import comparison_text
from bayesnu.studies.compare import Row
from bayesnu.support.errors import BayesnuError

TEXTS = {"markdown": comparison_text.to_markdown, "latex": comparison_text.to_latex, "csv": comparison_text.to_csv}


def compare(names: tuple[str, ...], chains: tuple[str, ...], how: str, plot: str | None, options: dict[str, Any]) -> None:
    """Print own and published limits as a table of the given format; draw them."""
    parameter, preset = options.get("parameter"), options.get("preset")
    if plot is not None and parameter is None:
        raise BayesnuError(f"--plot: a figure shows one property; give --parameter, one of {', '.join(PROPERTIES)}")
    check_figure(plot)
    rows = comparison.compare(
        [parameter] if parameter else list(PROPERTIES),
        options.get("flavour"),
        names,
        [preset] if preset else list(PRESETS),
        chains,
    )
    if plot is not None:
        from bayesnu.studies.figures.comparison import comparison_plot

        comparison_plot(rows, plot)
    if how == "json":
        json_out({"convention": comparison.CONVENTION, "rows": comparison_text.as_dicts(rows), "plot": plot})
    elif how == "table":
        _print(rows)
    else:
        click.echo(TEXTS[how](rows), nl=False)
    if plot is not None:
        click.echo(f"wrote {plot}", err=True)


def _print(rows: Sequence[Row]) -> None:
    """A table for each property, with remarks as numbered notes below."""
    for parameter, some in comparison_text.by_parameter(rows):
        notes: dict[str, int] = {}
        lines, before = [], ""
        for row in some:
            kind, what, flavour, value, unit, cl, method, reference, remark = comparison_text.cells(row)
            note = f" [{notes.setdefault(remark, len(notes) + 1)}]" if remark else ""
            if kind != before:
                lines.append((f"— {kind}", *[""] * 6))
                before = kind
            lines.append((what + note, flavour, method, reference, value, unit, cl))
        columns = ("what [remark]", "flavour", "kind", "reference", "value", "unit", "CL [%]")
        table(f"{parameter}; {comparison.CONVENTION}" if parameter == "r2_nu" else parameter, columns, lines, text=4)
        for remark, number in notes.items():
            click.echo(f"[{number}] {remark}")
        click.echo()


def bibliography(names: tuple[str, ...]) -> None:
    """Print the references of experiments and chains as BibTeX."""
    click.echo(references.bibtex(names), nl=False)
