"""Which data sets may be analysed together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from bayesnu.experiments.experiment import Experiment
from bayesnu.support.errors import BayesnuError

FEWEST_RANGES = 5  # of energy with the same counts that are no chance


def check_combination(experiments: Iterable[Experiment]) -> None:
    """Raise `BayesnuError` for two data sets that share events, or for one given twice."""
    for one, other in combinations(experiments, 2):
        if one.name == other.name:
            raise BayesnuError(f"experiments: found '{one.name}' twice; its events count once; name it once")
        if {one.name, *one.incompatible} & {other.name, *other.incompatible}:
            raise BayesnuError(
                f"experiments: found '{one.name}' with '{other.name}', which hold the same events; "
                "they can never be combined; keep one of them"
            )
        if _hold_same_events(one, other):
            raise BayesnuError(
                f"experiments: found '{one.name}' with '{other.name}', which have the same counts in the same ranges of "
                "energy; events count once; keep one of them"
            )


def _hold_same_events(one: Experiment, other: Experiment) -> bool:
    """Whether two data sets have the same counts between all bin edges that they share, more than chance would give."""
    shared = np.intersect1d(one.edges_kev, other.edges_kev)
    low = max(one.region_kev[0], other.region_kev[0])
    high = min(one.region_kev[1], other.region_kev[1])
    shared = shared[(shared >= low) & (shared <= high)]
    if len(shared) < 2:
        return False
    counts = _count_between(one, shared)
    is_telling = len(shared) > FEWEST_RANGES or len(shared) == min(len(one.edges_kev), len(other.edges_kev))
    return is_telling and counts.sum() > 0 and np.array_equal(counts, _count_between(other, shared))


def _count_between(experiment: Experiment, edges: np.ndarray) -> np.ndarray:
    """Observed counts between some of the bin edges, which are a rising part of them."""
    below = np.concatenate([[0.0], np.cumsum(experiment.observed)])
    counts: np.ndarray = np.diff(below[np.searchsorted(experiment.edges_kev, edges)])
    return counts
