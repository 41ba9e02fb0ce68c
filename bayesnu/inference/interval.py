"""Intervals as objects, and the level of a profile-likelihood interval."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import ndtri

from bayesnu.support.errors import BayesnuError


@dataclass(frozen=True)
class CredibleInterval:
    """A credible interval of one parameter, in units of `scale * unit` of its prior.

    `kind` is `upper` (from the lower end of the prior), `eti` (equal tails) or `hdi` (highest density in the parameter as
    it is named). `intervals` are its pieces; an end is None where the kind has none. `mcse` are Monte-Carlo standard
    errors of the outermost ends.
    """

    kind: str
    probability: float
    median: float
    intervals: tuple[tuple[float | None, float | None], ...]
    mcse_lower: float | None
    mcse_upper: float | None

    @property
    def lower(self) -> float | None:
        """Outermost lower end."""
        return self.intervals[0][0]

    @property
    def upper(self) -> float | None:
        """Outermost upper end."""
        return self.intervals[-1][1]


@dataclass(frozen=True, eq=False)
class ProfileInterval:
    """An interval from the profile likelihood, in units of `scale * unit`.

    `intervals` are its pieces, lowest first; an end is None where none exists. `status` says in words how it ended.
    `others` says what became of the other flavours: `zero` or `profiled`. `best_fit` is None where it is not unique.
    """

    parameter: str
    flavour: str
    others: str
    unit: str
    scale: float
    cl: float
    one_sided: bool
    delta_chi2: float
    best_fit: float | None
    chi2_min: float
    intervals: tuple[tuple[float | None, float | None], ...]
    status: str

    @property
    def lower(self) -> float | None:
        """Outermost lower end."""
        return self.intervals[0][0]

    @property
    def upper(self) -> float | None:
        """Outermost upper end."""
        return self.intervals[-1][1]


def delta_chi2(cl: float, one_sided: bool = False) -> float:
    """Quantile of chi^2 with one degree of freedom: 2.71 at 90 %, or the one-sided 1.64."""
    if not 0 < cl < 1:
        raise BayesnuError(f"cl: found {cl:g}; must lie between 0 and 1, for example 0.9")
    if one_sided and cl <= 0.5:
        raise BayesnuError(f"cl: found {cl:g}; a one-sided limit needs more than 0.5")
    return float(ndtri(cl if one_sided else (1 + cl) / 2) ** 2)
