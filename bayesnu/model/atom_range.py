"""What is known of the atom: how it takes up a charge, in words, and whether a data set asks for more than is known."""

from __future__ import annotations

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model import fold
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import observe
from bayesnu.physics.atom import MATCHING_KEV, UNKNOWN
from bayesnu.physics.cross_section import electromagnetic
from bayesnu.physics.photoabsorption import read_table
from bayesnu.support.errors import BayesnuError

TREATMENTS = {
    "electrons": "by its electrons ({electrons}); by photo-absorption, the choice millicharge = epa, the rate below "
    "{matching:g} keV is up to eleven times as large",
    "epa": "by photo-absorption, which does not interfere with the weak amplitude, so its overall sign cannot be observed",
    "matched": "by photo-absorption below {matching:g} keV, without interference, and by its electrons ({electrons}) above",
}
MOST = 1e-3  # of the events of a charge in any bin may come from where photo-absorption is not known


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
    share = find_unknown_share(experiment, analysis)
    worst = int(share.argmax())
    if share[worst] > MOST:
        low, high = observe(experiment, analysis).edges_kev[worst : worst + 2]
        raise BayesnuError(
            f"{experiment.name}: {100 * share[worst]:.2g} % of the events of a charge in {low:g}-{high:g} keV come from "
            f"recoils below {read_table().energies_kev[0]:g} keV, where photo-absorption is not known; at most "
            f"{100 * MOST:g} % may, so leave that bin out of the region or choose millicharge = electrons"
        )
