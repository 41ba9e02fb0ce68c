"""The table of a run: credible, profile-likelihood and published limits, each labelled as what it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnu.experiments.published import published_for
from bayesnu.inference import credible, marginal, profile
from bayesnu.inference.interval import CredibleInterval
from bayesnu.inference.sampling import convergence
from bayesnu.inference.settings import Settings
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import LOG_CUT, Flat, FlatInSquare, Prior, describe, with_kind

FEWEST_EFFECTIVE = 1000.0  # effective samples below which a re-weighted limit is not quoted


def scaled_interval(result: CredibleInterval, scale: float) -> dict[str, Any]:
    def of(value: float | None) -> float | None:
        return None if value is None else value * scale

    return {
        "median": of(result.median),
        "lower": of(result.lower),
        "upper": of(result.upper),
        "intervals": [[of(low), of(high)] for low, high in result.intervals],
        "mcse_lower": of(result.mcse_lower),
        "mcse_upper": of(result.mcse_upper),
    }


def integrated_interval(exact: marginal.Marginal, settings: Settings) -> dict[str, Any]:
    scale = exact.model.parameters[0].scale
    tail = (1 - settings.probability) / 2
    ends = (None, settings.probability) if settings.kind == "upper" else (tail, 1 - tail)
    values = [None if p is None else exact.quantile(p) * scale for p in ends]
    errors = [None if p is None else exact.error(p) * scale for p in ends]
    kind = "upper" if settings.kind == "upper" else "eti"
    return {
        "method": exact.method,
        "kind": kind,
        "lower": values[0],
        "upper": values[1],
        "error_lower": errors[0],
        "error_upper": errors[1],
    }


def rows(model: Model, kept: np.ndarray, settings: Settings) -> list[dict[str, Any]]:
    """The table of a run: credible and profile-likelihood intervals and published ones, each labelled as what it is."""
    table: list[dict[str, Any]] = []
    for k, prior in enumerate(model.physics):
        first = len(table)
        table += _credible_rows(model, kept, k, settings)
        others = "profiled" if model.n_physics > 1 else "zero"
        limit_exists = not prior.of_interest.signed and settings.probability > 0.5
        for one_sided in (False, True) if limit_exists else (False,):
            table.append(_profile_row(model, k, settings.probability, one_sided, others))
        table += _published_rows(model, prior)
        table[first]["note"] = volume_note(model, table[first], table[first + 1 :])
    return table


VOLUME_FROM = 0.10  # relative difference of widths from which prior and volume are said to make a marginal interval


def volume_note(model: Model, marginal: dict[str, Any], rest: list[dict[str, Any]]) -> str | None:
    """Say where a marginal interval of several physics parameters is made by the prior or by volume, not by the data."""
    profiled = next(row for row in rest if row["method"] == "profile")
    if model.n_physics == 1 or profiled["upper"] is None:
        return None
    widths = [row["upper"] - (row["lower"] or 0.0) for row in (marginal, profiled)]
    change = widths[0] / widths[1] - 1
    if abs(change) < VOLUME_FROM:
        return None
    compared = "shorter" if change < 0 else "longer"
    return (
        f"the marginal interval is {abs(change):.0%} {compared} than the profiled one: the prior and the volume of the "
        "other parameters make it, so quote both"
    )


def _credible_rows(model: Model, kept: np.ndarray, index: int, settings: Settings) -> list[dict[str, Any]]:
    """The interval of the run's own prior, and of others by re-weighting where enough effective samples remain."""
    prior, samples = model.parameters[index], kept[..., index]
    several = convergence.several_modes(model)
    result = credible.credible_interval(samples, settings.kind, settings.probability, multimodal=several)
    table = [_row(prior, "credible", result, f"{_words(settings)}, prior {describe(prior)}", "sampled")]
    if model.n_physics == 1:
        table[0]["integrated"] = integrated_interval(convergence.cross_check(model), settings)
    for others in _other_priors(model) if settings.kind != "hdi" else []:
        weights = _weights(model, kept, others)
        if _effective(kept, weights) < FEWEST_EFFECTIVE:
            continue  # only a run of its own gives this limit
        result = credible.credible_interval(samples, settings.kind, settings.probability, weights=weights)
        other = others[index]
        table.append(_row(other, "credible", result, f"{_words(settings)}, prior {describe(other)}", "re-weighted"))
        if model.n_physics == 1:
            table[-1]["integrated"] = integrated_interval(marginal.marginal(model.with_priors(other)), settings)
    return table


def _other_priors(model: Model) -> list[list[Prior]]:
    """Priors of moments to compare with the flat one: flat in the square, and log-uniform with its cut."""
    if not all(isinstance(p, Flat) and not p.of_interest.signed and p.lower < LOG_CUT for p in model.physics):
        return []
    squares: list[Prior] = [with_kind(p, "flat-square") for p in model.physics]
    logarithms: list[Prior] = [with_kind(p, "log-uniform", lower=LOG_CUT) for p in model.physics]
    return [squares, logarithms]


def _weights(model: Model, kept: np.ndarray, others: list[Prior]) -> np.ndarray:
    """Importance weights (ensembles, steps, walkers) of samples under other priors of the physics parameters."""
    pairs = zip(model.physics, others, strict=True)
    change = np.sum([new.logpdf(kept[..., k]) - old.logpdf(kept[..., k]) for k, (old, new) in enumerate(pairs)], axis=0)
    weights: np.ndarray = np.exp(change - change.max())
    return weights


def _effective(kept: np.ndarray, weights: np.ndarray) -> float:
    """Effective samples that weights leave of a chain: their own loss times that of its autocorrelation."""
    independent = credible.ess(kept[..., 0], "bulk") / weights.size
    return float(weights.sum() ** 2 / np.sum(weights**2) * independent)


def _words(settings: Settings) -> str:
    words = {"upper": "upper limit", "eti": "equal-tailed interval", "hdi": "highest-density interval"}
    return f"{settings.probability:.0%} credible {words[settings.kind]}"


def _row(prior: Prior, method: str, result: CredibleInterval, what: str, how: str) -> dict[str, Any]:
    numbers = scaled_interval(result, prior.scale)
    return {
        "parameter": prior.name,
        "method": method,
        "what": what,
        "how": how,
        "prior": FlatInSquare.description if isinstance(prior, FlatInSquare) else prior.description,
        "lower": numbers["lower"],
        "upper": numbers["upper"],
        "mcse_lower": numbers["mcse_lower"],
        "mcse_upper": numbers["mcse_upper"],
        "unit": prior.unit,
    }


def _profile_row(model: Model, index: int, cl: float, one_sided: bool, others: str) -> dict[str, Any]:
    prior = model.parameters[index]
    found = profile.interval(model, index, cl=cl, one_sided=one_sided, others=others)
    level = f"Δχ² = {found.delta_chi2:.2f}"
    coverage = f"{cl:.0%} one-sided" if one_sided else f"{cl:.0%} two-sided"
    if not prior.of_interest.signed and not one_sided:
        coverage += f", {(1 + cl) / 2:.0%} as an upper limit"
    scaled = [None if end is None else end * prior.scale for end in (found.lower, found.upper)]
    lower_is_boundary = not prior.of_interest.signed and scaled[0] == 0
    return {
        "parameter": prior.name,
        "method": "profile",
        "what": f"profile likelihood, {level} ({coverage})",
        "how": found.status,
        "prior": None,
        "lower": None if lower_is_boundary else scaled[0],
        "upper": scaled[1],
        "mcse_lower": None,
        "mcse_upper": None,
        "unit": prior.unit,
    }


def _published_rows(model: Model, prior: Prior) -> list[dict[str, Any]]:
    names = tuple(experiment.name for experiment in model.experiments)
    item = prior.of_interest.em_property
    return [
        {
            "parameter": prior.name,
            "method": "published",
            "what": f"published: {limit.experiment}" + (f", {limit.cl_percent:g} % CL" if limit.cl_percent else ""),
            "how": limit.reference,
            "prior": None,
            "lower": limit.lower,
            "upper": limit.upper,
            "mcse_lower": None,
            "mcse_upper": None,
            "unit": prior.unit,
        }
        for limit in published_for(names, item.name, prior.of_interest.flavour)
    ]
