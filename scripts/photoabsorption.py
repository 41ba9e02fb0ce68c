"""Write the table of xenon's photo-absorption, bayesnu/physics/xe_photoabsorption.csv, from the data of xraydb.

The knots are even in the logarithm, with two at every edge. Needs the package xraydb, which the project itself does not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bayesnu.physics.atom import SHELL_EDGES_KEV
from bayesnu.physics.constants import AVOGADRO, CM2_PER_BARN, EV_PER_KEV, XENON_MOLAR_MASS

TARGET = Path(__file__).resolve().parent.parent / "bayesnu" / "physics" / "xe_photoabsorption.csv"
FIRST_KEV = 0.22  # above the edge N1: below it the two evaluations differ by up to a factor of 2.6
LAST_KEV = 100.0
KNOTS = 81  # even in the logarithm, beside those at the edges
BESIDE = 0.006  # relative distance from an edge at which its two sides are read: Chantler's fine structure is closer
HEAD = (
    "# Photo-absorption cross section of a xenon atom: W. T. Elam, B. D. Ravel, J. R. Sieber, Radiat. Phys. Chem. 63, 121 "
    "(2002), and C. T. Chantler, J. Phys. Chem. Ref. Data 29, 597 (2000), from the data of xraydb {version} (MIT licence).\n"
    "# Written by scripts/photoabsorption.py. A repeated energy is an edge: the values below and above it.\n"
)


def place_knots() -> tuple[np.ndarray, np.ndarray]:
    """Energies of the knots in keV, and where each is read: beside the edge for the two at an edge."""
    even = np.geomspace(FIRST_KEV, LAST_KEV, KNOTS)
    edges = SHELL_EDGES_KEV[(SHELL_EDGES_KEV > FIRST_KEV) & (SHELL_EDGES_KEV < LAST_KEV)]
    far = np.all(np.abs(even[:, None] / edges - 1) > 2 * BESIDE, axis=1)
    knots = np.concatenate([even[far], edges, edges])
    read = np.concatenate([even[far], edges * (1 - BESIDE), edges * (1 + BESIDE)])
    order = np.lexsort((read, knots))
    return knots[order], read[order]


def evaluate(read_kev: np.ndarray, evaluation: str) -> np.ndarray:
    """Photo-absorption in barn per atom by one of the two evaluations."""
    import xraydb  # type: ignore[import-not-found]

    energies_ev = EV_PER_KEV * read_kev
    if evaluation == "elam":
        per_gram = [xraydb.mu_elam("Xe", energy, kind="photo") for energy in energies_ev]
    else:
        per_gram = [xraydb.mu_chantler("Xe", energy, photo=True) for energy in energies_ev]
    barn: np.ndarray = np.array(per_gram, dtype=float) * XENON_MOLAR_MASS / AVOGADRO / CM2_PER_BARN
    return barn


def main() -> None:
    """Write the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    from xraydb import __version__ as version

    knots, read = place_knots()
    rows = zip(knots, evaluate(read, "elam"), evaluate(read, "chantler"), strict=True)
    lines = [f"{energy:.5g},{elam:.4e},{chantler:.4e}" for energy, elam, chantler in rows]
    head = HEAD.format(version=version)
    TARGET.write_text(head + "\n".join(["energy_kev,elam_barn,chantler_barn", *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
