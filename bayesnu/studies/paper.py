"""Every result of arXiv:2510.12449 in both presets, and the Bayesian half that it has not.

One value or one flavour at a time has a single physics parameter: its credible interval is integrated, which is exact to
the error quoted. Three flavours at once are sampled, each marginalised over the other two; those runs are kept in folders
of their own, so that an interrupted reproduction goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bayesnu import experiments as data
from bayesnu.experiments.published import DATA_SETS, published_for
from bayesnu.inference import marginal, profile
from bayesnu.inference.interval import ProfileInterval
from bayesnu.model import choices as choices_of
from bayesnu.model.builder import build
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import LOG_CUT, Prior, describe, with_kind
from bayesnu.physics.oscillation import FLAVOURS
from bayesnu.physics.properties import PROPERTIES, parameters_of
from bayesnu.runs import sampling
from bayesnu.runs.run import resolve
from bayesnu.studies.variations import LEVEL, PRESETS, Row, ends_of, single_changes

EXPLAINED_FROM = 10.0  # per cent of difference from the paper from which a reason is computed


def reproduce(runs: Path | None, report: Callable[[str], None] = lambda line: None) -> Iterator[Row]:
    """Yield the rows of all results; only those of one common flavour value if no folder for sampled runs is given."""
    for names in DATA_SETS:
        for preset in PRESETS:
            chosen = choices_of.preset(preset)
            loaded = [data.load(name, chosen.inputs) for name in names]
            for parameter in PROPERTIES:
                report(f"{' + '.join(names)}, preset {preset}, {parameter}")
                for flavour in ("common", *FLAVOURS) if runs is not None else ("common",):
                    yield from single(build(loaded, parameters_of(parameter, flavour), chosen), preset)
                if runs is not None:
                    yield from three_flavours(names, parameter, preset, runs)


def single(model: Model, preset: str) -> list[Row]:
    """Profile and credible intervals of a model with one physics parameter."""
    rows = [_profile_row(model, profile.interval(model, cl=LEVEL), preset)]
    for prior in _priors(model.parameters[0]):
        exact = marginal.marginal(model.with_priors(prior))
        tails = (LEVEL,) if not prior.of_interest.signed else ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        ends = [exact.quantile(p) * prior.scale for p in tails]
        error = max(exact.error(p) for p in tails) * prior.scale
        lower = ends[0] if len(ends) > 1 else None
        rows.append(_row(model, 0, preset, "credible", describe(prior), lower, ends[-1], error, exact.method))
    return _with_paper(rows, model)


def _priors(prior: Prior) -> list[Prior]:
    if prior.of_interest.signed:
        return [prior]
    return [prior, with_kind(prior, "flat-square"), with_kind(prior, "log-uniform", lower=LOG_CUT)]


def three_flavours(names: tuple[str, ...], parameter: str, preset: str, runs: Path) -> list[Row]:
    """Intervals of the three flavour values together: profiled over the other two, and marginalised by sampling."""
    chosen = choices_of.preset(preset)
    model = build([data.load(name, chosen.inputs) for name in names], parameters_of(parameter, "all"), chosen)
    rows = []
    for k in range(model.n_physics):
        rows.append(_profile_row(model, profile.interval(model, k, cl=LEVEL, others="profiled"), preset, k))
    for kind, numbers in _sampled_priors(parameter):
        run = resolve(names, parameter, "all", preset, prior={"kind": kind} | numbers)
        summary = sampling.sample(run, runs / run.name, figures=False)
        for k, found in enumerate(summary["parameters"].values()):
            error = max(e for e in (found["mcse_lower"], found["mcse_upper"]) if e is not None)
            how = "sampled" if summary["converged"] else "NOT CONVERGED: " + "; ".join(summary["missing"])
            rows.append(
                _row(model, k, preset, "credible", found["prior"], found["lower"], found["upper"], error, how)
                | {"note": _note(summary, found)}
            )
    return rows


def _sampled_priors(parameter: str) -> list[tuple[str, dict[str, float]]]:
    if PROPERTIES[parameter].signed:
        return [("flat", {})]
    cut = LOG_CUT * PROPERTIES[parameter].scale
    return [("flat", {}), ("flat-square", {}), ("log-uniform", {"lower": cut})]


def _note(summary: dict[str, Any], found: dict[str, Any]) -> str | None:
    names = [name for name, each in summary["parameters"].items() if each is found]
    return next((row.get("note") for row in summary["rows"] if row["parameter"] in names and row.get("note")), None)


def _profile_row(model: Model, found: ProfileInterval, preset: str, index: int = 0) -> Row:
    ends = ends_of(found)
    row = _row(model, index, preset, "profile", None, ends["lower"], ends["upper"], None, found.status)
    return row | {"delta_chi2": found.delta_chi2}


def _row(
    model: Model,
    index: int,
    preset: str,
    method: str,
    prior: str | None,
    lower: float | None,
    upper: float | None,
    mcse: float | None,
    status: str,
) -> Row:
    parameter = model.parameters[index]
    other = {"profile": "profiled", "credible": "marginalised"}[method]
    flavour = parameter.of_interest.flavour
    return {
        "experiment": "+".join(experiment.name for experiment in model.experiments),
        "parameter": parameter.of_interest.em_property.name,
        "flavour": flavour,
        "others": other if model.n_physics > 1 else "zero",
        "preset": preset,
        "method": method,
        "prior": prior,
        "probability": LEVEL,
        "lower": lower,
        "upper": upper,
        "unit": parameter.unit,
        "mcse": mcse,
        "status": status,
        "paper_lower": None,
        "paper_upper": None,
        "difference_percent": None,
    }


def _with_paper(rows: list[Row], model: Model) -> list[Row]:
    """Add the paper's interval, the largest difference of an end from it, and a reason where that is large.

    A credible interval differs by its method first: its reason is the profile interval of the same conventions.
    """
    names = tuple(experiment.name for experiment in model.experiments)
    published = published_for(names, rows[0]["parameter"], rows[0]["flavour"])
    paper = next((limit for limit in published if "Demirci" in limit.experiment), None)
    if paper is None:
        return rows
    out = []
    for row in rows:
        pairs = [(row[end], getattr(paper, end)) for end in ("lower", "upper")]
        difference = max((100 * (x / y - 1) for x, y in pairs if x is not None and y is not None), key=abs)
        row = row | {"paper_lower": paper.lower, "paper_upper": paper.upper, "difference_percent": difference}
        if abs(difference) > EXPLAINED_FROM:
            as_profile = {"choice": "method", "value": "profile", "lower": rows[0]["lower"], "upper": rows[0]["upper"]}
            is_profile = row["method"] == "profile"
            row["reason"] = single_changes(names, row["parameter"], row["preset"]) if is_profile else [as_profile]
        out.append(row)
    return out
