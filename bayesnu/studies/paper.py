"""Every result of arXiv:2510.12449 in both presets, and the Bayesian half that it has not.

One value or one flavour at a time has a single physics parameter: its credible interval is integrated, which is exact to
the error quoted. Three flavours at once are sampled, each marginalised over the other two; those runs are kept in folders
of their own, so that an interrupted reproduction goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bayesnu import experiments as data
from bayesnu.experiments.published import PAPER_DATA_SETS, PublishedLimit, published_for
from bayesnu.inference.fits import Fits
from bayesnu.inference.interval import Interval, Piece, ProfileInterval
from bayesnu.inference.marginal import marginal
from bayesnu.model import choices as choices_of
from bayesnu.model.builder import build
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import LOG_CUT, Prior, describe, with_kind
from bayesnu.physics.oscillation import FLAVOURS
from bayesnu.physics.properties import PROPERTIES, PhysicsParameter, parameters_of
from bayesnu.runs import sampling
from bayesnu.runs.processes import perform_all
from bayesnu.runs.result import ParameterResult, RunResult
from bayesnu.runs.result_json import ends_to_json
from bayesnu.runs.run import resolve
from bayesnu.studies.variations import LEVEL, PRESETS, SingleChange, in_units, single_changes

EXPLAINED_FROM = 10.0  # per cent of difference from the paper from which a reason is computed


@dataclass(frozen=True)
class PaperRow:
    """One result beside the paper's: an interval in mu_B, e or cm^2, with its `method` and `prior` (None: a profile).

    `others` says what became of the other flavours, `notes` what has to be known of data and choices. `paper` is the
    published interval, `difference_percent` the largest difference of an end from it, and `reasons` explain a large one.
    `note` is a remark on a sampled interval.
    """

    experiments: tuple[str, ...]
    parameter: PhysicsParameter
    others: str
    preset: str
    method: str
    prior: str | None
    interval: Interval
    status: str
    notes: tuple[str, ...]
    delta_chi2: float | None = None
    note: str | None = None
    paper: Piece | None = None
    difference_percent: float | None = None
    reasons: tuple[SingleChange, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the interval may be quoted: only a sampled one may not."""
        return not self.status.startswith("NOT CONVERGED")

    def as_json(self) -> dict[str, Any]:
        """The row for JSON."""
        table: dict[str, Any] = {
            "experiment": "+".join(self.experiments),
            "parameter": self.parameter.em_property.name,
            "flavour": self.parameter.flavour,
            "others": self.others,
            "preset": self.preset,
            "method": self.method,
            "prior": self.prior,
            "kind": self.interval.kind,
            "probability": self.interval.probability,
            **ends_to_json(self.interval),
            "unit": self.parameter.unit,
            "status": self.status,
            "notes": list(self.notes),
            "paper_lower": None if self.paper is None else self.paper.lower,
            "paper_upper": None if self.paper is None else self.paper.upper,
            "difference_percent": self.difference_percent,
        }
        if self.delta_chi2 is not None:
            table["delta_chi2"] = self.delta_chi2
        if self.method == "credible" and self.others == "marginalised":
            table["note"] = self.note
        if self.reasons:
            table["reason"] = [_change_as_json(change) for change in self.reasons]
        return table


def _change_as_json(change: SingleChange) -> dict[str, Any]:
    return {"choice": change.choice, "value": change.value, **ends_to_json(change.interval)}


@dataclass(frozen=True)
class Share:
    """A part of the reproduction that needs no other; without a folder for sampled runs, common flavour values alone."""

    names: tuple[str, ...]
    preset: str
    parameter: str
    runs: Path | None

    @property
    def label(self) -> str:
        """What it is about, in words."""
        return f"{' + '.join(self.names)}, preset {self.preset}, {self.parameter}"


def reproduce(
    runs: Path | None, report: Callable[[str], None] = lambda line: None, processes: int = 1
) -> Iterator[PaperRow]:
    """Yield the rows of all results; only those of one common flavour value if no folder for sampled runs is given.

    So many processes share the work; no number depends on how many. A script that takes several needs
    `if __name__ == "__main__":`.
    """
    shares = [
        Share(names, preset, parameter, runs) for names in PAPER_DATA_SETS for preset in PRESETS for parameter in PROPERTIES
    ]
    longest_first = shares[::-1]  # several data sets take longest
    found = perform_all(
        find_rows,
        longest_first,
        processes,
        lambda share, done: report(f"{done} of {len(shares)}: {share.label}"),
    )
    for rows in found[::-1]:
        yield from rows


def find_rows(share: Share) -> list[PaperRow]:
    """The rows of a share."""
    chosen = choices_of.preset(share.preset)
    loaded = [data.load(name, chosen.inputs) for name in share.names]
    rows = []
    for flavour in ("common", *FLAVOURS) if share.runs is not None else ("common",):
        rows += single(build(loaded, parameters_of(share.parameter, flavour), chosen), share.preset)
    if share.runs is not None:
        rows += three_flavours(share.names, share.parameter, share.preset, share.runs)
    return rows


def single(model: Model, preset: str) -> list[PaperRow]:
    """Profile and credible intervals of a model with one physics parameter."""
    rows = [_profile_row(model, Fits(model).interval(cl=LEVEL), preset)]
    kind = "eti" if model.of_interest[0].signed else "upper"
    for prior in _priors(model.parameters[0]):
        exact = marginal(model.with_priors(prior)).interval(kind, LEVEL).scaled(prior.scale)
        rows.append(_credible_row(model, 0, preset, describe(prior), exact, exact.method))
    return _with_paper(rows)


def _priors(prior: Prior) -> list[Prior]:
    if prior.of_interest.signed:
        return [prior]
    return [prior, with_kind(prior, "flat-square"), with_kind(prior, "log-uniform", lower=LOG_CUT)]


def three_flavours(names: tuple[str, ...], parameter: str, preset: str, runs: Path) -> list[PaperRow]:
    """Intervals of the three flavour values together: profiled over the other two, and marginalised by sampling."""
    chosen = choices_of.preset(preset)
    model = build([data.load(name, chosen.inputs) for name in names], parameters_of(parameter, "all"), chosen)
    fits = Fits(model)
    rows = []
    for k in range(model.n_physics):
        rows.append(_profile_row(model, fits.interval(k, cl=LEVEL, others="profiled"), preset))
    for kind, numbers in _sampled_priors(parameter):
        run = resolve(names, parameter, "all", preset, prior={"kind": kind} | numbers)
        result = sampling.sample(run, runs / run.name, figures=False, toys=False, progress=False)
        status = "sampled" if result.converged else result.verdict.words
        for k, found in enumerate(result.parameters.values()):
            row = _credible_row(model, k, preset, found.prior, found.interval, status)
            rows.append(replace(row, note=_note(result, found)))
    return rows


def _sampled_priors(parameter: str) -> list[tuple[str, dict[str, float]]]:
    if PROPERTIES[parameter].signed:
        return [("flat", {})]
    return [("flat", {}), ("flat-square", {}), ("log-uniform", {"lower": LOG_CUT})]


def _note(result: RunResult, found: ParameterResult) -> str | None:
    """The remark on the limit of a parameter, if the table of the run has one."""
    return next((row.note for row in result.rows if row.parameter == found.parameter and row.note), None)


def _profile_row(model: Model, found: ProfileInterval, preset: str) -> PaperRow:
    return PaperRow(
        experiments=tuple(experiment.name for experiment in model.experiments),
        parameter=found.parameter,
        others="profiled" if model.n_physics > 1 else "zero",
        preset=preset,
        method="profile",
        prior=None,
        interval=in_units(found),
        status=found.status,
        notes=model.notes,
        delta_chi2=found.delta_chi2,
    )


def _credible_row(model: Model, index: int, preset: str, prior: str, found: Interval, status: str) -> PaperRow:
    return PaperRow(
        experiments=tuple(experiment.name for experiment in model.experiments),
        parameter=model.of_interest[index],
        others="marginalised" if model.n_physics > 1 else "zero",
        preset=preset,
        method="credible",
        prior=prior,
        interval=found,
        status=status,
        notes=model.notes,
    )


def _with_paper(rows: list[PaperRow]) -> list[PaperRow]:
    """Add the paper's interval, the largest difference of an end from it, and a reason where that is large."""
    profiled = rows[0]
    published = published_for(profiled.experiments, profiled.parameter.em_property.name, profiled.parameter.flavour)
    paper = next((limit for limit in published if "Demirci" in limit.experiment), None)
    return rows if paper is None else [_beside(row, paper, profiled) for row in rows]


def _beside(row: PaperRow, paper: PublishedLimit, profiled: PaperRow) -> PaperRow:
    """A row beside the paper's interval. A credible interval differs by its method first: the profile is its reason."""
    theirs = Piece(paper.lower, paper.upper)
    pairs = zip((row.interval.lower, row.interval.upper), theirs, strict=True)
    difference = max((100 * (x / y - 1) for x, y in pairs if x is not None and y is not None), key=abs)
    reasons: tuple[SingleChange, ...] = ()
    if abs(difference) > EXPLAINED_FROM and row.method == "profile":
        reasons = single_changes(row.experiments, row.parameter.em_property.name, row.preset)
    elif abs(difference) > EXPLAINED_FROM:
        reasons = (SingleChange("method", "profile", profiled.interval),)
    return replace(row, paper=theirs, difference_percent=difference, reasons=reasons)
