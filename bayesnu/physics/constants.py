"""Physical constants, each with its source. Energies in keV, lengths in cm."""

from __future__ import annotations

from math import pi, sqrt

ELECTRON_MASS_KEV = 510.998_950_69  # CODATA 2022
FINE_STRUCTURE = 7.297_352_5643e-3  # CODATA 2022
FERMI_KEV2 = 1.166_378_7e-17  # G_F/(hbar c)^3 = 1.1663787e-5 GeV^-2, CODATA 2022, in keV^-2
HBARC_KEV_CM = 197.326_980_459e-10  # 197.3269804 MeV fm, CODATA 2022 (exact), in keV cm
AVOGADRO = 6.022_140_76e23  # mol^-1, exact (SI 2019)
DAYS_PER_YEAR = 365.25  # Julian year
SECONDS_PER_YEAR = DAYS_PER_YEAR * 86_400.0
XENON_MOLAR_MASS = 131.293  # g/mol, IUPAC standard atomic weight
XENON_ATOMS_PER_TONNE = AVOGADRO / XENON_MOLAR_MASS * 1e6

LOW_ENERGY_SIN2_THETA_W = 0.23857  # MS-bar at zero momentum transfer, PDG 2024 review of the electroweak model

# Oscillation parameters: NuFIT 6.0, normal ordering, with SK atmospheric data (IC24), arXiv:2410.05380.
SIN2_THETA12 = 0.308
SIN2_THETA13 = 0.02215
SIN2_THETA23 = 0.470
DELTA_CP_DEG = 212.0
DM2_21_EV2 = 7.49e-5

# Prefactors of the cross section, physics of Vogel and Engel, Phys. Rev. D 39, 3378 (1989).
WEAK_CM2_PER_KEV = FERMI_KEV2**2 * ELECTRON_MASS_KEV / (2 * pi) * HBARC_KEV_CM**2  # G_F^2 m / (2 pi)
MAGNETIC_CM2 = pi * FINE_STRUCTURE**2 / ELECTRON_MASS_KEV**2 * HBARC_KEV_CM**2  # pi alpha^2 / m^2

# Photon exchange with form factor q + q^2 <r^2>/6 at q^2 = -2 m T shifts the vector coupling:
# g_V -> g_V + RADIUS_SHIFT <r^2> - CHARGE_SHIFT q / T.
RADIUS_SHIFT_PER_CM2 = sqrt(2) * pi * FINE_STRUCTURE / (3 * FERMI_KEV2) / HBARC_KEV_CM**2  # sqrt(2) pi alpha / (3 G_F)
CHARGE_SHIFT_KEV = sqrt(2) * pi * FINE_STRUCTURE / (FERMI_KEV2 * ELECTRON_MASS_KEV)  # sqrt(2) pi alpha / (G_F m), per e

# Equivalent photons per keV of a unit charge are (2 alpha/pi) ln(E/m_nu)/T, Chen et al. 2014, arXiv:1405.7168, the leading
# logarithm of Weizsaecker and Williams. A charge enters as the coupling CHARGE_SHIFT_KEV q: the kernel is over its square.
EQUIVALENT_PHOTONS_PER_KEV2 = 2 * FINE_STRUCTURE / pi / CHARGE_SHIFT_KEV**2
EV_PER_KEV = 1e3
CM2_PER_BARN = 1e-24
