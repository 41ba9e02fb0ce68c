"""What a chain says, step 17: intervals, diagnostics and verdict as one object that every table and file is made of.

Bounds here are in mu_B, e and cm^2; nothing depends on clock, host or path.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnu.inference import credible
from bayesnu.inference.derived import derived_quantities
from bayesnu.inference.sampling import convergence
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.sampling.convergence import Convergence
from bayesnu.inference.settings import Settings
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Prior, describe
from bayesnu.runs.limit_rows import integrated_interval, rows, scaled_interval


def summarise(model: Model, chain: Chain, verdict: Convergence, settings: Settings) -> dict[str, Any]:
    """Summary of a chain of this model: JSON-ready, with every physics parameter, nuisance, and the verdict."""
    kept = chain.after(verdict.burn_in)
    physics = {}
    for k, prior in enumerate(model.physics):
        physics[prior.name] = parameter_summary(model, kept[..., k], prior, settings)
    return {
        "parameters": physics,
        "derived": derived_quantities(model, kept, settings),
        "nuisances": {p.name: _nuisance(kept[..., model.n_physics + k], p) for k, p in enumerate(model.nuisances)},
        "converged": verdict.converged,
        "missing": list(verdict.missing),
        "steps": verdict.steps,
        "burn_in": verdict.burn_in,
        "thinned_by": chain.thin,
        "autocorrelation_time": verdict.tau,
        "acceptance": float(chain.acceptance.mean()),
        "rows": rows(model, kept, settings),
        "fingerprint": chain.digest,
    }


def parameter_summary(model: Model, samples: np.ndarray, prior: Prior, settings: Settings) -> dict[str, Any]:
    """Interval and diagnostics of one physics parameter from samples (ensembles, steps, walkers)."""
    several = convergence.several_modes(model)
    result = credible.credible_interval(samples, settings.kind, settings.probability, multimodal=several)
    return {
        **scaled_interval(result, prior.scale),
        "kind": result.kind,
        "probability": result.probability,
        "rhat": credible.rhat(samples),
        "ess_bulk": credible.ess(samples, "bulk"),
        "ess_tail": credible.ess(samples, "tail"),
        "unit": prior.unit,
        "prior": describe(prior),
        "flavour": prior.of_interest.flavour,
        "others": "marginalised" if model.n_physics > 1 else "zero",
        "note": _boundary_note(samples, prior),
        "cross_check": cross_check(model, settings) if model.n_physics == 1 else None,
    }


def _boundary_note(samples: np.ndarray, prior: Prior) -> str | None:
    """Say when the end of the prior's range cuts the posterior: then the prior makes the limit."""
    low, high = np.quantile(samples, [0.005, 0.995])
    span = prior.upper - prior.lower
    ends = [f"{prior.upper:g}"] if prior.upper - high < 0.01 * span else []
    if prior.of_interest.signed and low - prior.lower < 0.01 * span:
        ends.insert(0, f"{prior.lower:g}")
    return f"the posterior reaches the end of the prior's range at {' and '.join(ends)}" if ends else None


def _nuisance(samples: np.ndarray, prior: Prior) -> dict[str, Any]:
    result = credible.credible_interval(samples, "eti", 0.9)
    return {
        **scaled_interval(result, prior.scale),
        "kind": "eti",
        "probability": 0.9,
        "rhat": credible.rhat(samples),
        "ess_bulk": credible.ess(samples, "bulk"),
        "ess_tail": credible.ess(samples, "tail"),
        "prior": describe(prior),
    }


def cross_check(model: Model, settings: Settings) -> dict[str, Any]:
    """Bounds of a single physics parameter by integration instead of sampling, with the error of the method."""
    return integrated_interval(convergence.cross_check(model), settings)
