"""Solar neutrinos: mass-state and flavour content at Earth, adiabatic LMA-MSW."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from bayesnu.physics.constants import (
    DELTA_CP_DEG,
    DM2_21_EV2,
    SIN2_THETA12,
    SIN2_THETA13,
    SIN2_THETA23,
)
from bayesnu.physics.names import FLAVOURS as FLAVOURS

# Effective potentials sqrt(2) G_F n_e at production, de Holanda, Liao and Smirnov 2004, hep-ph/0404042.
PRODUCTION_POTENTIAL_EV = {
    "pp": 4.68e-12,
    "7Be": 6.16e-12,
    "pep": 5.13e-12,
    "13N": 6.22e-12,
    "15O": 6.69e-12,
    "17F": 6.69e-12,  # that of 15O, which is made beside it; 8B, made further inside, has 6.81e-12
}


@dataclass(frozen=True)
class Oscillation:
    """Oscillation parameters, normal ordering; defaults as in `constants`."""

    sin2_theta12: float = SIN2_THETA12
    sin2_theta13: float = SIN2_THETA13
    sin2_theta23: float = SIN2_THETA23
    delta_cp_deg: float = DELTA_CP_DEG
    dm2_21_ev2: float = DM2_21_EV2


# One standard deviation of each, NuFIT 6.0 as above: half of the published range where its two errors differ. These are
# +0.012 -0.011, +0.00056 -0.00058, +0.017 -0.013 and +26 -41 degrees. Their correlations are not in its table.
STANDARD_DEVIATIONS: Mapping[str, float] = MappingProxyType(
    {
        "sin2_theta12": 0.0115,
        "dm2_21_ev2": 0.19e-5,
        "sin2_theta13": 0.00057,
        "sin2_theta23": 0.015,
        "delta_cp_deg": 33.5,
    }
)


def shift(osc: Oscillation, **deviations: float) -> Oscillation:
    """Return parameters shifted by so many standard deviations each, as `sin2_theta12=-1.0`."""
    moved = {name: getattr(osc, name) + z * STANDARD_DEVIATIONS[name] for name, z in deviations.items()}
    return replace(osc, **moved)


def mixing_matrix(osc: Oscillation) -> np.ndarray:
    """PMNS matrix U[alpha, i], complex (3, 3), in the convention of the PDG review of neutrino masses and mixing."""
    s12, s13, s23 = np.sqrt([osc.sin2_theta12, osc.sin2_theta13, osc.sin2_theta23])
    c12, c13, c23 = np.sqrt([1 - osc.sin2_theta12, 1 - osc.sin2_theta13, 1 - osc.sin2_theta23])
    phase = np.exp(1j * np.deg2rad(osc.delta_cp_deg))
    return np.array(
        [
            [c12 * c13, s12 * c13, s13 / phase],
            [-s12 * c23 - c12 * s23 * s13 * phase, c12 * c23 - s12 * s23 * s13 * phase, s23 * c13],
            [s12 * s23 - c12 * c23 * s13 * phase, -c12 * s23 - s12 * c23 * s13 * phase, c23 * c13],
        ]
    )


def cos_2theta12_matter(energy_kev: np.ndarray, potential_ev: float, osc: Oscillation) -> np.ndarray:
    """Return cos 2 theta12 at the production point, with the potential reduced by cos^2 theta13.

    Without any mixing no density is passed adiabatically: the neutrino stays what it is, as if there were no matter.
    """
    if osc.sin2_theta12 == 0:
        return np.ones_like(energy_kev, dtype=float)
    cos2 = 1 - 2 * osc.sin2_theta12
    sin2_squared = 4 * osc.sin2_theta12 * (1 - osc.sin2_theta12)
    energy_ev = np.asarray(energy_kev, dtype=float) * 1e3
    beta = 2 * energy_ev * potential_ev * (1 - osc.sin2_theta13) / osc.dm2_21_ev2
    return (cos2 - beta) / np.sqrt((cos2 - beta) ** 2 + sin2_squared)


def mass_state_content(energy_kev: np.ndarray, potential_ev: float, osc: Oscillation) -> np.ndarray:
    """Probabilities P_ei that a solar neutrino arrives as mass state i, shape (3, *energy.shape); they sum to one."""
    cos2_matter = cos_2theta12_matter(energy_kev, potential_ev, osc)
    cos2_theta13 = 1 - osc.sin2_theta13
    third = np.full_like(cos2_matter, osc.sin2_theta13)
    return np.stack([cos2_theta13 * (1 + cos2_matter) / 2, cos2_theta13 * (1 - cos2_matter) / 2, third])


def flavour_content(energy_kev: np.ndarray, potential_ev: float, osc: Oscillation) -> np.ndarray:
    """Probabilities P_e alpha at Earth, shape (3, *energy.shape): the mass states are an incoherent mixture."""
    shares = np.abs(mixing_matrix(osc)) ** 2
    return np.tensordot(shares, mass_state_content(energy_kev, potential_ev, osc), axes=1)


def shortcut_content(energy_kev: np.ndarray, potential_ev: float, osc: Oscillation) -> np.ndarray:
    """P_ee, (1 - P_ee) cos^2 theta23, (1 - P_ee) sin^2 theta23: a shortcut in use that drops theta13 and delta, 10 % off."""
    survival = flavour_content(energy_kev, potential_ev, osc)[0]
    lost = 1 - survival
    return np.stack([survival, lost * (1 - osc.sin2_theta23), lost * osc.sin2_theta23])
