"""Lists of numbers that stand in CSV files beside an experiment's file, put in their places.

A list may be `{ csv = "FILE.csv", column = "NAME" }`, and edges of bins `{ csv = "FILE.csv", columns = ["LOW", "HIGH"] }`.
Lines that begin with # are comments; the first other line names the columns.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any, TypeAlias

from bayesnu.experiments.sentences import Wrong, show_value
from bayesnu.support.errors import did_you_mean

ReadFile: TypeAlias = Callable[[str], str]  # from the name of a file beside the experiment's to its text


def fill_columns(value: Any, read_file: ReadFile) -> Any:
    """Return nested tables with every list that is a column replaced by its numbers; raises `Wrong` if it cannot be."""
    if isinstance(value, list):
        return [fill_columns(each, read_file) for each in value]
    if not isinstance(value, dict):
        return value
    if "csv" not in value:
        return {key: fill_columns(each, read_file) for key, each in value.items()}
    return _read_list(value, read_file)


def _read_list(reference: dict[str, Any], read_file: ReadFile) -> list[float]:
    """Return the numbers of one column, or the edges of bins from two."""
    name = reference["csv"]
    names = reference.get("columns", [reference.get("column")])
    is_one = reference.keys() == {"csv", "column"}
    is_two = reference.keys() == {"csv", "columns"} and isinstance(names, list) and len(names) == 2
    if not (is_one or is_two) or not all(isinstance(each, str) for each in (name, *names)):
        keys = ", ".join(reference)
        allowed = "must be csv and column, or csv and two columns"
        raise Wrong(f"csv {show_value(name)}: found the keys {keys[:60]}; {allowed}; correct it")
    columns = _read_columns(name, read_file(name), names)
    return columns[0] if is_one else _join_edges(name, *columns)


def _join_edges(name: str, low: list[float], high: list[float]) -> list[float]:
    """Return the edges of contiguous bins from their lower and upper ends."""
    for upper, lower in zip(high, low[1:], strict=False):
        if upper != lower:
            found = f"found a bin that ends at {upper:g} before one from {lower:g}"
            raise Wrong(f"csv '{name}': {found}; must be contiguous; sort them")
    return [*low, *high[-1:]]


def _read_columns(name: str, text: str, columns: list[str]) -> list[list[float]]:
    """Return the numbers of columns, each a list."""
    lines = [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip() and not line.startswith("#")]
    rows = [(n, _split_line(name, n, line)) for n, line in lines]
    head = rows[0][1] if rows else []
    for column in columns:
        if column not in head:
            raise Wrong(f"csv '{name}': found no column {show_value(column)}{did_you_mean(column[:60], head)}")
    return [[_read_cell(name, n, row, head.index(column), column) for n, row in rows[1:]] for column in columns]


def _split_line(name: str, line: int, text: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([text]))]
    except csv.Error as error:
        raise Wrong(f"csv '{name}' line {line}: found what is no CSV ({error}); correct it") from None


def _read_cell(name: str, line: int, row: list[str], place: int, column: str) -> float:
    cell = row[place] if place < len(row) else ""
    try:
        return float(cell)
    except ValueError:
        found = f"{show_value(cell)} in the column '{column}'"
        raise Wrong(f"csv '{name}' line {line}: found {found}; must be a number; correct it") from None
