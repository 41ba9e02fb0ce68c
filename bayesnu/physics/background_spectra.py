"""Spectra of backgrounds in recoil energy: lines, flat, beta decays, two-neutrino double beta decays, and tables.

Each has `breaks_kev`, where it is not smooth, and `weigh`, which turns a quadrature in true energy into one over the
spectrum: the integral of f is `sum(weights * f(energies_kev))`. Lines and decays are per decay, a flat spectrum is one
event per keV, and a table is as given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.polynomial.polynomial import polyval
from scipy.special import loggamma

from bayesnu.physics.constants import ELECTRON_MASS_KEV, FINE_STRUCTURE
from bayesnu.support.interpolation import interpolate_steps
from bayesnu.support.quadrature import gauss_legendre

ORDER = 96  # of the integral that normalises a decay
SHARED_ORDER = 32  # of the integral over how two electrons share their energy


@dataclass(frozen=True)
class LineSpectrum:
    """Lines of no width but that of the detector: their energies in keV, and the events per decay in each."""

    energies_kev: tuple[float, ...]
    ratios: tuple[float, ...]

    @property
    def breaks_kev(self) -> tuple[float, ...]:
        """None: the lines are nodes of their own."""
        return ()

    def weigh(self, energies_kev: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the lines, whatever the quadrature."""
        return np.array(self.energies_kev), np.array(self.ratios)


class _Continuous:
    """What has a density, in events per keV."""

    def density(self, energy_kev: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def weigh(self, energies_kev: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the nodes (nodes,) in keV, and their weights times the density."""
        return energies_kev, weights * self.density(energies_kev)


@dataclass(frozen=True)
class FlatSpectrum(_Continuous):
    """One event per keV at every energy."""

    @property
    def breaks_kev(self) -> tuple[float, ...]:
        """None."""
        return ()

    def density(self, energy_kev: np.ndarray) -> np.ndarray:
        """Events per keV: one."""
        return np.ones_like(energy_kev)


@dataclass(frozen=True)
class TabulatedSpectrum(_Continuous):
    """Straight lines between energies in keV, with the density there, and zero outside. A repeated energy is a step."""

    energies_kev: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def breaks_kev(self) -> tuple[float, ...]:
        """The knots."""
        return self.energies_kev

    def density(self, energy_kev: np.ndarray) -> np.ndarray:
        """Events per keV, in the unit of the values."""
        knots = np.array(self.energies_kev)
        inside = (energy_kev >= knots[0]) & (energy_kev <= knots[-1])
        return np.where(inside, interpolate_steps(energy_kev, knots, np.array(self.values)), 0.0)


@dataclass(frozen=True)
class _Decay(_Continuous):
    """A decay: the largest energy of its electrons in keV, and the charge of the daughter."""

    endpoint_kev: float
    daughter_charge: int

    @property
    def breaks_kev(self) -> tuple[float, ...]:
        """The endpoint."""
        return (self.endpoint_kev,)

    def density(self, energy_kev: np.ndarray) -> np.ndarray:
        """Events per decay and keV, zero outside 0 < T < endpoint."""
        inside = (energy_kev > 0) & (energy_kev < self.endpoint_kev)
        energy = np.where(inside, energy_kev, self.endpoint_kev / 2)
        return np.where(inside, self.shape(energy), 0.0) / _integrate_shape(self)

    def shape(self, energy_kev: np.ndarray) -> np.ndarray:
        """Unnormalised density between zero and the endpoint."""
        raise NotImplementedError


@dataclass(frozen=True)
class BetaSpectrum(_Decay):
    """The electron of an allowed beta decay.

    `shape_factor` are the coefficients of a polynomial in the kinetic energy, keV, that multiplies it, the constant first.
    """

    shape_factor: tuple[float, ...] = (1.0,)

    def shape(self, energy_kev: np.ndarray) -> np.ndarray:
        """F p W (Q - T)^2 C(T)."""
        electron = count_states(energy_kev, self.daughter_charge)
        shape: np.ndarray = electron * (self.endpoint_kev - energy_kev) ** 2 * polyval(energy_kev, self.shape_factor)
        return shape


@dataclass(frozen=True)
class DoubleBetaSpectrum(_Decay):
    """Both electrons of a two-neutrino double beta decay together; the endpoint is the Q value.

    Source: Doi, Kotani and Takasugi, Prog. Theor. Phys. Suppl. 83, 1 (1985), where the leptons' energies are neglected
    beside those of the intermediate states. The neutrinos then leave (Q - K)^5 to electrons that have K together.
    """

    def shape(self, energy_kev: np.ndarray) -> np.ndarray:
        """(Q - K)^5 times the integral of F p W F' p' W' over T + T' = K.

        It runs over an angle with T = K sin^2, which removes the roots of both momenta.
        """
        nodes, weights = gauss_legendre(SHARED_ORDER)
        angle = np.pi / 8 * (nodes + 1)  # up to equal shares: the other half is the same
        energy = energy_kev[..., None]
        one = count_states(energy * np.sin(angle) ** 2, self.daughter_charge)
        other = count_states(energy * np.cos(angle) ** 2, self.daughter_charge)
        shared = energy_kev * ((one * other) @ (weights * np.sin(2 * angle)))
        shape: np.ndarray = (self.endpoint_kev - energy_kev) ** 5 * shared
        return shape


Spectrum: TypeAlias = LineSpectrum | FlatSpectrum | TabulatedSpectrum | BetaSpectrum | DoubleBetaSpectrum


@cache
def _integrate_shape(decay: _Decay) -> float:
    """Integral of the shape, evenly spread in the root of the energy, as the momentum of a slow electron is."""
    nodes, weights = gauss_legendre(ORDER)
    root = (nodes + 1) / 2
    shape = decay.shape(decay.endpoint_kev * root**2)
    return float(np.sum(weights * root * shape) * decay.endpoint_kev)


def count_states(energy_kev: np.ndarray, daughter_charge: int) -> np.ndarray:
    """F p W of an electron of a kinetic energy above 0, with p and W in electron masses, up to a constant.

    F is Fermi's relativistic function p^(2g - 2) exp(pi y) |Gamma(g + iy)|^2, with g^2 = 1 - (alpha Z)^2 and
    y = alpha Z W / p. The nuclear radius is part of the constant, so no spectrum depends on it.

    Source: Fermi, Z. Phys. 88, 161 (1934).
    """
    kinetic = energy_kev / ELECTRON_MASS_KEV
    momentum = np.sqrt(kinetic * (kinetic + 2))
    coupling = FINE_STRUCTURE * daughter_charge
    gamma = np.sqrt(1 - coupling**2)
    y = coupling * (1 + kinetic) / momentum
    exponent = 2 * (gamma - 1) * np.log(momentum) + np.pi * y + 2 * loggamma(gamma + 1j * y).real
    states: np.ndarray = momentum * (1 + kinetic) * np.exp(exponent)
    return states
