"""What all data sets say, each alone and all together: every property, one common value and each flavour.

A share is one model and needs no other. What it finds is a campaign of one task in a folder of its own, and chains have
theirs beside it. So a table that was stopped goes on where it was, and its numbers do not depend on how it was made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from bayesnu.inference.fits import Fits
from bayesnu.inference.interval import Interval, without_boundary
from bayesnu.inference.marginal import marginal
from bayesnu.inference.settings import usual_kind
from bayesnu.inference.toys.expected import ExpectedLimit
from bayesnu.inference.toys.result import LimitToys, ToyResult, find_toy_result
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import comparison_priors, describe
from bayesnu.physics.names import FLAVOURS
from bayesnu.physics.properties import PROPERTIES, PhysicsParameter, parameter_of
from bayesnu.runs import campaign, sampling
from bayesnu.runs.json_values import Json, check, read_end, read_list, read_text, read_value, shown
from bayesnu.runs.processes import perform_all
from bayesnu.runs.result_json import interval_from_json, interval_to_json
from bayesnu.runs.run import model_of, resolve
from bayesnu.runs.task import Campaign
from bayesnu.runs.toy_json import toys_from_json, toys_to_json
from bayesnu.studies.variations import LEVEL, in_units
from bayesnu.support.text import intervals, number

TOGETHER = ("xenonnt-sr0", "xenon1t-sr1", "pandax4t-run0", "pandax4t-run1", "lz-ws2022", "lz-ws2024")  # no two share events
ALONE = ("xenonnt-sr0", "xenonnt-sr0-wide", *TOGETHER[1:])
COMBINATIONS = (*((name,) for name in ALONE), TOGETHER)
GROUPS = ("common", "all")
ELEMENTS = ("common", *FLAVOURS)
SEED = 0
TOGETHER_NAME = "all together"


@dataclass(frozen=True)
class Credible:
    """A credible interval in mu_B, e or cm^2 under a prior in words; the interval's status says how it was found."""

    prior: str
    interval: Interval


@dataclass(frozen=True)
class HeadlineRow:
    """What some data sets say of one physics parameter; numbers are in mu_B, e or cm^2.

    Attributes:
        experiments: names of the data sets.
        parameter: the physics parameter; `others` says what became of the other flavours, `zero` or `profiled`.
        profile: the interval at delta chi^2 = 2.71, with its status.
        best_fit: where chi^2 is smallest; None where other flavours replace it.
        credible: intervals by prior; where other flavours are, they are marginalised. Empty without chains of these.
        toys: goodness of fit, agreement of the data sets, and limits; None for three charges or radii, whose toys are slow.
        notes: what has to be known of data and choices.
    """

    experiments: tuple[str, ...]
    parameter: PhysicsParameter
    others: str
    profile: Interval
    best_fit: float | None
    credible: tuple[Credible, ...]
    toys: ToyResult | None
    notes: tuple[str, ...]

    @property
    def feldman_cousins(self) -> Interval | None:
        """The interval with critical values from toys; None without toys of limits."""
        return next((each.feldman_cousins for each in self._limit_toys), None)

    @property
    def expected(self) -> tuple[ExpectedLimit, ...]:
        """Ends of toys of the Standard Model at the level of the profile; empty without toys of limits."""
        return tuple(end for each in self._limit_toys for end in each.expected if not end.end.one_sided)

    @property
    def _limit_toys(self) -> list[LimitToys]:
        """What toys say of the limit of this parameter: one, or none."""
        made = self.toys.limits if self.toys else ()
        return [each for each in made if each.parameter.name == self.parameter.name]

    @property
    def by_method(self) -> dict[str, Interval]:
        """Its intervals by method; of credible ones that of the first prior."""
        found = {"profile": self.profile}
        if self.feldman_cousins is not None:
            found["Feldman-Cousins"] = self.feldman_cousins
        if self.credible:
            found["credible"] = self.credible[0].interval
        return found

    def as_json(self) -> Json:
        """The row for JSON; `read_row` reads it."""
        return {
            "experiments": list(self.experiments),
            "parameter": self.parameter.name,
            "modulus": not self.parameter.signed,
            "others": self.others,
            "unit": self.parameter.unit,
            "profile": interval_to_json(self.profile),
            "best_fit": self.best_fit,
            "credible": [{"prior": each.prior, **interval_to_json(each.interval)} for each in self.credible],
            "toys": None if self.toys is None else toys_to_json(self.toys),
            "notes": list(self.notes),
        }


def read_row(table: Any) -> HeadlineRow:
    """The row that `as_json` wrote; raises ValueError for anything else."""
    parameter = parameter_of(read_text(table, "parameter"))
    modulus = read_value(table, "modulus")
    check(isinstance(modulus, bool))
    parameter = parameter.without_interference() if modulus else parameter
    toys = read_value(table, "toys")
    return HeadlineRow(
        experiments=tuple(shown(each) for each in read_list(table, "experiments")),
        parameter=parameter,
        others=read_text(table, "others"),
        profile=interval_from_json(read_value(table, "profile")),
        best_fit=read_end(table, "best_fit"),
        credible=tuple(
            Credible(read_text(each, "prior"), interval_from_json(each)) for each in read_list(table, "credible")
        ),
        toys=None if toys is None else toys_from_json(toys, [parameter]),
        notes=tuple(shown(each) for each in read_list(table, "notes")),
    )


@dataclass(frozen=True)
class Share:
    """A part of the table that needs no other: a property, common or of three flavours, of some data sets.

    Without `chains` the flavours are not marginalised.
    """

    names: tuple[str, ...]
    parameter: str
    flavour: str
    preset: str
    folder: Path
    chains: bool

    @property
    def label(self) -> str:
        """What it is about, in words."""
        return f"{' + '.join(self.names)}, {self.parameter}, {self.flavour}"

    @property
    def campaign(self) -> Campaign:
        """The one task that finds its rows."""
        run = resolve(self.names, self.parameter, self.flavour, self.preset)
        settings = {
            "seed": SEED,
            "experiments": list(self.names),
            "data": dict(run.digests),
            "parameter": self.parameter,
            "flavour": self.flavour,
            "preset": self.preset,
        }
        return Campaign("headline", settings, 1, run_task)

    @property
    def place(self) -> Path:
        """The folder of what it finds."""
        return self.folder / "-".join(["+".join(self.names), self.parameter, self.flavour])


def find_headline(
    folder: Path,
    chains: bool,
    report: Callable[[str], None] = lambda line: None,
    processes: int = 1,
    preset: str = "default",
    combinations: Sequence[tuple[str, ...]] = COMBINATIONS,
    parameters: Iterable[str] = tuple(PROPERTIES),
) -> list[HeadlineRow]:
    """The rows of all data sets, properties and flavours; what the folder holds already is only read.

    So many processes share the work; no number depends on how many. `chains` marginalises the flavours by sampling. A script
    that takes several processes needs `if __name__ == "__main__":`.
    """
    shares = [
        Share(names, parameter, flavour, preset, folder, chains)
        for parameter in parameters
        for flavour in GROUPS
        for names in combinations
    ]
    longest_first = sorted(shares, key=lambda share: (-len(share.names), share.flavour == "common"))
    found = perform_all(
        find_rows,
        longest_first,
        processes,
        lambda share, done: report(f"{done} of {len(shares)}: {share.label}"),
    )
    by_share = dict(zip(longest_first, found, strict=True))
    return sorted((row for share in shares for row in by_share[share]), key=_sort_key)


def find_rows(share: Share) -> list[HeadlineRow]:
    """The rows of a share, from its folder where they are there."""
    stored = campaign.run(share.campaign, share.place)[0]["rows"]
    rows = [read_row(each) for each in json.loads(stored.tobytes())]
    if not share.chains or share.flavour == "common":
        return rows
    found = _marginalise(share)
    return [replace(row, credible=found[row.parameter.name]) for row in rows]


def run_task(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """The rows of a share as JSON in bytes: all but what chains say."""
    names = tuple(settings["experiments"])
    run = resolve(names, settings["parameter"], settings["flavour"], settings["preset"])
    rows = make_rows(model_of(run), settings["seed"])
    packed = json.dumps([row.as_json() for row in rows], allow_nan=False).encode()
    return {"rows": np.frombuffer(packed, dtype=np.uint8)}


def make_rows(model: Model, seed: int) -> list[HeadlineRow]:
    """The rows of a model: one physics parameter with everything, or three flavours, each with the others profiled."""
    fits = Fits(model)
    is_alone = model.n_physics == 1
    has_toys = is_alone or not any(parameter.signed for parameter in model.of_interest)
    toys = find_toy_result(model, LEVEL, seed).in_units() if has_toys else None
    rows = []
    for k, parameter in enumerate(model.of_interest):
        found = in_units(fits.interval(k, cl=LEVEL, others="zero" if is_alone else "profiled"))
        row = HeadlineRow(
            experiments=tuple(experiment.name for experiment in model.experiments),
            parameter=parameter,
            others=found.others,
            profile=replace(found.bare(), status=found.status),
            best_fit=found.best_fit,
            credible=tuple(_integrate(model)) if is_alone else (),
            toys=toys,
            notes=model.notes,
        )
        rows.append(row)
    return rows


def _integrate(model: Model) -> Iterator[Credible]:
    """The credible intervals of the only physics parameter, a modulus under three priors."""
    prior = model.parameters[0]
    kind = usual_kind(prior.of_interest)
    for each in comparison_priors(prior):
        found = marginal(model.with_priors(each)).interval(kind, LEVEL).scaled(prior.scale)
        yield Credible(describe(each), replace(found.bare(), status=found.method))


def _marginalise(share: Share) -> dict[str, tuple[Credible, ...]]:
    """The credible intervals of every flavour, the others marginalised: from a chain in a folder of its own."""
    run = resolve(share.names, share.parameter, share.flavour, share.preset)
    result = sampling.sample(run, share.folder / run.name, figures=False, toys=False)
    status = "sampled" if result.converged else result.verdict.words
    return {
        name: (Credible(each.prior, replace(each.interval.bare(), status=status)),)
        for name, each in result.parameters.items()
    }


@dataclass(frozen=True)
class Weaker:
    """A parameter on which all data sets together say less, by a method, than the best of them alone.

    `common` are the rows of the common value, alone and together: they tell why.
    """

    method: str
    together: HeadlineRow
    best: HeadlineRow
    common: tuple[HeadlineRow, ...]

    @property
    def sentence(self) -> str:
        """Both limits in words."""
        limits = [_name_limit(row, self.method) for row in (self.together, self.best)]
        return f"{self.together.parameter.name}, {self.method}: {limits[0]} is weaker than {limits[1]}"

    @property
    def reason(self) -> str:
        """What the numbers of the common value say of it."""
        compared = (self.best.experiments, self.together.experiments)
        said = [_compare_expected(row) for row in self.common if row.experiments in compared and row.expected]
        scale = self.together.parameter.scale
        fits = [f"{number(row.best_fit / scale, 3)} ({name_data(row)})" for row in self.common if row.best_fit is not None]
        said.append(f"best fits of a common value are {', '.join(fits)}")
        agreement = next((row.toys.compatibility for row in self.common if row.toys and row.toys.compatibility), None)
        if agreement is not None:
            said.append(f"common values cost Δχ² = {agreement.delta_chi2:.1f}, {agreement.p_value.in_words}")
        return "; ".join(said)


def find_weaker(rows: Iterable[HeadlineRow]) -> list[Weaker]:
    """The parameters and methods whose interval from most data sets is longer than one from a single one."""
    found = []
    rows = sorted(rows, key=_sort_key)
    for _, group in groupby(rows, key=_sort_key):
        of_one = list(group)
        together = max(of_one, key=lambda row: len(row.experiments))
        alone = [row for row in of_one if len(row.experiments) == 1]
        if together in alone:
            continue
        common = [row for row in rows if row.parameter.em_property == together.parameter.em_property]
        common = [row for row in common if row.parameter.flavour == "common"]
        for method in together.by_method:
            best = min(alone, key=lambda row: _measure(row, method), default=together)
            if _measure(best, method) < _measure(together, method):
                found.append(Weaker(method, together, best, tuple(common)))
    return found


def _measure(row: HeadlineRow, method: str) -> float:
    """Length of the interval of a method, infinite where there is none or an end is open."""
    interval = row.by_method.get(method)
    found = interval.length(0.0) if interval is not None else None
    return inf if found is None else found


def _name_limit(row: HeadlineRow, method: str) -> str:
    pieces = row.by_method[method].pieces if row.parameter.signed else without_boundary(row.by_method[method]).pieces
    return f"{name_data(row)} {intervals(pieces, row.parameter.scale)}"


def _sort_key(row: HeadlineRow) -> tuple[int, int]:
    """The place of a row: property by property, the common value before the flavours."""
    parameter = row.parameter
    return [*PROPERTIES].index(parameter.em_property.name), ELEMENTS.index(parameter.flavour)


def name_data(row: HeadlineRow) -> str:
    """The data set of a row, or that it is of all."""
    return row.experiments[0] if len(row.experiments) == 1 else TOGETHER_NAME


def _compare_expected(row: HeadlineRow) -> str:
    """Where the ends of a row lie among those of toys of the Standard Model."""
    scale = row.parameter.scale
    ends = [
        f"{end.end.name} end expected at {number(end.bands['median'][0] / scale, 3)}, the observed one above "
        f"{end.below:.0%} of the toys"
        for end in row.expected
    ]
    return f"{name_data(row)}, {row.parameter.name}: {' and '.join(ends)}"
