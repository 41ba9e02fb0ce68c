"""Expected limits without a signal: what the limit of the data would be in toys of the Standard Model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesnu.inference.interval import delta_chi2
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.statistic import quantile_with_error, share_with_error
from bayesnu.inference.toys.toys import Toys, observed

BANDS = {"-2 sigma": 0.02275, "-1 sigma": 0.15866, "median": 0.5, "+1 sigma": 0.84134, "+2 sigma": 0.97725}


@dataclass(frozen=True)
class End:
    """One end of a profile-likelihood interval, `lower` or `upper`, at its level of chi^2."""

    name: str
    one_sided: bool
    delta_chi2: float


@dataclass(frozen=True)
class ExpectedLimit:
    """Quantiles of one end of an interval over toys, in units of `scale * unit`, each with its Monte-Carlo error.

    `observed` is that end for the data, `below` the share of toys with a smaller one. `open` of the `toys` have intervals
    that go on to the end of the range: their end is infinite, and so is a quantile among them. `failed` fits did not end.
    """

    end: End
    bands: dict[str, tuple[float, float]]
    observed: float
    below: float
    toys: int
    open: int
    failed: int

    def scaled(self, factor: float) -> ExpectedLimit:
        """The same with every limit multiplied: by a parameter's scale to have it in its unit."""
        bands = {name: (value * factor, error * factor) for name, (value, error) in self.bands.items()}
        return replace(self, bands=bands, observed=self.observed * factor)


def list_ends(fitter: ToyFitter, cl: float) -> list[End]:
    """The ends reported: upper limits, two- and one-sided, of a modulus; both ends of a signed parameter."""
    two_sided = delta_chi2(cl)
    if fitter.model.of_interest[0].signed:
        return [End("lower", False, two_sided), End("upper", False, two_sided)]
    limits = [End("upper", False, two_sided)]
    if cl > 0.5:
        limits.append(End("upper", True, delta_chi2(cl, one_sided=True)))
    return limits


def find_limits(fitter: ToyFitter, ends: list[End], toys: Toys) -> np.ndarray:
    """Ends (ends, toys) of the profile-likelihood intervals, infinite where open, NaN where a fit did not end."""
    return np.array([_find_limit(fitter, end, toys) for end in ends])


def _find_limit(fitter: ToyFitter, end: End, toys: Toys) -> np.ndarray:
    """One end (toys,): an interval is open where chi^2 at the end of the range is not above the level."""
    found = fitter.limit(toys, end.delta_chi2, end.name)
    without = found.best.ended & ~found.ended
    if not without.any():
        return found.limit
    farthest = found.best.theta[without]
    farthest[:, 0] = (fitter.profiler.upper if end.name == "upper" else fitter.profiler.lower)[0]
    there = fitter.fit_others(Toys(toys.counts[without], toys.centres[without]), farthest)
    is_open = there.chi2 <= found.best.chi2[without] + end.delta_chi2
    limit = found.limit.copy()
    limit[without] = np.where(is_open, np.inf if end.name == "upper" else -np.inf, np.nan)
    return limit


def summarise_limits(fitter: ToyFitter, ends: list[End], of_toys: np.ndarray) -> list[ExpectedLimit]:
    """Quantiles of the limits (ends, toys) of toys, beside those of the data; NaN where no fit ended."""
    seen = find_limits(fitter, ends, observed(fitter.model))[:, 0]
    return [summarise_end(end, values, float(at)) for end, values, at in zip(ends, of_toys, seen, strict=True)]


def summarise_end(end: End, values: np.ndarray, at: float) -> ExpectedLimit:
    """Quantiles of one end over toys (toys,), beside that of the data, `at`; NaN is a fit that did not end."""
    ended = values[~np.isnan(values)]
    return ExpectedLimit(
        end=end,
        bands={name: quantile_with_error(ended, p) for name, p in BANDS.items()},
        observed=at,
        below=share_with_error(ended < at)[0],
        toys=len(values),
        open=int(np.isinf(values).sum()),
        failed=len(values) - len(ended),
    )
