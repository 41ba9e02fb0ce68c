"""Rows of a comparison as a table, CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from bayesnu.physics.properties import PROPERTIES
from bayesnu.studies.bibliography import cite
from bayesnu.studies.compare import CONVENTION, KINDS, Row
from bayesnu.support.text import TEX_UNITS, tex
from bayesnu.support.versions import __version__

# Of a row in JSON and CSV: what it is, and its interval with the outermost ends.
OF_LIMIT = ("kind", "name", "parameter", "flavour", "preset", "method", "cl_percent", "unit")
ABOUT = (*OF_LIMIT, "electrons", "reference", "remark", "drawn")
OF_INTERVAL = ("pieces", "errors", "lower", "upper")
COLUMNS = ("group", "what", "flavour", "value", "unit", "CL [%]", "kind", "bound electrons", "reference", "remark")


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, in the order of `COLUMNS`."""
    cl = "" if row.cl_percent is None else f"{row.cl_percent:g}"
    label = (KINDS[row.kind], row.what, row.flavour, row.value(), row.scaled_unit, cl)
    return (*label, row.method, row.electrons, row.reference, row.remark)


def by_parameter(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each parameter, in their order."""
    for parameter, some in groupby(rows, key=lambda row: row.parameter):
        yield parameter, list(some)


def as_dicts(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows for JSON, in mu_B, e and cm^2."""
    return [_record_of(row) for row in rows]


def _record_of(row: Row) -> dict[str, Any]:
    about = {name: getattr(row, name) for name in ABOUT}
    interval = {name: getattr(row.interval, name) for name in OF_INTERVAL}
    return about | {"interval": row.interval.kind} | interval


def to_csv(rows: Iterable[Row]) -> str:
    """Rows as CSV, in mu_B, e and cm^2 with every digit; `pieces` and their Monte-Carlo `errors` are JSON."""
    file = io.StringIO()
    writer = csv.DictWriter(file, (*ABOUT, "interval", *OF_INTERVAL), lineterminator="\n")
    writer.writeheader()
    for record in as_dicts(rows):
        writer.writerow(record | {name: json.dumps(record[name]) for name in ("pieces", "errors")})
    return file.getvalue()


def to_markdown(rows: Iterable[Row]) -> str:
    """A page with a table for each property."""
    writer = f"Written by `bayesnu compare --format markdown`, version {__version__}."
    about = f"{writer} In one convention: {_escape_text(CONVENTION)}."
    lines = ["# Own and published limits", "", about, ""]
    for parameter, some in by_parameter(rows):
        lines += [f"## {parameter}", "", "| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
        lines += ["| " + " | ".join(map(_escape_text, cells(row))) + " |" for row in some] + [""]
    return "\n".join(lines)


def _escape_text(text: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", " ".join(text.split()))


TEX_FLAVOURS = {"e": r"$\nu_e$", "mu": r"$\nu_\mu$", "tau": r"$\nu_\tau$", "mu;tau": r"$\nu_\mu,\nu_\tau$"}
TEX_COLUMNS = r"p{0.21\linewidth}lrrrlp{0.1\linewidth}p{0.14\linewidth}p{0.18\linewidth}"


def to_latex(rows: Iterable[Row]) -> str:
    """A long table for each property, on pages in landscape."""
    lines = [r"% \usepackage{longtable,pdflscape} in the preamble", r"\begin{landscape}\footnotesize"]
    for parameter, some in by_parameter(rows):
        head = " & ".join(map(tex, ("", *COLUMNS[2:])))
        lines += [f"% {parameter}", rf"\begin{{longtable}}{{{TEX_COLUMNS}}}", rf"\hline {head} \\ \hline \endhead"]
        for kind, group in groupby(some, key=lambda row: row.kind):
            lines.append(rf"\multicolumn{{9}}{{l}}{{\textbf{{{tex(KINDS[kind])}}}}} \\")
            lines += [" & ".join(_make_tex_cells(row)) + r" \\" for row in group]
        lines += [r"\hline", r"\end{longtable}"]
    return "\n".join([*lines, r"\end{landscape}", ""])


def _make_tex_cells(row: Row) -> list[str]:
    _, what, flavour, value, _, cl, kind, electrons, reference, remark = cells(row)
    numbers = re.sub(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", _write_tex_number, value)
    number = "$" + numbers.replace("…", r"\ldots{}").replace(" and ", r"$ and $") + "$"
    if numbers == value:  # words, as where an article's number could not be read
        number = tex(value)
    exponent = f"{PROPERTIES[row.parameter].scale:e}".partition("e")[2]
    unit = rf"$10^{{{int(exponent)}}}\,{TEX_UNITS[row.unit]}$"
    return [
        tex(what),
        TEX_FLAVOURS.get(flavour, tex(flavour)),
        number,
        unit,
        tex(cl),
        tex(kind),
        tex(electrons),
        cite(reference),
        tex(remark),
    ]


def _write_tex_number(match: re.Match[str]) -> str:
    mantissa, _, exponent = match.group().partition("e")
    return rf"{mantissa}\times 10^{{{int(exponent)}}}" if exponent else mantissa
