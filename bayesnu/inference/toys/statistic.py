"""The statistic of a toy experiment, and quantiles and shares of many with their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bayesnu.inference.profiler import Fit
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.toys import Toys, observed
from bayesnu.model.polynomial import Model
from bayesnu.support.errors import BayesnuError

TIE = 1e-6  # of chi^2: toys with the counts of the data are as far as the data, whatever the fits round to
TIE_OF_SEVERAL = 5e-3  # the same of several physics parameters, whose lowest minima are known as well (docs/trust.md)
FAR = 5.0  # errors of a share, by which more toys do not move it


def find_tie(model: Model) -> float:
    """By how much two statistics of a model have to differ, in chi^2, to be told apart."""
    return TIE if model.n_physics == 1 else TIE_OF_SEVERAL


def profiled(fitter: ToyFitter, value: float) -> np.ndarray:
    """Parameters with the first physics parameter at a value and all others where the observed data put them."""
    start = fitter.model.nominal()
    start[0] = value
    fit = fitter.fit_others(observed(fitter.model), start)
    return _require_fit(fit, f"{fitter.model.names[0]} = {value:g}")


def profiled_null(fitter: ToyFitter) -> np.ndarray:
    """Parameters of the Standard Model, the nuisances where the observed data put them."""
    fit = fitter.fit(observed(fitter.model), fitter.model.nominal(), fitter.nuisances)
    return _require_fit(fit, "the Standard Model")


def _require_fit(fit: Fit, where: str) -> np.ndarray:
    if not fit.ended[0]:
        raise BayesnuError(f"toys: the other parameters could not be fitted at {where}")
    held: np.ndarray = fit.theta[0]
    return held


def statistic(fitter: ToyFitter, toys: Toys, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """chi^2 profiled at the first physics parameter of theta less its minimum, the best fit of that, and which toys ended.

    All of shape (toys,); theta (parameters,) or (toys, parameters) is where the others start. NaN for a toy that did not
    end.
    """
    best = fitter.best_fit(toys)
    here = fitter.fit_others(toys, theta)
    ended = here.ended & best.ended
    return np.where(ended, np.maximum(here.chi2 - best.chi2, 0.0), np.nan), best.theta[:, 0], ended


def quantile_with_error(values: np.ndarray, probability: float) -> tuple[float, float]:
    """Quantile of independent values, and half the distance between those one binomial error below and above.

    Values may be infinite; then so may the quantile be, and its error.
    """
    if not len(values):
        return np.nan, np.nan
    error = np.sqrt(probability * (1 - probability) / len(values))
    # No line leads to infinity, so infinite values are not interpolated.
    method: Literal["linear", "inverted_cdf"] = "linear" if np.isfinite(values).all() else "inverted_cdf"
    places = np.clip([probability - error, probability, probability + error], 0, 1)
    low, here, high = np.quantile(values, places, method=method)
    return float(here), float(high - low) / 2 if np.isfinite([low, high]).all() else np.inf


def share_with_error(holds: np.ndarray) -> tuple[float, float]:
    """Share of independent yes and no (n,), and its binomial error, which is never less than that of one among all."""
    if not len(holds):
        return np.nan, np.nan
    share = float(np.mean(holds))
    return share, float(np.sqrt(max(share * (1 - share), 1 / len(holds)) / len(holds)))


@dataclass(frozen=True)
class PValue:
    """The share of toys at least as far as the data, with its binomial error.

    `failed` of `toys` did not end and are left out. The share is NaN where none ended.
    """

    share: float
    error: float
    toys: int
    failed: int

    def is_far_from(self, *shares: float) -> bool:
        """Whether more toys would not bring it to another side of any of these shares."""
        return all(abs(self.share - share) > FAR * self.error for share in shares)

    @property
    def in_words(self) -> str:
        """The share and its error; with no toy as far as the data, the limit at 95 % stands in their place."""
        if self.share > 0:
            return f"p = {self.share:.2g} ± {self.error:.1g}"
        return f"p < {3 / (self.toys - self.failed):.1g}"


def rank_among_toys(seen: float, of_toys: np.ndarray) -> PValue:
    """The p-value of the statistic of the data, from those of toys (toys,); NaN is a toy that did not end."""
    ended = of_toys[np.isfinite(of_toys)]
    share, error = share_with_error(ended >= seen - TIE)
    return PValue(share, error, len(of_toys), len(of_toys) - len(ended))


def crossings(values: np.ndarray, above: np.ndarray, error: np.ndarray) -> list[tuple[float, float]]:
    """Where a curve given at values (points,) crosses 0, by straight lines, with the error that its own gives the place."""
    found = []
    for i in np.flatnonzero((above[1:] > 0) != (above[:-1] > 0)):
        step = values[i + 1] - values[i]
        rise = above[i + 1] - above[i]
        t = -above[i] / rise
        place = values[i] + t * step
        place_error = abs(step / rise) * np.hypot((1 - t) * error[i], t * error[i + 1])
        found.append((float(place), float(place_error)))
    return found
