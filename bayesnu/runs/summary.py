"""What a chain says: intervals, diagnostics, verdict and the table of limits, as one object."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayesnu.inference.credible import credible_interval, diagnose, parameter_interval
from bayesnu.inference.derived import derived_quantities
from bayesnu.inference.diagnostics import Verdict
from bayesnu.inference.fits import Fits
from bayesnu.inference.profiler import Others
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.settings import Settings
from bayesnu.inference.toys.result import ToyResult
from bayesnu.model.priors import Prior, describe
from bayesnu.runs.limit_rows import limit_rows
from bayesnu.runs.result import NuisanceResult, ParameterResult, RunResult
from bayesnu.runs.toy_rows import toy_rows

NUISANCE_PROBABILITY = 0.9  # of the equal-tailed intervals of nuisances
EDGE_SHARE = 0.01  # of the prior's range: a posterior that comes nearer to its end is cut there
EDGE_TAILS = (0.005, 0.995)  # what of the posterior has to stay clear of the end


def summarise(fits: Fits, chain: Chain, verdict: Verdict, settings: Settings) -> RunResult:
    """The result of a chain of the model that the fits are of; what toys say of the model can be added."""
    model = fits.model
    kept = chain.after(verdict.burn_in)
    nuisances = kept[..., model.n_physics :]
    return RunResult(
        parameters={name: _parameter(fits, kept, k, settings) for k, name in enumerate(model.names[: model.n_physics])},
        derived=derived_quantities(model, kept, settings),
        nuisances={prior.name: _nuisance(nuisances[..., k], prior) for k, prior in enumerate(model.nuisances)},
        verdict=verdict.bare(),
        thinned_by=chain.thin,
        acceptance=float(chain.acceptance.mean()),
        rows=tuple(limit_rows(fits, kept, settings)),
        toys=None,
        fingerprint=chain.digest,
        notes=model.notes,
    )


def add_toys(result: RunResult, toy_result: ToyResult) -> RunResult:
    """The result with what toys say of its model, and with their rows before the published ones."""
    cl = next(iter(result.parameters.values())).interval.probability
    of_toys = [replace(row, interval=row.interval.scaled(row.parameter.scale)) for row in toy_rows(toy_result, cl)]
    own = [row for row in result.rows if row.method != "published"]
    published = [row for row in result.rows if row.method == "published"]
    return replace(result, rows=(*own, *of_toys, *published), toys=toy_result.in_units())


def _parameter(fits: Fits, kept: np.ndarray, index: int, settings: Settings) -> ParameterResult:
    """Interval and diagnostics of one physics parameter from samples (ensembles, steps, walkers, parameters)."""
    prior = fits.model.parameters[index]
    samples = kept[..., index]
    interval = parameter_interval(fits, kept, index, settings.kind, settings.probability)
    is_alone = fits.model.n_physics == 1
    exact = fits.marginal.interval(settings.kind, settings.probability).scaled(prior.scale) if is_alone else None
    notes = (_boundary_note(samples, prior), _outside_note(fits, index, settings))
    return ParameterResult(
        parameter=prior.of_interest,
        interval=interval.scaled(prior.scale),
        diagnostics=diagnose(samples),
        prior=describe(prior),
        others="zero" if is_alone else "marginalised",
        note="; ".join(each for each in notes if each) or None,
        cross_check=exact,
    )


def _boundary_note(samples: np.ndarray, prior: Prior) -> str | None:
    """Say when the end of the prior's range cuts the posterior: then the prior makes the limit."""
    low, high = np.quantile(samples, EDGE_TAILS)
    near = EDGE_SHARE * (prior.upper - prior.lower)
    ends = []
    lowest, highest = prior.of_interest.bounds
    if prior.of_interest.signed and lowest < prior.lower and low - prior.lower < near:
        ends.append(f"{prior.lower:g}")
    if prior.upper < highest and prior.upper - high < near:
        ends.append(f"{prior.upper:g}")
    return f"the posterior reaches the end of the prior's range at {' and '.join(ends)}" if ends else None


def _outside_note(fits: Fits, index: int, settings: Settings) -> str | None:
    """Say when the prior excludes the best fit: the profile likelihood does not know it, and seems to contradict."""
    prior = fits.model.parameters[index]
    others: Others = "zero" if fits.model.n_physics == 1 else "profiled"
    best = fits.interval(index, cl=settings.probability, others=others).best_fit
    if best is None or prior.lower <= best <= prior.upper:
        return None
    return f"the best fit, {best:.4g}, lies outside the prior's range, which the profile likelihood does not know"


def _nuisance(samples: np.ndarray, prior: Prior) -> NuisanceResult:
    interval = credible_interval(samples, "eti", NUISANCE_PROBABILITY)
    return NuisanceResult(interval.scaled(prior.scale), diagnose(samples), describe(prior))
