"""Xenon: what an atom offers to a recoil of energy T, per recoil kernel.

For most kernels that is a number of electrons. For the equivalent photons of a millicharge it is the photo-absorption cross
section. What is known of either only within an error is an `AtomicPart` of its own, with a nuisance that weights it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources

import numpy as np

from bayesnu.physics.cross_section import KERNELS
from bayesnu.physics.photoabsorption import SHELLS_KEV, is_in_shell, photoabsorption_cm2, read_table, relative_error
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
ELECTRON_KERNELS = KERNELS[:-1]  # those that take electrons; the last one takes photo-absorption
CHARGE_KERNELS = ("VV/T", "VV/T2", "VA/T")  # those of a charge that scatters off electrons
MILLICHARGES = ("electrons", "epa", "matched")  # how an atom can take up the photon of a charge; see `targets`
MATCHING_KEV = 14.0  # where photo-absorption falls below the scattering off electrons: 14.1 keV for pp, 13.8 for 7Be
RRPA_RELIABLE_BELOW_KEV = 10.0  # end of the range in which the table is reliable


def stepped_electrons(recoil_kev: np.ndarray) -> np.ndarray:
    """Number of electrons bound by less than T: Z_eff(T) = sum of n_i theta(T - B_i)."""
    recoil = np.asarray(recoil_kev, dtype=float)
    edges, occupation = np.array(XENON_SHELLS_EV).T
    count: np.ndarray = np.sum((recoil[..., None] * 1e3 > edges) * occupation, axis=-1)
    return count


def electrons(recoil_kev: np.ndarray, counting: str = "stepped") -> np.ndarray:
    """Effective number of target electrons per xenon atom, for each of `ELECTRON_KERNELS`, shape (7, *recoil.shape).

    `stepped` counts the electrons bound by less than T. `free` counts all 54 (above the lowest edge). `rrpa` multiplies
    the stepped count of the weak kernels (VV, VA, AA) by the many-body ratio of arXiv:1610.04177. The photon kernels stay
    stepped, as that ratio does not hold for them.
    """
    if counting not in COUNTINGS:
        raise BayesnuError(f"electrons: found '{counting}'{did_you_mean(counting, COUNTINGS)}")
    recoil = np.asarray(recoil_kev, dtype=float)
    if counting == "free":
        count = np.where(recoil > SHELL_EDGES_KEV[0], float(XENON_ELECTRONS), 0.0)
        return np.broadcast_to(count, (len(ELECTRON_KERNELS), *count.shape)).copy()
    per_kernel = np.repeat(stepped_electrons(recoil)[None], len(ELECTRON_KERNELS), axis=0)
    if counting == "rrpa":
        per_kernel[_place(WEAK_KERNELS)] *= rrpa_over_step(recoil)
    return per_kernel


def _place(names: tuple[str, ...]) -> list[int]:
    """Where kernels stand among all."""
    return [KERNELS.index(name) for name in names]


def targets(recoil_kev: np.ndarray, counting: str = "stepped", millicharge: str = "electrons") -> np.ndarray:
    """What a xenon atom offers to each kernel: electrons, or cm^2 for the equivalent photons; shape (8, *recoil.shape).

    A millicharge is taken up by `electrons`, where it interferes with the weak amplitude; by photo-absorption (`epa`), where
    it does not; or `matched`, by photo-absorption below `MATCHING_KEV` and by electrons above. Raises `BayesnuError` for
    another word.
    """
    if millicharge not in MILLICHARGES:
        raise BayesnuError(f"millicharge: found '{millicharge}'{did_you_mean(millicharge, MILLICHARGES)}")
    recoil = np.asarray(recoil_kev, dtype=float)
    offered = np.concatenate([electrons(recoil, counting), photoabsorption_cm2(recoil)[None]])
    by_photons = _mark_photons(recoil, millicharge)
    offered[_place(CHARGE_KERNELS)] *= ~by_photons
    offered[-1] *= by_photons
    return offered


def _mark_photons(recoil: np.ndarray, millicharge: str) -> np.ndarray:
    """Where a charge is taken up by photo-absorption."""
    if millicharge == "matched":
        return recoil < MATCHING_KEV
    return np.full(recoil.shape, millicharge == "epa")


@dataclass(frozen=True)
class AtomicPart:
    """A part of what an atom offers: `offer` gives it as `targets` does.

    One with a name is multiplied by a nuisance. An amplitude is relative to its best value, with the relative `width`. A
    fraction has no width: it lies anywhere between 0, the treatment of `targets`, and 1, another one.
    """

    name: str | None
    offer: Callable[[np.ndarray], np.ndarray]
    width: float | None = None


@cache
def atomic_parts(millicharge: str) -> tuple[AtomicPart, ...]:
    """The parts of a stepped atom: what is certain, and what is known only within an error.

    * Photo-absorption, shell by shell, within the difference of two evaluations.
    * The matching of a charge, from the larger of its two treatments to their sum.
    * Weak terms and moments, from the stepped count to the many-body one.
    """
    certain = AtomicPart(None, partial(_offer_certain, millicharge))
    shells = [] if millicharge == "electrons" else SHELLS_KEV
    amplitudes = [
        AtomicPart(f"photoabsorption_{shell}", partial(_offer_shell, shell, millicharge), relative_error(shell))
        for shell in shells
    ]
    matching = [AtomicPart("matching", _offer_smaller)] if millicharge == "matched" else []
    return (certain, *amplitudes, *matching, AtomicPart("many_body", _offer_many_body))


def _offer_certain(millicharge: str, recoil_kev: np.ndarray) -> np.ndarray:
    """What `targets` gives without photo-absorption."""
    offered = targets(recoil_kev, "stepped", millicharge)
    offered[-1] = 0.0
    return offered


def _offer_shell(shell: str, millicharge: str, recoil_kev: np.ndarray) -> np.ndarray:
    """The photo-absorption that `targets` gives in the range of a shell."""
    offered = targets(recoil_kev, "stepped", millicharge)
    offered[:-1] = 0.0
    inside: np.ndarray = offered * is_in_shell(recoil_kev, shell)
    return inside


def _offer_smaller(recoil_kev: np.ndarray) -> np.ndarray:
    """What `matched` leaves out: the square of a charge at electrons below `MATCHING_KEV`, at photo-absorption above."""
    offered = targets(recoil_kev, "stepped", "electrons") + targets(recoil_kev, "stepped", "epa")
    others = [k for k, name in enumerate(KERNELS) if name not in ("VV/T2", "EPA")]
    offered[others] = 0.0
    taken = targets(recoil_kev, "stepped", "matched") > 0
    return np.where(taken, 0.0, offered)


def _offer_unknown(recoil_kev: np.ndarray) -> np.ndarray:
    """Photo-absorption below the table as if it stayed what it is at the first knot: what `targets` may leave out."""
    first = read_table().energies_kev[0]
    offered = np.zeros((len(KERNELS), *np.shape(recoil_kev)))
    offered[-1] = np.where(np.asarray(recoil_kev) < first, photoabsorption_cm2(first), 0.0)
    return offered


UNKNOWN = AtomicPart("unknown", _offer_unknown)


def _offer_many_body(recoil_kev: np.ndarray) -> np.ndarray:
    """What the many-body ratio of the weak terms adds to them, and to the moment as the measure of its doubt."""
    kept = _place((*WEAK_KERNELS, "MM"))
    offered = np.zeros((len(KERNELS), *np.shape(recoil_kev)))
    offered[kept] = targets(recoil_kev)[kept] * (rrpa_over_step(recoil_kev) - 1)
    return offered


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


def breakpoints_kev(counting: str, millicharge: str, with_doubt: bool) -> np.ndarray:
    """Recoil energies, keV, where `targets` or a doubtful part is not smooth: an integration panel has to end there."""
    breaks = [SHELL_EDGES_KEV[:1] if counting == "free" else SHELL_EDGES_KEV]
    if counting == "rrpa" or with_doubt:
        breaks.append(_read_rrpa_table()[0])
    if millicharge != "electrons":
        breaks.append(read_table().energies_kev)
    if millicharge == "matched":
        breaks.append(np.array([MATCHING_KEV]))
    return np.unique(np.concatenate(breaks))
