"""Quantities that follow from samples of flavour values: a property per mass state, the effective magnetic moment.

They inherit a prior from the sampled values, which is not flat; its own interval is reported beside theirs.
"""

from __future__ import annotations

import numpy as np

from bayesnu.inference.credible import credible_interval
from bayesnu.inference.highest_density import estimate_curve
from bayesnu.inference.interval import DerivedInterval, Piece
from bayesnu.inference.settings import Settings
from bayesnu.model import fold
from bayesnu.model.polynomial import Model
from bayesnu.physics import oscillation
from bayesnu.physics.oscillation import FLAVOURS, PRODUCTION_POTENTIAL_EV

PP_ENERGY_KEV = 267.0  # mean energy of pp neutrinos, where the content of the effective moment is taken
PRIOR_DRAWS = 200_000  # that show what the inherited prior says alone
SEED = 1  # of these draws
INHERITED = "inherited from the flavour values"


def derived_quantities(model: Model, kept: np.ndarray, settings: Settings) -> dict[str, DerivedInterval]:
    """Derived quantities by name from samples (ensembles, steps, walkers, parameters); empty if none are defined.

    For three flavour-diagonal values X: (U^dagger X U)_ii of charge and radius, sqrt((U^dagger mu^2 U)_ii) of the moment for
    each mass state i, and mu_eff = sqrt(sum_i P_ei mu_i^2) at the mean pp energy. Off-diagonal elements are zero.
    """
    flavours = tuple(parameter.flavour for parameter in model.of_interest)
    if flavours != FLAVOURS or model.analysis.flavour_content != "exact":
        return {}
    random = np.random.default_rng(SEED)
    from_prior = np.stack([p.ppf(random.random(PRIOR_DRAWS)) for p in model.physics], axis=-1)
    posterior = _derive_values(model, kept[..., :3])
    inherited = _derive_values(model, from_prior)
    return {name: _describe_interval(model, settings, samples, inherited[name]) for name, samples in posterior.items()}


def _describe_interval(model: Model, settings: Settings, samples: np.ndarray, inherited: np.ndarray) -> DerivedInterval:
    parameter = model.of_interest[0]
    bounds = (-np.inf if parameter.signed else 0.0, np.inf)
    interval = credible_interval(samples, settings.kind, settings.probability, bounds=bounds).scaled(parameter.scale)
    low, high = _find_prior_ends(inherited, settings, bounds)
    return DerivedInterval(
        kind=interval.kind,
        probability=interval.probability,
        pieces=interval.pieces,
        errors=interval.errors,
        median=interval.median,
        unit=parameter.unit,
        prior=INHERITED,
        of_prior=Piece(None if low is None else low * parameter.scale, high * parameter.scale),
    )


def _find_prior_ends(inherited: np.ndarray, settings: Settings, bounds: tuple[float, float]) -> tuple[float | None, float]:
    """Outermost ends of the same kind of interval of the prior alone, from draws (n,) of it."""
    if settings.kind == "hdi":
        ends = np.array(estimate_curve(inherited, bounds).region(settings.probability), dtype=float)
        return float(ends.min()), float(ends.max())
    tail = (1 - settings.probability) / 2
    if settings.kind == "upper":
        return None, float(np.quantile(inherited, settings.probability))
    return float(np.quantile(inherited, tail)), float(np.quantile(inherited, 1 - tail))


def _derive_values(model: Model, flavours: np.ndarray) -> dict[str, np.ndarray]:
    """Derived values from flavour values (..., 3), in the same units."""
    item = model.of_interest[0]
    shares = np.abs(fold.mixing_of(model.analysis)) ** 2
    if item.signed:
        return {f"{item.em_property.name} of mass state {i + 1}": flavours @ shares[:, i] for i in range(3)}
    square = {f"{item.em_property.name} of mass state {i + 1}": flavours**2 @ shares[:, i] for i in range(3)}
    content = oscillation.flavour_content(
        np.array(PP_ENERGY_KEV), PRODUCTION_POTENTIAL_EV["pp"], fold.oscillation_of(model.analysis)
    )
    square[f"{item.em_property.name} effective, pp"] = flavours**2 @ content
    return {name: np.sqrt(value) for name, value in square.items()}
