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


@dataclass(frozen=True)
class PublishedLimit:
    """One published interval in mu_B, e or cm^2, charge radii in this package's convention; None: no such end."""

    experiment: str
    parameter: str
    flavour: str
    lower: float | None
    upper: float | None
    cl_percent: float | None
    reference: str


@cache
def published_limits() -> tuple[PublishedLimit, ...]:
    """Every row whose convention is known."""
    with resources.files("bayesnu").joinpath("tables/published_limits.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return tuple(_limit(row) for row in rows if row["observable"] != "r2_nu" or row["cr_scale"])


def _limit(row: dict[str, str]) -> PublishedLimit:
    factor = float(row["cr_scale"]) * 1e-32 if row["observable"] == "r2_nu" else 1.0
    lower, upper = (float(row[key]) * factor if row[key] else None for key in ("lower", "upper"))
    cl = float(row["cl_percent"]) if row["cl_percent"] else None
    reference = f"arXiv:{row['arxiv']}" if row["arxiv"] else f"doi:{row['doi']}"
    return PublishedLimit(row["experiment"], row["observable"], row["flavour"], lower, upper, cl, reference)


def published_for(experiments: tuple[str, ...], parameter: str, flavour: str) -> tuple[PublishedLimit, ...]:
    """Published results from the same data on the same property; empty where there are none."""
    names = _ROWS.get("+".join(sorted(experiments)), ())
    return tuple(
        limit
        for limit in published_limits()
        if limit.experiment in names and limit.parameter == parameter and limit.flavour == flavour
    )
