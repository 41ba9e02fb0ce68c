"""Counts under a shift of the detector's response, to second order, and how far that is from folding anew.

A shift z, in standard deviations of its prior, adds z times a slope and z^2 times a curvature to the counts. Both are
fitted to counts that are folded at `FOLDED`, where the prior is, so a step of the efficiency costs no more than it must.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesnu.support.errors import BayesnuError

LARGEST_SHIFT = 3.0  # standard deviations: where the prior of a shift ends
FOLDED = np.array([z for z in np.linspace(-LARGEST_SHIFT, LARGEST_SHIFT, 13) if z != 0])
CERTIFIED = 2.0  # standard deviations within which the expansion is held to `ALLOWED`: 95 % of the prior
ALLOWED = 0.1  # of the root of a bin's count: small beside its Poisson error
SIGNAL = 2.0  # standard deviations of the data that the signal of a physics parameter has where it is tried
TRIED = np.geomspace(1e-3, 1.0, 40)  # parts of a parameter's range

_DENSITY = np.exp(-(FOLDED**2) / 2)
_SLOPE = _DENSITY * FOLDED / (_DENSITY @ FOLDED**2)
_CURVATURE = _DENSITY * FOLDED**2 / (_DENSITY @ FOLDED**4)


@dataclass(frozen=True, eq=False)
class Shift:
    """Counts of terms, at rest (terms, bins) and `moved` (shifts, terms, bins), folded anew at every shift of `FOLDED`."""

    where: str
    rest: np.ndarray
    moved: np.ndarray

    @cached_property
    def slope(self) -> np.ndarray:
        """Counts (terms, bins) for a shift of one standard deviation, to first order."""
        return np.tensordot(_SLOPE, self.moved - self.rest, axes=1)

    @cached_property
    def curvature(self) -> np.ndarray:
        """Counts (terms, bins) that the square of a shift adds."""
        return np.tensordot(_CURVATURE, self.moved - self.rest, axes=1)

    def check_sign(self, standard_model: np.ndarray) -> None:
        """Refuse a shift that makes counts of the Standard Model, of these coefficients (terms,), negative."""
        rest, slope, curvature = (standard_model @ counts for counts in (self.rest, self.slope, self.curvature))
        for z in np.linspace(-LARGEST_SHIFT, LARGEST_SHIFT, 25):
            counts = rest + z * slope + z**2 * curvature
            if np.any(counts < 0):
                raise BayesnuError(
                    f"{self.where}: the expansion in the shift gives negative counts in bin {int(np.argmin(counts)) + 1} at "
                    f"{z:+.1f} standard deviations; make the shift smaller or leave that bin out of the region"
                )

    def check_error(self, coefficients: np.ndarray) -> None:
        """Refuse a shift whose expansion is far from a new fold at one of these points, coefficients (points, terms)."""
        for z, moved in zip(FOLDED, self.moved, strict=True):
            exact = coefficients @ moved
            found = coefficients @ (self.rest + z * self.slope + z**2 * self.curvature)
            error = np.abs(found - exact) / np.sqrt(np.maximum(exact, 1.0))
            if abs(z) <= CERTIFIED and error.max() > ALLOWED:
                k = int(error.max(axis=0).argmax())
                raise BayesnuError(
                    f"{self.where}: the expansion in the shift is wrong by {error.max():.2g} of the root of the count in "
                    f"bin {k + 1} at {z:+.1f} standard deviations, where {ALLOWED:g} is allowed; make the shift smaller"
                )


def find_values(
    linear: np.ndarray, quadratic: np.ndarray, background: np.ndarray, ends: tuple[float, float]
) -> Iterator[float]:
    """Yield values of a physics parameter, of either sign within its range, at which data could show its signal.

    The signal is x times `linear` plus x^2 times `quadratic`, counts (bins,) beside a `background` (bins,).
    """
    for end in ends:
        signals = np.outer(TRIED * end, linear) + np.outer((TRIED * end) ** 2, quadratic)
        strength = np.sqrt(np.sum(signals**2 / np.maximum(background, 1.0), axis=1))
        first = min(int(np.searchsorted(strength, SIGNAL)), len(TRIED) - 1)
        if end != 0:
            yield float(end * TRIED[first])
