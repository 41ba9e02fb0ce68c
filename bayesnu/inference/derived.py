"""Quantities that follow from samples of flavour values: a property per mass state, the effective magnetic moment.

They inherit a prior from the sampled values, which is not flat; its own interval is reported beside theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnu.inference import credible
from bayesnu.inference.settings import Settings
from bayesnu.model import fold
from bayesnu.model.polynomial import Model
from bayesnu.physics import oscillation
from bayesnu.physics.oscillation import FLAVOURS, PRODUCTION_POTENTIAL_EV

PP_ENERGY_KEV = 267.0  # mean energy of pp neutrinos, where the content of the effective moment is taken
PRIOR_DRAWS, SEED = 200_000, 1


def derived_quantities(model: Model, kept: np.ndarray, settings: Settings) -> dict[str, dict[str, Any]]:
    """Intervals of derived quantities from samples (ensembles, steps, walkers, parameters); empty if none are defined.

    For three flavour-diagonal values X: (U^dagger X U)_ii of charge and radius, sqrt((U^dagger mu^2 U)_ii) of the moment for
    each mass state i, and mu_eff = sqrt(sum_i P_ei mu_i^2) at the mean pp energy. Off-diagonal elements are zero.
    """
    if tuple(prior.of_interest.flavour for prior in model.physics) != FLAVOURS or model.analysis.flavour_content != "exact":
        return {}
    random = np.random.default_rng(SEED)
    from_prior = np.stack([p.ppf(random.random(PRIOR_DRAWS)) for p in model.physics], axis=-1)
    prior = model.physics[0]
    posterior, inherited = (_values(model, x) for x in (kept[..., :3], from_prior))
    out = {}
    for name, samples in posterior.items():
        result = credible.credible_interval(samples, settings.kind, settings.probability)
        tail = (1 - settings.probability) / 2
        below = (0.0, settings.probability) if settings.kind == "upper" else (tail, 1 - tail)
        out[name] = {
            "median": result.median * prior.scale,
            "lower": None if result.lower is None else result.lower * prior.scale,
            "upper": None if result.upper is None else result.upper * prior.scale,
            "mcse_lower": None if result.mcse_lower is None else result.mcse_lower * prior.scale,
            "mcse_upper": None if result.mcse_upper is None else result.mcse_upper * prior.scale,
            "kind": result.kind,
            "probability": result.probability,
            "unit": prior.unit,
            "prior": "inherited from the flavour values",
            "prior_lower": None if settings.kind == "upper" else float(np.quantile(inherited[name], below[0])) * prior.scale,
            "prior_upper": float(np.quantile(inherited[name], below[1])) * prior.scale,
        }
    return out


def _values(model: Model, flavours: np.ndarray) -> dict[str, np.ndarray]:
    """Derived values from flavour values (..., 3), in the same units."""
    item = model.of_interest[0].em_property
    shares = np.abs(fold.mixing_of(model.analysis)) ** 2
    if item.signed:
        return {f"{item.name} of mass state {i + 1}": flavours @ shares[:, i] for i in range(3)}
    square = {f"{item.name} of mass state {i + 1}": flavours**2 @ shares[:, i] for i in range(3)}
    content = oscillation.flavour_content(
        np.array(PP_ENERGY_KEV), PRODUCTION_POTENTIAL_EV["pp"], fold.oscillation_of(model.analysis)
    )
    square[f"{item.name} effective, pp"] = flavours**2 @ content
    return {name: np.sqrt(value) for name, value in square.items()}
