"""Neutrino spectra of three kinds: lines, allowed beta-plus decays, and a table.

Each has `above`, a quadrature of its normalised spectrum above `lowest_kev`: nodes and weights, (*lowest.shape, nodes).
The integral of f over the spectrum is `sum(weights * f(energies_kev), axis=-1)`. `order` sets how fine it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeAlias

import numpy as np

from bayesnu.physics.constants import ELECTRON_MASS_KEV, FINE_STRUCTURE
from bayesnu.support.quadrature import gauss_legendre

ORDER = 96  # of a quadrature, unless another one is asked for
NODES_PER_INTERVAL = 2  # of a table at that order: the spectrum is straight there, and the cross section smooth


@dataclass(frozen=True)
class Lines:
    """Lines of no width: their energies in keV, and the share of the neutrinos in each."""

    energies_kev: tuple[float, ...]
    shares: tuple[float, ...]
    source: str

    @property
    def ends_kev(self) -> tuple[float, ...]:
        """Energies at which neutrinos come to an end: every line."""
        return self.energies_kev

    def above(self, lowest_kev: np.ndarray, order: int = ORDER) -> tuple[np.ndarray, np.ndarray]:
        """Quadrature above `lowest_kev`: the nodes are the lines."""
        lines = np.array(self.energies_kev)
        shares = np.where(lines > np.asarray(lowest_kev, dtype=float)[..., None], self.shares, 0.0)
        return np.broadcast_to(lines, shares.shape), shares


@dataclass(frozen=True)
class BetaPlus:
    """An allowed beta-plus decay: the neutrino's endpoint in keV, and the charge of the daughter."""

    endpoint_kev: float
    daughter_charge: int
    source: str

    @property
    def ends_kev(self) -> tuple[float, ...]:
        """The energy at which neutrinos come to an end."""
        return (self.endpoint_kev,)

    def shape(self, energy_kev: np.ndarray) -> np.ndarray:
        """Unnormalised spectrum, keV^4, zero outside 0 < E < endpoint: E^2 p W F.

        The Coulomb factor F = x/(e^x - 1), x = 2 pi alpha Z W/p, is that of a positron, which the daughter repels.
        """
        energy = np.asarray(energy_kev, dtype=float)
        inside = (energy > 0) & (energy < self.endpoint_kev)
        total = ELECTRON_MASS_KEV + np.where(inside, self.endpoint_kev - energy, 1.0)
        momentum = np.sqrt(total**2 - ELECTRON_MASS_KEV**2)
        x = np.minimum(2 * np.pi * FINE_STRUCTURE * self.daughter_charge * total / momentum, 700.0)
        return np.where(inside, energy**2 * momentum * total * x / np.expm1(x), 0.0)

    def above(self, lowest_kev: np.ndarray, order: int = ORDER) -> tuple[np.ndarray, np.ndarray]:
        """Quadrature above `lowest_kev`, evenly spread in u = sqrt(Q - E), which removes the root of the momentum."""
        energies, weights = self._place_nodes(np.asarray(lowest_kev, dtype=float)[..., None], order)
        return energies, weights * self.shape(energies) / _integrate_shape(self, 2 * order)

    def _place_nodes(self, lowest_kev: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights between lowest_kev (..., 1) and the endpoint."""
        nodes, weights = gauss_legendre(order)
        reach = np.sqrt(np.maximum(self.endpoint_kev - lowest_kev, 0.0))
        u = reach * (nodes + 1) / 2
        return self.endpoint_kev - u**2, reach * weights * u


@cache
def _integrate_shape(spectrum: BetaPlus, order: int) -> float:
    """Integral of the shape, keV^5, which normalises the spectrum."""
    energies, weights = spectrum._place_nodes(np.zeros(1), order)
    return float(weights @ spectrum.shape(energies))


@dataclass(frozen=True)
class Table:
    """A spectrum with straight lines between the knots of a file in this folder: energy in MeV, density per MeV."""

    file: str
    source: str

    @property
    def ends_kev(self) -> tuple[float, ...]:
        """The energy at which neutrinos come to an end: the last knot."""
        return (float(_read_knots(self.file)[0][-1]),)

    def above(self, lowest_kev: np.ndarray, order: int = ORDER) -> tuple[np.ndarray, np.ndarray]:
        """Quadrature above `lowest_kev`, interval by interval, so that no node meets a bend."""
        knots, density = _read_knots(self.file)
        lowest = np.asarray(lowest_kev, dtype=float)[..., None, None]
        nodes, weights = gauss_legendre(NODES_PER_INTERVAL * max(order // ORDER, 1))
        starts = np.clip(lowest, knots[:-1, None], knots[1:, None])
        halves = (knots[1:, None] - starts) / 2
        energies = starts + halves * (nodes + 1)
        shape = (*lowest.shape[:-2], energies.shape[-2] * energies.shape[-1])
        weighted = halves * weights * np.interp(energies, knots, density)
        return energies.reshape(shape), weighted.reshape(shape)


@cache
def _read_knots(file: str) -> tuple[np.ndarray, np.ndarray]:
    """Energies in keV, from 0 on, and the normalised density per keV there."""
    with resources.files("bayesnu.physics").joinpath(file).open(encoding="utf-8") as stream:
        energies, density = np.loadtxt(stream, delimiter=",", comments="#", skiprows=2).T
    knots = np.array([0.0, *1e3 * energies])
    heights = np.array([0.0, *density])
    return knots, heights / np.trapezoid(heights, knots)


Spectrum: TypeAlias = Lines | BetaPlus | Table
