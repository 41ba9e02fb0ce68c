"""Solar neutrinos: total fluxes and spectra of pp and 7Be at Earth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from bayesnu.physics.constants import ELECTRON_MASS_KEV, FINE_STRUCTURE
from bayesnu.physics.names import COMPONENTS as COMPONENTS
from bayesnu.support.errors import BayesnuError, did_you_mean
from bayesnu.support.quadrature import gauss_legendre

PP_ENDPOINT_KEV = 420.22  # Bahcall 1997, hep-ph/9710491, without thermal motion of the protons
BERYLLIUM_LINES_KEV = (861.3, 384.3)  # Bahcall 1994, Phys. Rev. D 49, 3923
BERYLLIUM_BRANCHING = (0.896, 0.104)  # to the ground and first excited state of 7Li, same source


@dataclass(frozen=True)
class SolarModel:
    """Total fluxes in cm^-2 s^-1 and their relative standard deviations, in the order of `COMPONENTS`."""

    name: str
    fluxes: tuple[float, float]
    relative_widths: tuple[float, float]
    source: str = "Vinyoles et al. 2017, arXiv:1611.09867, Table 6"


SOLAR_MODELS = {
    model.name: model
    for model in (
        SolarModel("B16-GS98", (5.98e10, 4.93e9), (0.006, 0.06)),
        SolarModel("B16-AGSS09met", (6.03e10, 4.50e9), (0.005, 0.06)),
    )
}


def solar_model(name: str) -> SolarModel:
    """Return a solar model by name; raises `BayesnuError` for an unknown one."""
    try:
        return SOLAR_MODELS[name]
    except KeyError:
        raise BayesnuError(f"solar_model: found '{name}'{did_you_mean(name, SOLAR_MODELS)}") from None


def pp_shape(energy_kev: np.ndarray) -> np.ndarray:
    """Unnormalised pp spectrum, keV^4, zero outside 0 < E < `PP_ENDPOINT_KEV`: E^2 p W F of an allowed beta-plus decay.

    The Coulomb factor F = x/(e^x - 1), x = 2 pi alpha W/p, is that of a positron, which the daughter repels.
    """
    energy = np.asarray(energy_kev, dtype=float)
    inside = (energy > 0) & (energy < PP_ENDPOINT_KEV)
    total = ELECTRON_MASS_KEV + np.where(inside, PP_ENDPOINT_KEV - energy, 1.0)
    momentum = np.sqrt(total**2 - ELECTRON_MASS_KEV**2)
    x = np.minimum(2 * np.pi * FINE_STRUCTURE * total / momentum, 700.0)
    return np.where(inside, energy**2 * momentum * total * x / np.expm1(x), 0.0)


def spectrum_above(component: str, lowest_kev: np.ndarray, order: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Quadrature of a component's normalised spectrum above `lowest_kev`: nodes and weights, (*lowest.shape, order).

    The integral of f over the spectrum is `sum(weights * f(energies_kev), axis=-1)`. For pp the substitution E = Q - u^2
    removes the square root of the positron's momentum at the endpoint; for 7Be the nodes are the two lines.
    """
    lowest = np.asarray(lowest_kev, dtype=float)[..., None]
    if component == "7Be":
        lines = np.array(BERYLLIUM_LINES_KEV)
        branching = np.where(lines > lowest, BERYLLIUM_BRANCHING, 0.0)
        return np.broadcast_to(lines, branching.shape), branching
    energies, weights = _place_nodes(lowest, order)
    return energies, weights * pp_shape(energies) / _integrate_pp_shape(2 * order)


@cache
def _integrate_pp_shape(order: int) -> float:
    """Integral of `pp_shape`, keV^5, which normalises the spectrum."""
    energies, weights = _place_nodes(np.zeros(1), order)
    return float(weights @ pp_shape(energies))


def _place_nodes(lowest_kev: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights between lowest_kev (..., 1) and the endpoint of pp, evenly spread in u = sqrt(Q - E)."""
    nodes, weights = gauss_legendre(order)
    reach = np.sqrt(np.maximum(PP_ENDPOINT_KEV - lowest_kev, 0.0))
    u = reach * (nodes + 1) / 2
    return PP_ENDPOINT_KEV - u**2, reach * weights * u
