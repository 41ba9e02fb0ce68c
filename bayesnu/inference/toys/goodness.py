"""Goodness of fit: the minimal chi^2 of the data among those of toys drawn at their own best fit.

The statistic is chi^2 of the counts, plus the pulls of Gaussian nuisances and constraints, at its minimum. A toy redraws the
counts and the centres of the pulls. A free normalisation has no centre: it is fitted to every toy anew, without a pull. Bins
that hold a model's values instead of data enter the fit, as in any limit, but not the statistic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from bayesnu.inference.profiler import Fit
from bayesnu.inference.toys.bounded import TINY
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.statistic import PValue, rank_among_toys
from bayesnu.inference.toys.toys import Toys, draw, observed
from bayesnu.support.errors import BayesnuError

POOR = 0.01  # a p-value below it is remarked on
TOO_GOOD = 0.99  # and one above it: the widths or the bins are fits to the same data


@dataclass(frozen=True)
class Goodness:
    """The minimal chi^2 of the data, and its p-value; `model` says in words what was fitted, `bins` to how many."""

    model: str
    chi2: float
    bins: int
    p_value: PValue

    @property
    def remark(self) -> str | None:
        """A sentence on a fit that is poor, or better than chance allows; None for any other."""
        if self.p_value.share < POOR:
            return f"POOR FIT: {self.in_words}; the model does not describe the data, so its limits mean little"
        if self.p_value.share > TOO_GOOD:
            return f"{self.in_words}; a fit this good suggests widths or counts that were fitted to the same data"
        return None

    @property
    def sentence(self) -> str:
        """What was fitted, how well, and by how many toys that is known."""
        return f"goodness of fit, {self.model}: {self.in_words} ({self.p_value.toys} toys at the best fit)"

    @property
    def in_words(self) -> str:
        """chi^2, bins and p-value in a few words."""
        return f"χ² = {max(self.chi2, 0.0):.1f} in {self.bins} bins, {self.p_value.in_words}"


def chi2_of_data(fitter: ToyFitter, toys: Toys, fit: Fit) -> np.ndarray:
    """The statistic (toys,) at the fits of toys, from the bins that hold data; NaN for a toy that did not end."""
    is_data = fitter.model.is_data
    if is_data is None:
        return fit.chi2
    counts = toys.counts[:, ~is_data]
    expected = np.maximum(fitter.model.expected(fit.theta)[:, ~is_data], TINY)
    of_model = 2 * (expected - counts + xlogy(counts, counts / expected)).sum(axis=1)
    return np.asarray(fit.chi2 - of_model)


def count_bins(fitter: ToyFitter) -> int:
    """How many bins hold data."""
    is_data = fitter.model.is_data
    return fitter.model.counted if is_data is None else int(is_data[: fitter.model.counted].sum())


def find_goodness(fitter: ToyFitter, toys: int, random: np.random.Generator) -> Goodness:
    """Goodness of the fit with every parameter free; raises `BayesnuError` if that fit does not end."""
    if count_bins(fitter) == 0:
        raise BayesnuError("no bin holds data")
    data = observed(fitter.model)
    best = fitter.best_fit(data)
    if not best.ended[0]:
        raise BayesnuError("the fit of the data did not end")
    drawn = draw(fitter.model, best.theta[0], toys, random)
    name = f"{', '.join(prior.name for prior in fitter.model.physics)} free"
    seen = float(chi2_of_data(fitter, data, best)[0])
    of_toys = chi2_of_data(fitter, drawn, fitter.best_fit(drawn))
    return Goodness(name, seen, count_bins(fitter), rank_among_toys(seen, of_toys))
