"""The table of a run: credible, profile-likelihood and published limits, each labelled as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bayesnu.experiments.published import PublishedLimit, holds_published_events, published_for
from bayesnu.inference.credible import credible_interval, ess, parameter_interval
from bayesnu.inference.fits import Fits
from bayesnu.inference.interval import CredibleInterval, IntegratedInterval, Interval, Piece, ProfileInterval, modes_note
from bayesnu.inference.marginal import marginal
from bayesnu.inference.settings import Settings
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import LOG_CUT, Flat, Prior, describe, with_kind
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.runs.result import LimitRow, name_credible
from bayesnu.support.text import percent

FEWEST_EFFECTIVE = 1000.0  # effective samples below which a re-weighted limit is not quoted
VOLUME_FROM = 0.10  # relative difference of widths from which prior and volume are said to make a marginal interval


def limit_rows(fits: Fits, kept: np.ndarray, settings: Settings) -> Iterator[LimitRow]:
    """Yield the rows of every physics parameter from samples (ensembles, steps, walkers, parameters)."""
    for index in range(fits.model.n_physics):
        sampled, *others = _credible_rows(fits, kept, index, settings)
        profiled = _profile_rows(fits, index, settings)
        volume = volume_note(sampled, profiled[0]) if fits.model.n_physics > 1 else None
        notes = [note for note in (sampled.note, volume) if note]
        yield replace(sampled, note="; ".join(notes) or None)
        yield from others
        yield from profiled
        yield from _published_rows(fits.model, index)


def volume_note(marginal: LimitRow, profiled: LimitRow) -> str | None:
    """Say where a marginal interval of several physics parameters is made by the prior or by volume, not by the data."""
    if profiled.interval.upper is None or marginal.interval.upper is None:
        return None
    change = _width(marginal.interval) / _width(profiled.interval) - 1
    if abs(change) < VOLUME_FROM:
        return None
    compared = "shorter" if change < 0 else "longer"
    return (
        f"the marginal interval is {abs(change):.0%} {compared} than the profiled one: the prior and the volume of the "
        "other parameters make it, so quote both"
    )


def _width(interval: Interval) -> float:
    """Length of an interval with an upper end; a limit begins at zero."""
    length = interval.length(0.0)
    assert length is not None
    return length


def _credible_rows(fits: Fits, kept: np.ndarray, index: int, settings: Settings) -> Iterator[LimitRow]:
    """The interval of the run's own prior, and of others by re-weighting where enough effective samples remain."""
    model = fits.model
    prior = model.parameters[index]
    samples = kept[..., index]
    is_alone = model.n_physics == 1
    own, densest = (_sampled_row(fits, kept, index, kind, settings.probability) for kind in (settings.kind, "hdi"))
    yield replace(own, note=modes_note(own.interval, densest.interval.pieces, prior.scale))
    if settings.kind != "hdi" and len(densest.interval.pieces) > 1:
        yield densest
    for others in _other_priors(model) if settings.kind != "hdi" else []:
        weights = _weights(model, kept, others)
        if _effective(kept, weights) < FEWEST_EFFECTIVE:
            continue  # only a run of its own gives this limit
        found = credible_interval(samples, settings.kind, settings.probability, weights=weights)
        exact = marginal(model.with_priors(*others)).interval(settings.kind, settings.probability) if is_alone else None
        yield _credible_row(others[index], found, exact, "re-weighted")


def _sampled_row(fits: Fits, kept: np.ndarray, index: int, kind: str, probability: float) -> LimitRow:
    """The interval of the run's own prior, beside the same one by integration where there is one."""
    found = parameter_interval(fits, kept, index, kind, probability)
    exact = fits.marginal.interval(kind, probability) if fits.model.n_physics == 1 else None
    return _credible_row(fits.model.parameters[index], found, exact, "sampled")


def _other_priors(model: Model) -> list[list[Prior]]:
    """Priors of moments to compare with the flat one: flat in the square, and log-uniform beyond its cut."""
    if not all(isinstance(p, Flat) and not p.of_interest.signed and p.lower < LOG_CUT for p in model.physics):
        return []
    squares: list[Prior] = [with_kind(p, "flat-square") for p in model.physics]
    if any(p.upper <= LOG_CUT for p in model.physics):
        return [squares]
    logarithms: list[Prior] = [with_kind(p, "log-uniform", lower=LOG_CUT) for p in model.physics]
    return [squares, logarithms]


def _weights(model: Model, kept: np.ndarray, others: list[Prior]) -> np.ndarray:
    """Importance weights (ensembles, steps, walkers) of samples under other priors of the physics parameters."""
    pairs = zip(model.physics, others, strict=True)
    change = np.sum([new.logpdf(kept[..., k]) - old.logpdf(kept[..., k]) for k, (old, new) in enumerate(pairs)], axis=0)
    largest = change.max()
    if not np.isfinite(largest):  # no sample lies in the range of the others
        return np.zeros_like(change)
    weights: np.ndarray = np.exp(change - largest)
    return weights


def _effective(kept: np.ndarray, weights: np.ndarray) -> float:
    """Effective samples that weights leave of a chain: their own loss times that of its autocorrelation."""
    if not np.any(weights):
        return 0.0
    independent = ess(kept[..., 0], "bulk") / weights.size
    return float(weights.sum() ** 2 / np.sum(weights**2) * independent)


def _credible_row(prior: Prior, found: CredibleInterval, exact: IntegratedInterval | None, how: str) -> LimitRow:
    return LimitRow(
        parameter=prior.of_interest,
        method="credible",
        what=f"{name_credible(found)}, prior {describe(prior)}",
        how=how,
        prior=prior.description,
        interval=found.scaled(prior.scale).bare(),
        integrated=None if exact is None else exact.scaled(prior.scale),
    )


def _profile_rows(fits: Fits, index: int, settings: Settings) -> list[LimitRow]:
    """The two-sided interval, and for a modulus the one-sided limit where there is one."""
    parameter = fits.model.of_interest[index]
    limit_exists = not parameter.signed and settings.probability > 0.5
    sides = (False, True) if limit_exists else (False,)
    several = fits.model.n_physics > 1
    found = [
        fits.interval(index, cl=settings.probability, one_sided=side, others="profiled" if several else "zero")
        for side in sides
    ]
    return [_profile_row(each) for each in found]


def _profile_row(found: ProfileInterval) -> LimitRow:
    parameter = found.parameter
    profiled = ", all others profiled" if found.others == "profiled" else ""
    coverage = f"{percent(found.cl)} {'one-sided' if found.one_sided else 'two-sided'}"
    if not parameter.signed and not found.one_sided:
        coverage += f", {percent((1 + found.cl) / 2)} as an upper limit"
    return LimitRow(
        parameter=parameter,
        method="profile",
        what=f"profile likelihood{profiled}, Δχ² = {found.delta_chi2:.2f} ({coverage})",
        how=found.status,
        prior=None,
        interval=found.scaled(parameter.scale).without_boundary().bare(),
    )


def _published_rows(model: Model, index: int) -> Iterator[LimitRow]:
    """Rows of published limits from the same events; a file that only has the name of a data set has none."""
    if not all(map(holds_published_events, model.experiments)):
        return
    names = tuple(experiment.name for experiment in model.experiments)
    parameter = model.of_interest[index]
    for limit in published_for(names, parameter.em_property.name, parameter.flavour):
        yield _published_row(parameter, limit)


def _published_row(parameter: PhysicsParameter, limit: PublishedLimit) -> LimitRow:
    level = f", {limit.cl_percent:g} % CL" if limit.cl_percent else ""
    return LimitRow(
        parameter=parameter,
        method="published",
        what=f"published: {limit.experiment}{level}",
        how=limit.reference,
        prior=None,
        interval=Interval(
            kind="published",
            probability=limit.cl_percent / 100 if limit.cl_percent else None,
            pieces=(Piece(limit.lower, limit.upper),),
        ),
    )
