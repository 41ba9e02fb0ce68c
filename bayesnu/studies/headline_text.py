"""The headline table as text and Markdown: limits and fits of each property, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from bayesnu.inference.interval import Interval
from bayesnu.inference.toys.expected import ExpectedLimit
from bayesnu.model.choices import PRESETS
from bayesnu.physics.properties import PROPERTIES, Property
from bayesnu.studies.headline import HeadlineRow, find_weaker, name_data
from bayesnu.support.text import intervals, number

LIMITS = ("data", "flavour", "others", "profile", "Feldman-Cousins", "credible", "expected profile", "best fit")
FITS = ("data", "goodness of fit", "agreement of the data sets")
NONE = "-"
NO_TOYS = "no toys of three charges or radii, which are slow: `bayesnu feldman-cousins` and `bayesnu expected` make them"
ATOM = {
    "electrons": "charge on electrons as the weak terms have them",
    "epa": "charge by photo-absorption, without interference",
    "matched": "charge by photo-absorption below 14 keV, by electrons above",
}


def by_property(rows: Sequence[HeadlineRow]) -> Iterator[tuple[Property, list[HeadlineRow]]]:
    """The rows of each property that has some."""
    for item in PROPERTIES.values():
        some = [row for row in rows if row.parameter.em_property == item]
        if some:
            yield item, some


def name_table(item: Property, preset: str) -> str:
    """What a table is of; that of the charge names the treatment of the atom."""
    atom = f", {ATOM[PRESETS[preset].millicharge]}" if item.name == "q_nu" else ""
    return f"{item.column}, 90 %{atom}"


def limit_cells(row: HeadlineRow) -> tuple[str, ...]:
    """A row as text, in the order of `LIMITS`, in units of the scale."""
    scale = row.parameter.scale
    found = row.feldman_cousins
    expected = " … ".join(_write_expected(end, scale) for end in row.expected)
    return (
        name_data(row),
        row.parameter.flavour,
        row.others,
        intervals(row.profile.pieces, scale),
        NONE if found is None else _write_with_errors(found, scale, row.parameter.signed),
        "; ".join(_write_credible(each.prior, each.interval, scale) for each in row.credible) or NONE,
        expected or NONE,
        NONE if row.best_fit is None or row.others == "profiled" else number(row.best_fit / scale, 3),
    )


def fit_cells(row: HeadlineRow) -> tuple[str, ...]:
    """What toys say of the fit of a row, in the order of `FITS`."""
    goodness = row.toys.goodness if row.toys else None
    agreement = row.toys.compatibility if row.toys else None
    return (
        name_data(row),
        NONE if goodness is None else goodness.in_words,
        NONE if agreement is None else f"Δχ² = {agreement.delta_chi2:.1f}, {agreement.p_value.in_words}",
    )


def list_remarks(rows: Iterable[HeadlineRow]) -> list[str]:
    """Sentences beside the tables: where all together are weaker than one, remarks of toys, notes on the data."""
    rows = list(rows)
    together = [f"{name_data(row)}: {' + '.join(row.experiments)}" for row in rows if len(row.experiments) > 1]
    weaker = []
    for _, group in groupby(
        find_weaker(rows), key=lambda each: (each.together.parameter.em_property.name, each.best.experiments)
    ):
        alike = list(group)
        weaker.append("; ".join([*(each.sentence for each in alike), alike[0].reason]))
    toys = [
        f"{name_data(row)}, {row.parameter.em_property.name}: {each}"
        for row in rows
        for each in (row.toys.remarks if row.toys else ())
    ]
    open_ends = [
        f"{name_data(row)}, {row.parameter.name}: {row.profile.status}" for row in rows if row.profile.upper is None
    ]
    unfinished = [
        f"{name_data(row)}, {row.parameter.name}: {each.interval.status}"
        for row in rows
        for each in row.credible
        if each.interval.status.startswith("NOT CONVERGED")
    ]
    without = [NO_TOYS] if any(row.toys is None for row in rows) else []
    notes = [note for row in rows for note in row.notes]
    return [
        *dict.fromkeys(together),
        *weaker,
        *open_ends,
        *unfinished,
        *dict.fromkeys(toys),
        *without,
        *dict.fromkeys(notes),
    ]


def to_markdown(rows: Sequence[HeadlineRow], preset: str) -> str:
    """Both tables of each property, and the remarks."""
    parts = []
    for item, some in by_property(rows):
        parts.append(f"## {name_table(item, preset)}\n\n{_write_table(LIMITS, map(limit_cells, some))}")
        fitted = [row for row in some if row.toys and row.others == "zero"]
        if fitted:
            parts.append(_write_table(FITS, map(fit_cells, fitted)))
    remarks = "\n".join(f"* {each}." for each in list_remarks(rows))
    return "\n\n".join([*parts, f"## Remarks\n\n{remarks}\n"])


def _write_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _write_credible(prior: str, found: Interval, scale: float) -> str:
    """The kind of interval, the prior, the value and its error."""
    error = found.largest_error
    said = "" if not error else f" ± {number(error / scale, 1)}"
    unfinished = ", NOT CONVERGED" if found.status.startswith("NOT CONVERGED") else ""
    return f"{found.kind}, {prior.partition(' on ')[0]}: {intervals(found.pieces, scale)}{said}{unfinished}"


def _write_with_errors(found: Interval, scale: float, signed: bool) -> str:
    """Every piece with the errors of its ends; the boundary 0 of a modulus is no end."""
    pieces = []
    for (low, high), (low_error, high_error) in zip(found.pieces, found.errors, strict=True):
        upper = _write_end(high, high_error, scale)
        is_limit = not signed and not low
        pieces.append(f"< {upper}" if is_limit else f"{_write_end(low, low_error, scale)} … {upper}")
    return " and ".join(pieces) or "empty"


def _write_end(value: float | None, error: float | None, scale: float) -> str:
    if value is None:
        return "(outside the tested values)"
    return number(value / scale) + (f" ± {number(error / scale, 1)}" if error else "")


def _write_expected(end: ExpectedLimit, scale: float) -> str:
    """The median of an end with its error, and where 68 % of the toys have it."""
    value, error = end.bands["median"]
    low, high = (number(end.bands[name][0] / scale, 3) for name in ("-1 sigma", "+1 sigma"))
    return f"{_write_end(value, error, scale)} [{low}, {high}]"
