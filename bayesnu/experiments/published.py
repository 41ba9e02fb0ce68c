"""Published limits to stand beside an own result. The table names source and convention of each row."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

# Which rows of the table belong to a data set of this package.
_ROWS = {
    "xenonnt-sr0": ("XENONnT SR0 (Demirci 2025)", "XENONnT SR0"),
    "pandax4t-run0": ("PandaX-4T Run0 (Demirci 2025)",),
    "pandax4t-run1": ("PandaX-4T Run1 (Demirci 2025)",),
    "pandax4t-run0+pandax4t-run1": ("PandaX-4T Run0+Run1",),
}

# What neutrinos a row is about, by how its name begins.
_KINDS = {
    "solar": ("PandaX-4T", "XENON", "LZ", "XMASS", "Borexino", "Super-Kamiokande"),
    "reactor": ("GEMMA", "TEXONO", "MUNU", "Rovno", "Krasnoyarsk", "CONUS", "Dresden-II", "reactor"),
    "accelerator": ("LSND", "LAMPF", "BNL-E734", "CHARM-II", "CCFR", "DONUT", "COHERENT"),
    "astrophysics": ("TRGB", "White dwarf", "Early universe", "SN1987A", "Red giants", "Solar cooling", "Charge neutrality"),
    "theory": ("Global", "combined", "Standard Model"),
}
KINDS = tuple(_KINDS)
UNCHECKED = "convention of the charge radius not checked: numbers as printed"
DOUBLED = "twice the number of the PDG table, which holds half of the charge radius as defined here"

# The data sets of the paper and, beyond it, what they say together.
DATA_SETS = (
    ("pandax4t-run0",),
    ("pandax4t-run1",),
    ("xenonnt-sr0",),
    ("pandax4t-run0", "pandax4t-run1"),
    ("pandax4t-run0", "pandax4t-run1", "xenonnt-sr0"),
)


@dataclass(frozen=True)
class PublishedLimit:
    """One published interval in mu_B, e or cm^2; None: no such end.

    A charge radius is in this package's convention if `checked`, else as printed. `kind` is one of `KINDS`, `remark` what
    has to be known to compare it.
    """

    experiment: str
    parameter: str
    flavour: str
    lower: float | None
    upper: float | None
    cl_percent: float | None
    reference: str
    kind: str = "theory"
    checked: bool = True
    remark: str = ""


@cache
def published_limits() -> tuple[PublishedLimit, ...]:
    """Every row of the table."""
    with resources.files("bayesnu.experiments").joinpath("published_limits.csv").open(encoding="utf-8") as file:
        return tuple(_read_limit(row) for row in csv.DictReader(line for line in file if not line.startswith("#")))


def _read_limit(row: dict[str, str]) -> PublishedLimit:
    radius = row["observable"] == "r2_nu"
    checked = not radius or (bool(row["cr_scale"]) and "assumed" not in row["note"])  # an assumed factor is not checked
    factor = 1.0
    if radius:  # the table has 1e-32 cm^2
        factor = (float(row["cr_scale"]) if checked else 1.0) * 1e-32
    cl = float(row["cl_percent"]) if row["cl_percent"] else None
    return PublishedLimit(
        experiment=row["experiment"],
        parameter=row["observable"],
        flavour=row["flavour"],
        lower=_read_end(row["lower"], factor),
        upper=_read_end(row["upper"], factor),
        cl_percent=cl,
        reference=_choose_reference(row),
        kind=_find_kind(row["experiment"]),
        checked=checked,
        remark=_write_remark(row, checked),
    )


def _read_end(text: str, factor: float) -> float | None:
    """An end of an interval in its unit, without the digits that the factor's rounding adds."""
    return float(f"{float(text) * factor:.12g}") if text else None


def _choose_reference(row: dict[str, str]) -> str:
    """The arXiv number unless it is from memory and there is a DOI; else where the PDG has it from."""
    if row["arxiv"] and not (row["doi"] and "from memory" in row["note"]):
        return f"arXiv:{row['arxiv']}"
    return f"doi:{row['doi']}" if row["doi"] else f"{row['note'].partition(';')[0]}, PDG 2026"


def _find_kind(name: str) -> str:
    return next(kind for kind, starts in _KINDS.items() if name.startswith(starts))


def _write_remark(row: dict[str, str], checked: bool) -> str:
    """The note of a row; of a charge radius what was done to its numbers."""
    parts = [part for part in row["note"].split("; ") if part and part not in _choose_reference(row)]
    if row["observable"] != "r2_nu":
        return "; ".join(part for part in parts if "from memory" not in part and "also in PDG" not in part)
    if checked:
        return DOUBLED if float(row["cr_scale"]) == 2 else ""
    others = [part for part in parts if "convention" not in part and "not checked" not in part]
    return "; ".join([UNCHECKED, *others])


def published_for(experiments: tuple[str, ...], parameter: str, flavour: str) -> tuple[PublishedLimit, ...]:
    """Published results from the same data on the same property; empty where there are none."""
    names = _ROWS.get("+".join(sorted(experiments)), ())
    return tuple(
        limit
        for limit in published_limits()
        if limit.checked and limit.experiment in names and limit.parameter == parameter and limit.flavour == flavour
    )
