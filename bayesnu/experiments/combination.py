"""Which data sets may be analysed together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from bayesnu.experiments.experiment import Experiment
from bayesnu.support.errors import BayesnuError


def check_combination(experiments: Iterable[Experiment]) -> None:
    """Raise `BayesnuError` for two data sets that share events, or for one given twice."""
    for one, other in combinations(experiments, 2):
        if one.name == other.name:
            raise BayesnuError(f"experiments: found '{one.name}' twice; its events count once; name it once")
        if one.name in other.incompatible or other.name in one.incompatible:
            raise BayesnuError(
                f"experiments: found '{one.name}' with '{other.name}', which hold the same events; "
                "they can never be combined; keep one of them"
            )
        if np.array_equal(one.edges_kev, other.edges_kev) and np.array_equal(one.observed, other.observed):
            raise BayesnuError(
                f"experiments: found '{one.name}' with '{other.name}', which have the same counts in the same bins; events "
                "count once; keep one of them"
            )
