"""Neutrino-electron scattering: eight recoil kernels and the couplings that weight them.

With g_V(T) = v + w/T the cross section is an exact polynomial in (v, w, g_A, mu^2). So dsigma/dT is the sum over kernels k
of `coefficients[k] * kernels(T, E)[k]` times the target of k that `physics/atom.py` gives: a number of electrons, or for
the equivalent photons a photo-absorption cross section. The coefficients hold the couplings, the kernels the kinematics.
Source: Vogel and Engel, Phys. Rev. D 39, 3378 (1989); electromagnetic terms as in arXiv:2510.12449, eqs. 1-9; equivalent
photons as in Chen et al., Phys. Rev. D 90, 011301 (2014), arXiv:1405.7168.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayesnu.physics.constants import (
    CHARGE_SHIFT_KEV,
    ELECTRON_MASS_KEV,
    EQUIVALENT_PHOTONS_PER_KEV2,
    EV_PER_KEV,
    LOW_ENERGY_SIN2_THETA_W,
    MAGNETIC_CM2,
    RADIUS_SHIFT_PER_CM2,
    WEAK_CM2_PER_KEV,
)
from bayesnu.support.errors import BayesnuError, did_you_mean

# VV multiplies g_V^2, VA g_V g_A, AA g_A^2, MM mu^2; the suffix is the power of 1/T that the millicharge brings. EPA, like
# VV/T2, multiplies the square of the charge: an atom takes it up by one or the other.
KERNELS = ("VV", "VV/T", "VV/T2", "VA", "VA/T", "AA", "MM", "EPA")
NEUTRINO_MASS_EV = 1.0  # in the logarithm of the equivalent photons: the convention of arXiv:1405.7168


def minimum_neutrino_energy(recoil_kev: np.ndarray) -> np.ndarray:
    """Smallest neutrino energy, keV, that gives a free electron the recoil T."""
    recoil = np.asarray(recoil_kev, dtype=float)
    return (recoil + np.sqrt(recoil**2 + 2 * ELECTRON_MASS_KEV * recoil)) / 2


def maximum_recoil(energy_kev: np.ndarray) -> np.ndarray:
    """Largest recoil, keV, that a neutrino of energy E gives a free electron."""
    energy = np.asarray(energy_kev, dtype=float)
    return 2 * energy**2 / (ELECTRON_MASS_KEV + 2 * energy)


def kernels(
    recoil_kev: np.ndarray | float, energy_kev: np.ndarray | float, neutrino_mass_ev: float = NEUTRINO_MASS_EV
) -> np.ndarray:
    """Eight recoil kernels per electron, cm^2/keV times the powers of keV in their name, shape (8, *broadcast shape).

    The last one is the number of equivalent photons per keV, (2 alpha/pi) ln(E/m_nu)/T for a charge of one e, over the
    square of the coupling, keV^2. Zero beyond the kinematic endpoint of a free electron, T > `maximum_recoil(E)`.
    """
    recoil, energy = np.broadcast_arrays(np.asarray(recoil_kev, float), np.asarray(energy_kev, float))
    allowed = (recoil > 0) & (recoil <= maximum_recoil(energy))
    t = np.where(allowed, recoil, 1.0)
    backward = (1 - t / energy) ** 2
    flip = ELECTRON_MASS_KEV * t / energy**2
    vv = WEAK_CM2_PER_KEV * (1 + backward - flip)
    va = WEAK_CM2_PER_KEV * 2 * (1 - backward)
    aa = WEAK_CM2_PER_KEV * (1 + backward + flip)
    mm = MAGNETIC_CM2 * (1 / t - 1 / energy)
    epa = EQUIVALENT_PHOTONS_PER_KEV2 * np.log(energy / (neutrino_mass_ev / EV_PER_KEV)) / t
    return np.where(allowed, np.stack([vv, vv / t, vv / t**2, va, va / t, aa, mm, epa]), 0.0)


@dataclass(frozen=True)
class WeakCouplings:
    """Standard Model couplings (g_V, g_A) of nu_e, nu_mu and nu_tau to electrons, and what they are made of.

    That is sin^2 theta_W, and the charge radii in g_V in cm^2, which tree-level couplings have not.
    """

    name: str
    vector: tuple[float, float, float]
    axial: tuple[float, float, float]
    sin2_theta_w: float = LOW_ENERGY_SIN2_THETA_W
    radii_cm2: tuple[float, float, float] = (0.0, 0.0, 0.0)


def tree_couplings(sin2_theta_w: float = LOW_ENERGY_SIN2_THETA_W) -> WeakCouplings:
    """Tree-level couplings with a chosen weak mixing angle; the Standard Model charge radii are not in them."""
    neutral = 2 * sin2_theta_w - 0.5
    name = f"tree, s2W = {sin2_theta_w:g}"
    return WeakCouplings(name, (neutral + 1, neutral, neutral), (0.5, -0.5, -0.5), sin2_theta_w)


# -G_F/(2 sqrt(2) pi^2) [3 - 2 ln(m_l^2/m_W^2)], Bernabeu et al. 2000, hep-ph/0008114.
STANDARD_RADII_CM2 = (-0.83e-32, -0.48e-32, -0.30e-32)

# Erler and Su 2013, arXiv:1303.5522 (the usual set); contains the SM charge radii, so a fitted <r^2> is non-standard only.
RADIATIVE_COUPLINGS = WeakCouplings(
    "radiative", (0.9521, -0.0397, -0.0353), (0.4938, -0.5062, -0.5062), LOW_ENERGY_SIN2_THETA_W, STANDARD_RADII_CM2
)


def weak_couplings(name: str, sin2_theta_w: float = LOW_ENERGY_SIN2_THETA_W) -> WeakCouplings:
    """Return the set `radiative`, or `tree` with the given weak mixing angle; raises `BayesnuError` for another name."""
    if name == "radiative":
        return RADIATIVE_COUPLINGS
    if name == "tree":
        return tree_couplings(sin2_theta_w)
    raise BayesnuError(f"couplings: found '{name}'{did_you_mean(name, ('radiative', 'tree'))}")


def _make_zeros() -> np.ndarray:
    return np.zeros((3, 3), dtype=complex)


@dataclass(frozen=True, eq=False)
class Couplings:
    """Everything a neutrino couples with, as matrices (3, 3) in flavour space.

    `vector` and `axial` are the weak couplings and what shifts them without a power of T (charge radius). `charge` is the
    coefficient of 1/T in g_V (keV). `moment` is the magnetic-moment matrix in mu_B; the rate takes moment^dagger moment.
    The set is a vector space: sums and real multiples of couplings are couplings.
    """

    vector: np.ndarray = field(default_factory=_make_zeros)
    axial: np.ndarray = field(default_factory=_make_zeros)
    charge: np.ndarray = field(default_factory=_make_zeros)
    moment: np.ndarray = field(default_factory=_make_zeros)

    def __add__(self, other: Couplings) -> Couplings:
        return Couplings(
            self.vector + other.vector, self.axial + other.axial, self.charge + other.charge, self.moment + other.moment
        )

    def __rmul__(self, factor: float) -> Couplings:
        return Couplings(factor * self.vector, factor * self.axial, factor * self.charge, factor * self.moment)


def standard_model(weak: WeakCouplings) -> Couplings:
    """Couplings of Standard Model neutrinos."""
    return Couplings(vector=np.diag(weak.vector).astype(complex), axial=np.diag(weak.axial).astype(complex))


def electromagnetic(
    mu_nu: np.ndarray | None = None, q_nu: np.ndarray | None = None, r2_nu: np.ndarray | None = None
) -> Couplings:
    """Electromagnetic couplings from matrices (3, 3) in flavour space: moment in mu_B, charge in e, radius in cm^2."""
    return Couplings(
        vector=_make_zeros() if r2_nu is None else RADIUS_SHIFT_PER_CM2 * np.asarray(r2_nu, complex),
        charge=_make_zeros() if q_nu is None else -CHARGE_SHIFT_KEV * np.asarray(q_nu, complex),
        moment=_make_zeros() if mu_nu is None else np.asarray(mu_nu, complex),
    )


def mixing_angle(shift: np.ndarray) -> Couplings:
    """Couplings that a shift (3, 3) of sin^2 theta_W adds: 2 shift to every g_V, as at tree level."""
    return Couplings(vector=2 * np.asarray(shift, complex))


def kernel_coefficients(x: Couplings, y: Couplings, mixing: np.ndarray) -> np.ndarray:
    """Weights of the eight kernels per mass state, real, shape (8, 3): the symmetric bilinear form behind the rate.

    The rate of couplings x is the form at (x, x). Element k, i is a sum of (U^dagger X^dagger Y U)_ii, the only way that
    flavour enters for an incoherent mixture of mass states.
    """

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        value: np.ndarray = np.einsum("ai,ai->i", (a @ mixing).conj(), b @ mixing).real
        return value

    def symmetric(a_x: np.ndarray, b_x: np.ndarray, a_y: np.ndarray, b_y: np.ndarray) -> np.ndarray:
        value: np.ndarray = (product(a_x, b_y) + product(a_y, b_x)) / 2
        return value

    charge = product(x.charge, y.charge)
    return np.stack(
        [
            product(x.vector, y.vector),
            2 * symmetric(x.vector, x.charge, y.vector, y.charge),
            charge,
            symmetric(x.vector, x.axial, y.vector, y.axial),
            symmetric(x.charge, x.axial, y.charge, y.axial),
            product(x.axial, y.axial),
            product(x.moment, y.moment),
            charge,
        ]
    )
