"""What is known of the atom: how it takes up a charge, in words, and whether a data set asks for more than is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model import fold
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import observe
from bayesnu.physics.atom import MATCHING_KEV, SHELL_EDGES_KEV, UNKNOWN, AtomicPart, targets
from bayesnu.physics.cross_section import Couplings, electromagnetic
from bayesnu.physics.photoabsorption import read_table, relative_error
from bayesnu.support.errors import BayesnuError

TREATMENTS = {
    "electrons": "by its electrons ({electrons}); by photo-absorption, the choice millicharge = epa, the rate below "
    "{matching:g} keV is up to eleven times as large",
    "epa": "by photo-absorption, which does not interfere with the weak amplitude, so its overall sign cannot be observed",
    "matched": "by photo-absorption below {matching:g} keV, without interference, and by its electrons ({electrons}) above",
}
KNOWN_KEV = 1.0  # above it stepped electrons, many-body theory and photo-absorption have been compared
RRPA_FROM_KEV = 0.254  # begin of the table of many-body rates, after arXiv:1610.04177
MOST = 1e-3  # of the events in any bin may come from where the atom is not known


def describe_charge(analysis: Analysis) -> str:
    """How an atom takes up a charge, in one sentence: limits of different treatments cannot be compared."""
    treatment = TREATMENTS[analysis.millicharge].format(electrons=analysis.electrons, matching=MATCHING_KEV)
    return f"q_nu: the atom takes up a charge {treatment}"


def find_unknown_share(experiment: Experiment, analysis: Analysis) -> np.ndarray:
    """Share (bins,) of a charge's events that would come from recoils below the table, if it went on as it begins."""
    charge = electromagnetic(q_nu=np.eye(3))
    folds = fold.fold_parts(experiment, analysis, (UNKNOWN, None))
    unknown, counted = (folded.signal(charge).sum(axis=0) for folded in folds)
    total = unknown + counted
    return np.where(total > 0, unknown / np.where(total > 0, total, 1.0), 0.0)


def check_range(experiment: Experiment, analysis: Analysis) -> None:
    """Raise `BayesnuError` where the events of a charge in a bin come from recoils of which too little is known."""
    if analysis.millicharge == "electrons":
        return
    first = float(read_table().energies_kev[0])
    if analysis.lowest_true_kev >= first:
        return
    share = find_unknown_share(experiment, analysis)
    worst = int(share.argmax())
    if share[worst] > MOST:
        low, high = observe(experiment, analysis).edges_kev[worst : worst + 2]
        raise BayesnuError(
            f"{experiment.name}: {100 * share[worst]:.2g} % of the events of a charge in {low:g}-{high:g} keV come from "
            f"recoils below {first:g} keV, where photo-absorption is not known; at most "
            f"{100 * MOST:g} % may, so leave that bin out of the region or choose millicharge = electrons"
        )


def find_cut_shares(experiment: Experiment, analysis: Analysis) -> dict[str, np.ndarray]:
    """Share (bins,) of the events of moment and charge that the lower cut on the true energy takes away, by property.

    Both are counted off electrons, as the photo-absorption is not known down there.
    """
    off_electrons = replace(analysis, millicharge="electrons", neutrino_mass_ev=Analysis.neutrino_mass_ev)
    whole = replace(off_electrons, lowest_true_kev=float(SHELL_EDGES_KEV[0]))
    below = AtomicPart("below the cut", partial(_offer_below, analysis.electrons, analysis.lowest_true_kev))
    components = fold.components_of(experiment, analysis)
    response = observe(experiment, analysis).response
    lost, everything = fold.fold_components(experiment, whole, response, components, parts=(below, None))
    properties = {"mu_nu": electromagnetic(mu_nu=np.eye(3)), "q_nu": electromagnetic(q_nu=np.eye(3))}
    return {name: _divide(lost, everything, couplings) for name, couplings in properties.items()}


def _offer_below(electrons: str, end_kev: float, recoil_kev: np.ndarray) -> np.ndarray:
    """What an atom whose electrons take up a charge offers to recoils below an energy."""
    return targets(recoil_kev, electrons) * (np.asarray(recoil_kev) < end_kev)


def _divide(part: fold.Fold, whole: fold.Fold, couplings: Couplings) -> np.ndarray:
    """The share (bins,) of a part in the events of these couplings, 0 where there are none."""
    events = part.signal(couplings).sum(axis=0)
    total = whole.signal(couplings).sum(axis=0)
    return np.where(total > 0, events / np.where(total > 0, total, 1.0), 0.0)


def describe_cut(experiment: Experiment, analysis: Analysis) -> Iterator[str]:
    """Say how much of a bin the lower cut on the true energy costs, where that is more than a thousandth."""
    if analysis.lowest_true_kev <= SHELL_EDGES_KEV[0]:
        return
    for name, share in find_cut_shares(experiment, analysis).items():
        worst = int(share.argmax())
        if share[worst] > MOST:
            low, high = observe(experiment, analysis).edges_kev[worst : worst + 2]
            yield (
                f"{experiment.name}: the cut lowest_true_kev = {analysis.lowest_true_kev:g} takes away "
                f"{100 * share[worst]:.2g} % of the events of {name} in {low:g}-{high:g} keV"
            )


def describe_low_region(experiment: Experiment, analysis: Analysis) -> Iterator[str]:
    """Say what of the atom a region that begins below 1 keV rests on: there its theory decides what may be said."""
    low = experiment.region_kev[0]
    if low >= KNOWN_KEV:
        return
    yield (
        f"{experiment.name}: the region begins at {low:g} keV, and below {KNOWN_KEV:g} keV atomic theory decides: "
        f"photo-absorption is known to {100 * relative_error('N'):.2g} % below the M shell and not at all below "
        f"{read_table().energies_kev[0]:g} keV, and many-body rates are tabulated from {RRPA_FROM_KEV:g} keV on"
    )
    if analysis.lowest_true_kev > low:
        yield (
            f"{experiment.name}: recoils below {analysis.lowest_true_kev:g} keV are not counted, though the region goes to "
            f"{low:g} keV; the choice lowest_true_kev counts them"
        )
