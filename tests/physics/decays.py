"""Spectra of decays written out again: Fermi's function with the nuclear radius, and plain sums. Energies in keV."""

from __future__ import annotations

import numpy as np
from scipy.special import loggamma

from tests.physics.oracle import ALPHA, ELECTRON_MASS, HBAR_C

NUCLEONS = {2: 3, 56: 136, 83: 214}  # of the daughters of tritium, 136Xe and 214Pb


def electron(kinetic: np.ndarray, charge: int) -> np.ndarray:
    """F p W, with F at the radius 1.2 fm A^(1/3) of the daughter; keV^2."""
    total = kinetic + ELECTRON_MASS
    momentum = np.sqrt(total**2 - ELECTRON_MASS**2)
    radius = 1.2e-13 * NUCLEONS[charge] ** (1 / 3) / HBAR_C  # 1/keV
    gamma = np.sqrt(1 - (ALPHA * charge) ** 2)
    eta = ALPHA * charge * total / momentum
    logarithm = np.log(2 * (1 + gamma)) + 2 * (gamma - 1) * np.log(2 * momentum * radius) + np.pi * eta
    logarithm += 2 * loggamma(gamma + 1j * eta).real - 2 * loggamma(2 * gamma + 1).real
    states: np.ndarray = np.exp(logarithm) * momentum * total
    return states


def beta(kinetic: np.ndarray, endpoint: float, charge: int) -> np.ndarray:
    """Unnormalised spectrum of an allowed beta decay."""
    inside = kinetic < endpoint
    return np.where(inside, electron(kinetic, charge) * (endpoint - kinetic) ** 2, 0.0)


def double_beta(together: np.ndarray, endpoint: float, charge: int, parts: int = 400) -> np.ndarray:
    """Unnormalised spectrum of both electrons of a two-neutrino double beta decay: the midpoint rule over one of them."""
    share = (np.arange(parts) + 0.5) / parts
    one = electron(together[:, None] * share, charge)
    other = electron(together[:, None] * (1 - share), charge)
    shape: np.ndarray = (endpoint - together) ** 5 * together * (one * other).mean(axis=1)
    return shape
