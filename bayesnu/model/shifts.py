"""Counts under a shift of the detector's response as a polynomial of the shift, and how far that is from folding anew.

A shift z, in standard deviations of its prior, adds z times a first coefficient, z^2 times a second one and so on to the
counts. These are fitted to counts that are folded at `FOLDED`, most closely where the prior is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from bayesnu.support.errors import BayesnuError

LARGEST_SHIFT = 3.0  # standard deviations: where the prior of a shift ends
FOLDED = np.array([z for z in np.linspace(-LARGEST_SHIFT, LARGEST_SHIFT, 13) if z != 0])
CERTIFIED = 2.0  # standard deviations within which the expansion is held to `ALLOWED`: 95 % of the prior
ALLOWED = 0.1  # of the root of a bin's count: small beside its Poisson error
SIGNAL = 2.0  # standard deviations of the data that the signal of a physics parameter has where it is tried
TRIED = np.geomspace(1e-3, 1.0, 40)  # parts of a parameter's range

HIGHEST = 4  # power of a shift


@cache
def _fit(degree: int, folded: tuple[float, ...]) -> np.ndarray:
    """The matrix (degree, shifts) from changes of counts to coefficients of z ... z^degree, by weighted least squares."""
    z = np.array(folded)
    powers = z[:, None] ** np.arange(1, degree + 1)
    root = np.sqrt(np.exp(-(z**2) / 2))
    fit: np.ndarray = np.linalg.pinv(root[:, None] * powers) * root
    return fit


def expand(rest: np.ndarray, moved: np.ndarray, degrees: Sequence[int], folded: np.ndarray) -> np.ndarray:
    """Counts (HIGHEST, terms, bins) that multiply z, z^2 and so on; zero beyond a term's degree.

    They follow counts `moved` (shifts, terms, bins) at the shifts `folded`, beside those at rest (terms, bins).
    """
    out = np.zeros((HIGHEST, *rest.shape))
    for t, degree in enumerate(degrees):
        out[:degree, t] = _fit(degree, tuple(folded)) @ (moved[:, t] - rest[t])
    return out


def added_by(coefficients: np.ndarray, z: float) -> np.ndarray:
    """What a shift of z standard deviations adds to the counts (terms, bins)."""
    added: np.ndarray = np.tensordot(z ** np.arange(1, HIGHEST + 1), coefficients, axes=1)
    return added


@dataclass(frozen=True, eq=False)
class Shift:
    """Counts of terms, at rest (terms, bins) and `moved` (shifts, terms, bins), folded anew at every shift of `FOLDED`.

    `degrees` (terms,) are the highest powers of the shift that each term has room for.
    """

    where: str
    rest: np.ndarray
    moved: np.ndarray
    degrees: Sequence[int]

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Counts (HIGHEST, terms, bins) that multiply z, z^2 and so on; zero beyond a term's degree."""
        return expand(self.rest, self.moved, self.degrees, FOLDED)

    def counts_at(self, z: float) -> np.ndarray:
        """Counts (terms, bins) at a shift by so many standard deviations."""
        counts: np.ndarray = self.rest + added_by(self.coefficients, z)
        return counts

    def check_sign(self, standard_model: np.ndarray) -> None:
        """Refuse a shift that makes counts of the Standard Model, of these coefficients (terms,), negative."""
        for z in np.linspace(-LARGEST_SHIFT, LARGEST_SHIFT, 25):
            counts = standard_model @ self.counts_at(z)
            if np.any(counts < 0):
                raise BayesnuError(
                    f"{self.where}: the expansion in the shift gives negative counts in bin {int(np.argmin(counts)) + 1} at "
                    f"{z:+.1f} standard deviations; make the shift smaller or leave that bin out of the region"
                )

    def check_error(self, points: np.ndarray) -> None:
        """Refuse a shift whose expansion is far from a new fold at one of these `points`, coefficients (points, terms)."""
        for z, moved in zip(FOLDED, self.moved, strict=True):
            exact = points @ moved
            error = np.abs(points @ self.counts_at(z) - exact) / np.sqrt(np.maximum(exact, 1.0))
            if abs(z) <= CERTIFIED and error.max() > ALLOWED:
                k = int(error.max(axis=0).argmax())
                raise BayesnuError(
                    f"{self.where}: the expansion in the shift is wrong by {error.max():.3g} of the root of the count in "
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
