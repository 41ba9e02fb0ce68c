"""A transition moment by which a neutrino scatters into a sterile one of mass M: its kernel and its kinematics.

The Lagrangian is (mu/2) N sigma F nu, so a coupling d of other papers is mu/2; the process is that of Mustamin and Demirci,
arXiv:2511.00701. The cross section is the trace of one photon's exchange with an electron, which a test takes anew.
"""

from __future__ import annotations

import numpy as np

from bayesnu.physics.constants import ELECTRON_MASS_KEV, MAGNETIC_CM2


def least_energy(recoil_kev: np.ndarray, mass_kev: float) -> np.ndarray:
    """Smallest neutrino energy, keV, that gives a free electron the recoil T and makes a sterile neutrino of this mass."""
    recoil = np.asarray(recoil_kev, dtype=float)
    massless = (recoil + np.sqrt(recoil**2 + 2 * ELECTRON_MASS_KEV * recoil)) / 2
    energy: np.ndarray = massless * (1 + mass_kev**2 / (2 * ELECTRON_MASS_KEV * recoil))
    return energy


def find_recoils(energy_kev: float, mass_kev: float) -> tuple[float, ...]:
    """Smallest and largest recoil, keV, at a neutrino energy; none where the mass is too large to be made."""
    squared = ELECTRON_MASS_KEV**2 + 2 * ELECTRON_MASS_KEV * energy_kev  # of the energy in the centre of mass
    if squared < (ELECTRON_MASS_KEV + mass_kev) ** 2:
        return ()
    total = np.sqrt(squared)
    electron = (squared + ELECTRON_MASS_KEV**2 - mass_kev**2) / (2 * total)
    momentum = np.sqrt(max(electron**2 - ELECTRON_MASS_KEV**2, 0.0))
    largest = float(((energy_kev + ELECTRON_MASS_KEV) * electron + energy_kev * momentum) / total) - ELECTRON_MASS_KEV
    smallest = mass_kev**4 / (4 * squared * largest)  # the two solve a quadratic equation, whose constant is this
    return smallest, largest


def transition_kernel(recoil_kev: np.ndarray, energy_kev: np.ndarray, mass_kev: float) -> np.ndarray:
    """dsigma/dT per electron for a moment of one mu_B, cm^2/keV, of the broadcast shape; zero where kinematics forbid it.

    With no mass it is the kernel MM of `cross_section.py`.
    """
    recoil, energy = np.broadcast_arrays(np.asarray(recoil_kev, float), np.asarray(energy_kev, float))
    positive = recoil > 0
    t = np.where(positive, recoil, 1.0)
    allowed = positive & (energy >= least_energy(t, mass_kev))
    m = ELECTRON_MASS_KEV
    square = mass_kev**2
    bracket = 1 / t - 1 / energy
    bracket = bracket + square * (t - 2 * energy - m) / (4 * energy**2 * t * m)
    bracket = bracket + square**2 * (t - m) / (8 * energy**2 * t**2 * m**2)
    return np.where(allowed, MAGNETIC_CM2 * bracket, 0.0)
