"""Photo-absorption of xenon: the cross section of an atom, and its error by shell.

Two evaluations are at hand, of Elam, Ravel and Sieber 2002 and of Chantler 2000. The cross section is their mean. Its
relative error is the root mean square of their relative difference, shell by shell.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np

from bayesnu.physics.constants import CM2_PER_BARN
from bayesnu.support.interpolation import interpolate_steps

# Lowest edge, keV, of each group of shells: its error holds up to the next one. The evaluations differ most near M4 and M5.
SHELLS_KEV = {"N": 0.0, "M45": 0.6764, "M123": 0.9406, "L": 4.7822, "K": 34.561}


class PhotoabsorptionTable(NamedTuple):
    """Photon energies (knots,) in keV, and both evaluations there in barn per atom. A repeated energy is a step."""

    energies_kev: np.ndarray
    elam_barn: np.ndarray
    chantler_barn: np.ndarray

    @property
    def mean_barn(self) -> np.ndarray:
        """The mean of the two (knots,), in barn per atom."""
        mean: np.ndarray = (self.elam_barn + self.chantler_barn) / 2
        return mean


@cache
def read_table() -> PhotoabsorptionTable:
    """The table of this folder, which `scripts/photoabsorption.py` writes."""
    with resources.files("bayesnu.physics").joinpath("xe_photoabsorption.csv").open(encoding="utf-8") as file:
        energies, elam, chantler = np.loadtxt(file, delimiter=",", comments="#", skiprows=3).T
    return PhotoabsorptionTable(energies, elam, chantler)


def photoabsorption_cm2(energy_kev: np.ndarray) -> np.ndarray:
    """Cross section of an atom in cm^2 for photons of this energy, shape (*energy.shape).

    Straight in the logarithms between the knots of the table, and zero outside of it, where nothing was evaluated.
    """
    energy = np.asarray(energy_kev, dtype=float)
    table = read_table()
    inside = (energy >= table.energies_kev[0]) & (energy <= table.energies_kev[-1])
    logarithm = interpolate_steps(
        np.log(np.where(inside, energy, table.energies_kev[0])), np.log(table.energies_kev), np.log(table.mean_barn)
    )
    return np.where(inside, CM2_PER_BARN * np.exp(logarithm), 0.0)


def is_in_shell(energy_kev: np.ndarray, shell: str) -> np.ndarray:
    """Whether photons of this energy are in the range of a shell, shape (*energy.shape)."""
    energy = np.asarray(energy_kev, dtype=float)
    start = SHELLS_KEV[shell]
    end = min((other for other in SHELLS_KEV.values() if other > start), default=np.inf)
    return (energy >= start) & (energy < end)


def relative_error(shell: str) -> float:
    """Relative standard deviation of the cross section in the range of a shell."""
    table = read_table()
    here = is_in_shell(table.energies_kev, shell)
    difference = (table.elam_barn - table.chantler_barn) / table.mean_barn
    return float(np.sqrt(np.mean(difference[here] ** 2)))
