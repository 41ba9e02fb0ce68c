"""Whether data sets agree: what it costs in chi^2 to describe them with the same parameters.

The statistic is the minimal chi^2 of all data sets together less the sum of their own, as in Maltoni and Schwetz,
hep-ph/0304176. Data sets that share a constraint each keep it, so no asymptotic formula holds: the statistic stands among
those of toys, drawn at the best fit of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.goodness import POOR
from bayesnu.inference.toys.statistic import PValue, rank_among_toys
from bayesnu.inference.toys.toys import Toys, draw, observed


@dataclass(frozen=True)
class Compatibility:
    """The cost in chi^2 of common parameters, and its p-value."""

    experiments: tuple[str, ...]
    delta_chi2: float
    p_value: PValue

    @property
    def remark(self) -> str | None:
        """A sentence on data sets that contradict each other; None for those that do not."""
        if self.p_value.share >= POOR:
            return None
        return f"CONTRADICTION: {self.in_words}; a common limit of data that disagree is supported by none of them"

    @property
    def in_words(self) -> str:
        """Which data sets, the cost and the p-value in a few words."""
        return f"{' and '.join(self.experiments)} together cost Δχ² = {self.delta_chi2:.1f}, {self.p_value.in_words}"


def find_compatibility(fitter: ToyFitter, toys: int, random: np.random.Generator) -> Compatibility:
    """Compare the data sets of a model that has at least two."""
    model = fitter.model
    parts = [ToyFitter(model.alone(k)) for k in range(len(model.blocks))]
    data = observed(model)
    best = fitter.best_fit(data)
    cost = _cost(fitter, parts, data, best.chi2)[0]
    drawn = draw(model, best.theta[0], toys, random)
    of_toys = _cost(fitter, parts, drawn, fitter.best_fit(drawn).chi2)
    names = tuple(block.experiment for block in model.blocks)
    return Compatibility(names, float(cost), rank_among_toys(float(cost), of_toys))


def _cost(fitter: ToyFitter, parts: list[ToyFitter], toys: Toys, together: np.ndarray) -> np.ndarray:
    """The statistic (toys,); NaN for a toy of which a fit did not end."""
    model = fitter.model
    cost = together.copy()
    for block, part in zip(model.blocks, parts, strict=True):
        needed = [model.names.index(name) for name in part.model.names]
        share = Toys(toys.counts[:, block.bins], toys.centres[:, needed])
        cost -= part.best_fit(share).chi2
    return cost
