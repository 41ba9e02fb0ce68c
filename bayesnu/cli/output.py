"""How commands print: JSON, or tables."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 120  # columns where the output is not a terminal


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
    """A console that does not squeeze tables where nobody watches."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDTH, highlight=False, markup=False, soft_wrap=False)


def check_figure(path: str | None) -> None:
    """Raise `BayesnuError` if a figure is wanted where none can be written, before what it shows is computed."""
    if path is not None:
        from bayesnu import plots

        plots.check_place(path)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], text: int = 1) -> None:
    """Print a table; the first `text` columns are text, the rest numbers."""
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for i, name in enumerate(columns):
        drawn.add_column(name, justify="left" if i < text else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    if title:
        console().print(title, style="bold")
    console().print(drawn)
