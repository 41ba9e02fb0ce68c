"""Which data sets may be analysed together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

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
