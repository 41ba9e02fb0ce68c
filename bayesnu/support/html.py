"""Small tables in HTML, for what a notebook shows of an object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """A table with a caption; every cell is text and escaped."""
    cells = ["".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) for row in rows]
    lines = [f"<table><caption>{escape(caption)}</caption>"]
    if head:
        lines.append("<tr>" + "".join(f"<th style='text-align:left'>{escape(cell)}</th>" for cell in head) + "</tr>")
    return "\n".join([*lines, *(f"<tr>{row}</tr>" for row in cells), "</table>"])
