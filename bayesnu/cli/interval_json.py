"""A profile-likelihood interval as JSON."""

from __future__ import annotations

from typing import Any

from bayesnu.inference.interval import ProfileInterval


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
        "intervals": scaled.pieces,
        "lower": scaled.lower,
        "upper": scaled.upper,
        "delta_chi2": found.delta_chi2,
        "chi2_min": found.chi2_min,
        "status": found.status,
    }
