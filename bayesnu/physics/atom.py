"""Xenon: electrons that a recoil of energy T can ionise, per recoil kernel."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

from bayesnu.physics.cross_section import KERNELS
from bayesnu.support.errors import BayesnuError, did_you_mean
from bayesnu.support.interpolation import interpolate_steps

# Binding energy in eV and occupation of each shell: X-ray data booklet (LBNL), edges of xenon, as in xraydb.
XENON_SHELLS_EV = (
    (34561.0, 2),  # K
    (5452.8, 2),  # L1
    (5103.7, 2),  # L2
    (4782.2, 4),  # L3
    (1148.7, 2),  # M1
    (1002.1, 2),  # M2
    (940.6, 4),  # M3
    (689.0, 4),  # M4
    (676.4, 6),  # M5
    (213.2, 2),  # N1
    (146.7, 2),  # N2
    (145.5, 4),  # N3
    (69.5, 4),  # N4
    (67.5, 6),  # N5
    (23.3, 2),  # O1
    (13.4, 2),  # O2
    (12.1, 4),  # O3
)
SHELL_EDGES_KEV = np.array(sorted(edge for edge, _ in XENON_SHELLS_EV)) / 1e3
XENON_ELECTRONS = sum(electrons for _, electrons in XENON_SHELLS_EV)
COUNTINGS = ("stepped", "free", "rrpa")  # how electrons can be counted; see `electrons`
WEAK_KERNELS = ("VV", "VA", "AA")  # those to which the many-body ratio applies
RRPA_RELIABLE_BELOW_KEV = 10.0  # end of the range in which the table is reliable


def stepped_electrons(recoil_kev: np.ndarray) -> np.ndarray:
    """Number of electrons bound by less than T: Z_eff(T) = sum of n_i theta(T - B_i)."""
    recoil = np.asarray(recoil_kev, dtype=float)
    edges, occupation = np.array(XENON_SHELLS_EV).T
    count: np.ndarray = np.sum((recoil[..., None] * 1e3 > edges) * occupation, axis=-1)
    return count


def electrons(recoil_kev: np.ndarray, counting: str = "stepped") -> np.ndarray:
    """Effective number of target electrons per xenon atom and recoil kernel, shape (7, *recoil.shape).

    `stepped` counts the electrons bound by less than T. `free` counts all 54 (above the lowest edge). `rrpa` multiplies
    the stepped count of the weak kernels (VV, VA, AA) by the many-body ratio of arXiv:1610.04177. The photon kernels stay
    stepped, as that ratio does not hold for them.
    """
    if counting not in COUNTINGS:
        raise BayesnuError(f"electrons: found '{counting}'{did_you_mean(counting, COUNTINGS)}")
    recoil = np.asarray(recoil_kev, dtype=float)
    if counting == "free":
        count = np.where(recoil > SHELL_EDGES_KEV[0], float(XENON_ELECTRONS), 0.0)
        return np.broadcast_to(count, (len(KERNELS), *count.shape)).copy()
    per_kernel = np.repeat(stepped_electrons(recoil)[None], len(KERNELS), axis=0)
    if counting == "rrpa":
        weak = [KERNELS.index(name) for name in WEAK_KERNELS]
        per_kernel[weak] *= rrpa_over_step(recoil)
    return per_kernel


@cache
def _read_rrpa_table() -> tuple[np.ndarray, np.ndarray]:
    with resources.files("bayesnu.physics").joinpath("xe_rrpa_over_step.csv").open(encoding="utf-8") as file:
        table = np.loadtxt(file, delimiter=",", comments="#", skiprows=2)
    keep = table[:, 0] <= RRPA_RELIABLE_BELOW_KEV
    return table[keep, 0], table[keep, 1]


def rrpa_over_step(recoil_kev: np.ndarray) -> np.ndarray:
    """Ratio of the RRPA to the stepped rate; constant beyond the table's reliable range, 0.254 to 10 keV.

    A repeated energy in the table is a step at a shell edge.
    """
    energies, ratio = _read_rrpa_table()
    return interpolate_steps(np.asarray(recoil_kev, dtype=float), energies, ratio)


def breakpoints_kev(counting: str) -> np.ndarray:
    """Recoil energies, keV, where `electrons` is not smooth: an integration panel has to end there."""
    if counting == "free":
        return SHELL_EDGES_KEV[:1]
    if counting == "rrpa":
        return np.union1d(SHELL_EDGES_KEV, _read_rrpa_table()[0])
    return SHELL_EDGES_KEV
