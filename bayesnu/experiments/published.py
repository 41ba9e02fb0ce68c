"""Published limits to stand beside an own result. The table names source and convention of each row."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from bayesnu.experiments.experiment import Experiment
from bayesnu.experiments.reader import READINGS, load, names
from bayesnu.support.errors import BayesnuError

KINDS = ("solar", "reactor", "accelerator", "astrophysics", "theory")  # what neutrinos a row is about
NOT_OBTAINED = "not obtained: its numbers could not be read at the source"
UNCHECKED = "convention of the charge radius not checked: numbers as printed"
DOUBLED = "twice the number of the PDG table, which holds half of the charge radius as defined here"

# What the paper analyses and, beyond it, what its data sets say together. A data set of a user has no place here.
PAPER_DATA_SETS = (
    ("pandax4t-run0",),
    ("pandax4t-run1",),
    ("xenonnt-sr0",),
    ("pandax4t-run0", "pandax4t-run1"),
    ("pandax4t-run0", "pandax4t-run1", "xenonnt-sr0"),
)


@dataclass(frozen=True)
class PublishedLimit:
    """One published interval in mu_B, e or cm^2; None: no such end.

    `kind` is one of `KINDS`. `data_set` names the data sets of this package with the same events, sorted and joined by +;
    it is empty for none. A charge radius is in this package's convention if `checked`, else as printed. `electrons` is how
    bound electrons were treated, empty where they do not matter. `remark` is what has to be known to compare it.
    `constraint` is the name by which a fit can take the row as a term.
    """

    experiment: str
    parameter: str
    flavour: str
    lower: float | None
    upper: float | None
    cl_percent: float | None
    reference: str
    kind: str
    data_set: str = ""
    checked: bool = True
    electrons: str = ""
    remark: str = ""
    constraint: str = ""

    @property
    def obtained(self) -> bool:
        """Whether its numbers could be read."""
        return self.lower is not None or self.upper is not None


@cache
def published_limits() -> tuple[PublishedLimit, ...]:
    """Every row of the table."""
    with resources.files("bayesnu.experiments").joinpath("published_limits.csv").open(encoding="utf-8") as file:
        return tuple(_read_limit(row) for row in csv.DictReader(line for line in file if not line.startswith("#")))


def _read_limit(row: dict[str, str]) -> PublishedLimit:
    if row["kind"] not in KINDS:
        raise BayesnuError(
            f"published_limits.csv: found the kind '{row['kind']}' of '{row['experiment']}'; must be one of "
            f"{', '.join(KINDS)}; correct it"
        )
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
        kind=row["kind"],
        data_set=row["data_set"],
        checked=checked,
        electrons=_find_electrons(row),
        remark=_write_remark(row, checked),
        constraint=row["constraint"],
    )


def published_constraint(name: str) -> PublishedLimit:
    """The row that a fit takes by this name; raises `BayesnuError` for one whose convention is not checked."""
    (limit,) = (each for each in published_limits() if each.constraint == name)
    if not limit.checked:
        raise BayesnuError(
            f"constraints: found {name}, whose convention of the charge radius is not checked; check it and give its row of "
            "published_limits.csv a cr_scale"
        )
    return limit


def _read_end(text: str, factor: float) -> float | None:
    """An end of an interval in its unit, without the digits that the factor's rounding adds."""
    return float(f"{float(text) * factor:.12g}") if text else None


def _choose_reference(row: dict[str, str]) -> str:
    """The arXiv number unless it is from memory and there is a DOI; else where the PDG has it from."""
    if row["arxiv"] and not (row["doi"] and "from memory" in row["note"]):
        return f"arXiv:{row['arxiv']}"
    return f"doi:{row['doi']}" if row["doi"] else f"{row['note'].partition(';')[0]}, PDG 2026"


def _find_electrons(row: dict[str, str]) -> str:
    """How bound electrons were treated, which matters where recoils are about as small as their binding energies."""
    return row["electrons"] or ("not checked" if row["kind"] in ("solar", "reactor") else "")


def _write_remark(row: dict[str, str], checked: bool) -> str:
    """The note of a row; of a charge radius what was done to its numbers."""
    parts = [part for part in row["note"].split("; ") if part and part not in _choose_reference(row)]
    if row["provenance"] == "not obtained":
        return "; ".join([NOT_OBTAINED, *parts])
    if row["observable"] != "r2_nu":
        return "; ".join(part for part in parts if "from memory" not in part and "also in PDG" not in part)
    if checked:
        return DOUBLED if float(row["cr_scale"]) == 2 else ""
    others = [part for part in parts if "convention" not in part and "not checked" not in part]
    return "; ".join([UNCHECKED, *others])


def holds_published_events(experiment: Experiment) -> bool:
    """Return whether a data set has name, exposure and events of one of this package, wherever it was read."""
    if experiment.name not in names():
        return False
    ours = load(experiment.name, experiment.reading if experiment.reading in READINGS else "default")
    return (
        experiment.exposure_tonne_years == ours.exposure_tonne_years
        and np.array_equal(experiment.edges_kev, ours.edges_kev)
        and np.array_equal(experiment.observed, ours.observed)
    )


def published_for(experiments: tuple[str, ...], parameter: str, flavour: str) -> tuple[PublishedLimit, ...]:
    """Published results from the same data on the same property; empty where there are none."""
    data_set = "+".join(sorted(experiments))
    return tuple(
        limit
        for limit in published_limits()
        if limit.obtained
        and limit.checked
        and limit.data_set == data_set
        and limit.parameter == parameter
        and limit.flavour == flavour
    )
