"""Intervals without a chain as JSON: by profile likelihood, and by integration."""

from __future__ import annotations

from typing import Any

from bayesnu.inference.interval import IntegratedInterval, ProfileInterval, ValueTest
from bayesnu.model.priors import Prior, describe
from bayesnu.runs.result_json import ends_to_json


def integrated_as_dict(found: IntegratedInterval, prior: Prior) -> dict[str, Any]:
    """A credible interval under a prior as JSON, in mu_B, e or cm^2; null for an end that does not exist."""
    return {
        **ends_to_json(found.scaled(prior.scale)),
        "kind": found.kind,
        "probability": found.probability,
        "prior": describe(prior),
        "unit": prior.unit,
        "status": f"integrated, {found.method}",
    }


def as_dict(found: ProfileInterval) -> dict[str, Any]:
    """An interval as JSON, in mu_B, e or cm^2; null for an end that does not exist."""
    scaled = found.scaled(found.parameter.scale)
    return {
        "parameter": found.parameter.em_property.name,
        "flavour": found.parameter.flavour,
        "others": found.others,
        "unit": found.parameter.unit,
        "cl": found.cl,
        "one_sided": found.one_sided,
        "best_fit": scaled.best_fit,
        **ends_to_json(scaled),
        "kind": found.kind,
        "probability": found.probability,
        "prior": None,
        "delta_chi2": found.delta_chi2,
        "chi2_min": found.chi2_min,
        "status": found.status,
    }


def value_test_as_dict(found: ValueTest) -> dict[str, Any]:
    """A value set against the best fit as JSON, in mu_B, e or cm^2."""
    return {
        "value": found.value * found.parameter.scale,
        "delta_chi2": found.delta_chi2,
        "standard_deviations": found.significance,
    }
