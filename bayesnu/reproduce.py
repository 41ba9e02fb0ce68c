"""Every result of arXiv:2510.12449 in both presets, and the Bayesian half that it has not.

One value or one flavour at a time has a single physics parameter: its credible interval is integrated, which is exact to
the error quoted. Three flavours at once are sampled, each marginalised over the other two; those runs are kept in folders
of their own, so that an interrupted reproduction goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from bayesnu import analysis as choices_of
from bayesnu import experiments as data
from bayesnu import folder, integrate, profile
from bayesnu.analysis import Analysis
from bayesnu.model import Model, build
from bayesnu.oscillation import FLAVOURS
from bayesnu.priors import Prior, describe, with_kind
from bayesnu.profile import ProfileInterval
from bayesnu.properties import LOG_CUT, PROPERTIES, flavour_of, parameters_of, property_of
from bayesnu.published import DATA_SETS, published_for
from bayesnu.run import resolve

PRESETS = ("paper", "default")
LEVEL = 0.9
EXPLAINED_FROM = 10.0  # per cent of difference from the paper from which a reason is computed

Row = dict[str, Any]


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
        exact = integrate.marginal(model.with_priors(prior))
        tails = (LEVEL,) if not property_of(prior.name).signed else ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        ends = [exact.quantile(p) * prior.scale for p in tails]
        error = max(exact.error(p) for p in tails) * prior.scale
        lower = ends[0] if len(ends) > 1 else None
        rows.append(_row(model, 0, preset, "credible", describe(prior), lower, ends[-1], error, exact.method))
    return _with_paper(rows, model)


def _priors(prior: Prior) -> list[Prior]:
    if property_of(prior.name).signed:
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
        summary = folder.sample(run, runs / run.name, figures=False)
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
    ends = _ends(found)
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
    flavour = flavour_of(parameter.name)
    return {
        "experiment": "+".join(experiment.name for experiment in model.experiments),
        "parameter": property_of(parameter.name).name,
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


def single_changes(names: tuple[str, ...], parameter: str, preset: str) -> list[Row]:
    """The common-flavour interval after each single change of a convention of this preset to that of the other."""
    other = next(name for name in PRESETS if name != preset)
    here, there = choices_of.preset(preset), choices_of.preset(other)
    out = []
    for choice, (_, value) in choices_of.differences(here, there).items():
        found = profile.interval(_common(names, parameter, replace(here, **{choice: value})), cl=LEVEL)
        out.append({"choice": choice, "value": value} | _ends(found))
    return out


def _common(names: tuple[str, ...], parameter: str, chosen: Analysis) -> Model:
    return build([data.load(name, chosen.inputs) for name in names], (parameter,), chosen)


def _ends(found: ProfileInterval) -> dict[str, float | None]:
    """Ends in mu_B, e or cm^2; the boundary 0 of a modulus is no lower limit."""
    lower, upper = (None if end is None else end * found.scale for end in (found.lower, found.upper))
    return {"lower": None if lower == 0 and not PROPERTIES[found.parameter].signed else lower, "upper": upper}


# The walk from one preset to the other, in an order in which each step has a meaning of its own.
WALK = (
    ("sin2_theta12",),
    ("sin2_theta13", "dm2_21_ev2"),
    ("resolution_at",),
    ("binning",),
    ("inputs", "region"),
    ("efficiency_on",),
    ("background",),
    ("efficiency_nuisance",),
)


def walk(names: tuple[str, ...], parameter: str) -> list[Row]:
    """The common-flavour interval on the way from `paper` to `default`, one choice after the other."""
    here, there = choices_of.preset("paper"), choices_of.preset("default")
    rows: list[Row] = [{"step": "preset paper"} | _ends(profile.interval(_common(names, parameter, here), cl=LEVEL))]
    for step in WALK:
        here = replace(here, **{choice: getattr(there, choice) for choice in step})
        found = profile.interval(_common(names, parameter, here), cl=LEVEL)
        rows.append({"step": ", ".join(f"{choice} = {getattr(here, choice)}" for choice in step)} | _ends(found))
    assert here == there, "the walk has to end at the preset default"
    return rows


# What a referee would ask for, beside the preset `default`.
VARIANTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("preset default", {}),
    ("all background normalisations free", {"normalisations": "free"}),
    ("threshold shift of 0.05 keV", {"threshold_shift_kev": 0.05}),
    ("energy scale of 1 %", {"energy_scale": 0.01}),
    ("no recoils below 0.5 keV", {"lowest_true_kev": 0.5}),
    ("no recoils below 1 keV", {"lowest_true_kev": 1.0}),
    ("RRPA ratio on the weak term", {"electrons": "rrpa"}),
    ("free electrons", {"electrons": "free"}),
    ("tree couplings", {"couplings": "tree"}),
    ("B16-AGSS09met", {"solar_model": "B16-AGSS09met"}),
    ("atmospheric data left out (IC19)", {"sin2_theta23": 0.561, "delta_cp_deg": 177.0}),
    ("published neutrinos subtracted", {"solar_subtraction": "published"}),
    ("efficiency on the true energy", {"efficiency_on": "true"}),
    ("Run 0 and Run 1 uncorrelated", {"correlated_runs": False}),
)


def variants(names: tuple[str, ...], parameter: str) -> list[Row]:
    """The common-flavour interval of the preset `default` with one change at a time."""
    rows = []
    for label, choices in VARIANTS:
        if label.startswith("Run 0 and Run 1") and not {"pandax4t-run0", "pandax4t-run1"} <= {*names}:
            continue
        model = _common(names, parameter, choices_of.preset("default", **choices))
        rows.append({"variant": label} | _ends(profile.interval(model, cl=LEVEL)))
    return rows


def figures(folder: Path, report: Callable[[str], None] = lambda line: None) -> Iterator[Path]:
    """Draw the paper's kinds of figure into a folder, preset `default`, and yield their paths.

    Recoil spectra of every property with the data; the chi^2 curve with the marginal posterior over it for one common value;
    contours for pairs of flavours of a property and for pairs of properties, posterior and profile together.
    """
    from bayesnu import plots
    from bayesnu.joint import joint
    from bayesnu.settings import DEFAULT_KIND, Settings

    chosen = choices_of.preset("default")
    for names in DATA_SETS:
        loaded = [data.load(name, chosen.inputs) for name in names]
        stem = "+".join(names)
        report(f"figures of {stem}")
        if len(loaded) == 1:
            plots.signal_plot(loaded[0], chosen, place := folder / f"signals_{stem}.pdf")
            yield place
        for parameter in PROPERTIES:
            model = build(loaded, (parameter,), chosen)
            settings = Settings(DEFAULT_KIND[parameter], LEVEL)
            curve, exact, found = profile.fine_scan(model), integrate.marginal(model), profile.interval(model, cl=LEVEL)
            plots.profile_plot(
                model, curve, exact, settings, place := folder / f"curve_{parameter}_{stem}.pdf", intervals=[found]
            )
            yield place
        pairs = [pair for parameter in PROPERTIES for pair in combinations(parameters_of(parameter, "all"), 2)]
        for pair in (*pairs, *combinations(PROPERTIES, 2)):
            plots.contour_plot(joint(build(loaded, pair, chosen)), place := folder / f"contours_{'_'.join(pair)}_{stem}.pdf")
            yield place
