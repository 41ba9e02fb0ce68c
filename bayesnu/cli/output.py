"""How commands print: JSON, or tables."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

WIDTH = 120  # columns where the output is not a terminal, and the variable COLUMNS does not say
BETWEEN = 2  # blanks between the columns of a table


def json_out(value: Any) -> None:
    """Print JSON in one line; what is not finite becomes null."""
    import json

    click.echo(json.dumps(_finite(value), allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def console(stderr: bool = False) -> Console:
    """A console that does not squeeze tables where nobody watches, and writes nothing but text there.

    Whether somebody watches is what the stream says, whatever the environment forces upon it.
    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    watched = stream.isatty()
    return Console(
        file=stream,
        width=None if watched or "COLUMNS" in os.environ else WIDTH,
        force_terminal=watched,
        highlight=False,
        markup=False,
        soft_wrap=False,
    )


def check_figure(path: str | None) -> None:
    """Raise `BayesnuError` if a figure is wanted where none can be written, before what it shows is computed."""
    if path is not None:
        from bayesnu import plots

        plots.check_place(path)


@contextmanager
def output_file(name: str) -> Iterator[Path]:
    """Give a place to write what goes to the file that a user names, which is whole or not there.

    Raises `BayesnuError` where no file can be, and for what is no file: a device or a pipe would be lost.
    """
    from pathlib import Path

    from bayesnu.support.files import reason_of, whole_file

    path = Path(name)
    with whole_file(path, lambda error: f"{path}: cannot be written ({reason_of(error)}); choose another place") as new:
        if os.path.lexists(path) and not path.is_file():
            raise OSError("not a regular file")
        new.touch()  # refused before a library begins to write
        yield new


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], text: int = 1) -> None:
    """Print a table; the first `text` columns are text, the rest numbers. Cells wrap between words where it is too wide."""
    from rich.table import Table

    lines = [tuple(row) for row in rows]
    where = console()
    cells = [[name, *(line[i] for line in lines)] for i, name in enumerate(columns)]
    widths = fit_widths(cells, where.width, text)
    drawn = Table(box=None, pad_edge=False, padding=(0, BETWEEN, 0, 0), header_style="bold")
    for i, name in enumerate(columns):
        drawn.add_column(name, justify="left" if i < text else "right", overflow="fold", width=widths[i])
    for line in lines:
        drawn.add_row(*line)
    if title:
        where.print(title, style="bold")
    where.print(drawn)


def fit_widths(columns: Sequence[Sequence[str]], available: int, text: int = 1) -> list[int] | list[None]:
    """Widths of columns, given their cells, in which no word is broken; None for each where there are none.

    The widest column that has a space to wrap at is narrowed first: one of text, of which there are `text`, before a number.
    """
    widths = [max(len(line) for cell in cells for line in cell.splitlines() or [""]) for cells in columns]
    least = [max(len(word) for cell in cells for word in cell.split() or [""]) for cells in columns]
    available -= BETWEEN * len(columns)  # rich counts blanks after the last one, too
    if sum(least) > available:
        return [None] * len(columns)
    while sum(widths) > available:
        wide = [i for i in range(len(columns)) if widths[i] > least[i]]
        widths[max(wide, key=lambda i: (i < text, widths[i]))] -= 1
    return widths
