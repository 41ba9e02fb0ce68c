"""A profile-likelihood interval as JSON."""

from __future__ import annotations

from typing import Any

from bayesnu.inference.interval import ProfileInterval


def as_dict(found: ProfileInterval) -> dict[str, Any]:
    """An interval as JSON, in mu_B, e or cm^2; null for an end that does not exist."""

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * found.scale

    return {
        "parameter": found.parameter,
        "flavour": found.flavour,
        "others": found.others,
        "unit": found.unit,
        "cl": found.cl,
        "one_sided": found.one_sided,
        "best_fit": scaled(found.best_fit),
        "intervals": [[scaled(low), scaled(high)] for low, high in found.intervals],
        "lower": scaled(found.lower),
        "upper": scaled(found.upper),
        "delta_chi2": found.delta_chi2,
        "chi2_min": found.chi2_min,
        "status": found.status,
    }
